"""The archive tells what a run folder holds of an evaluation, and runs nothing."""

from pathlib import Path

import numpy as np
import pytest
from helpers.small import task

import radin
from radin.evaluation.archive import Archive
from radin.evaluation.batch_size import BatchSize
from radin.evaluation.evaluation import Evaluation
from radin.evaluation.keys import Keys
from radin.evaluation.run_folder import RunFolder
from radin.recipe import Recipe


@pytest.fixture
def pool(checkpoints: list[Path]) -> radin.Pool:
    return radin.Pool(checkpoints)


def archive_of(pool: radin.Pool, run: Path, folder: RunFolder, asked: list[str] | None = None) -> Archive:
    chosen = task()

    def make_keys() -> Keys:
        if asked is not None:
            asked.append("keys")
        return Keys(chosen, [pool.fingerprint(i) for i in range(len(pool))], "average")

    return Archive(chosen, folder, make_keys, BatchSize(chosen.batch_size, folder))


def test_before_a_run_everything_is_missing_and_keys_are_made_once(pool: radin.Pool, tmp_path: Path) -> None:
    asked: list[str] = []
    with RunFolder(tmp_path / "run") as folder:
        archive = archive_of(pool, tmp_path / "run", folder, asked)
        assert asked == []
        single = Evaluation(Recipe.subset(pool.names, [0]))
        assert archive.missing(single).tolist() == task().split[0].tolist()
        assert not archive.is_stored(single)
        assert archive.read(single) is None
        assert asked == ["keys"]


def test_after_a_run_it_finds_what_the_run_has_stored(pool: radin.Pool, tmp_path: Path) -> None:
    with radin.Verifier(pool, task(), tmp_path / "run") as verifier:
        expected = np.array(verifier.bank.read(1, 0, verifier.bank.n_samples))
    with RunFolder(tmp_path / "run") as folder:
        archive = archive_of(pool, tmp_path / "run", folder)
        single = Evaluation(Recipe.subset(pool.names, [1]))
        assert archive.is_stored(single)
        assert archive.is_in_bank(single)
        np.testing.assert_array_equal(archive.read(single), expected)
        soup = Evaluation(Recipe.subset(pool.names, [0, 1]))
        assert not archive.is_stored(soup)
        assert archive.stored_key(soup) in archive.keys_of(soup)
