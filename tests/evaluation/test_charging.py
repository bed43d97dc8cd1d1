"""Charges: once for each evaluation, lost where the block fails, kept where a baseline's logits are not finite."""

from pathlib import Path

import pytest
from helpers.small import task

from radin.common.progress import SILENT
from radin.errors import NonFiniteError
from radin.evaluation.archive import Archive
from radin.evaluation.batch_size import BatchSize
from radin.evaluation.charging import Charging
from radin.evaluation.evaluation import Evaluation
from radin.evaluation.keys import Keys
from radin.evaluation.run_folder import RunFolder
from radin.recipe import Recipe

NAMES = ("a", "b")
SOUP = Evaluation(Recipe.subset(NAMES, [0, 1]))


@pytest.fixture
def folder(tmp_path: Path):
    with RunFolder(tmp_path / "run") as opened:
        yield opened


@pytest.fixture
def charging(folder: RunFolder) -> Charging:
    chosen = task()
    keys = Keys(chosen, ["one", "other"], "average")
    return Charging(folder, Archive(chosen, folder, lambda: keys, BatchSize(64, folder)), SILENT)


def test_a_block_that_ends_is_done_and_one_that_fails_is_lost(folder: RunFolder, charging: Charging) -> None:
    with charging.charged("soup", "key", SOUP, 10, False, None):
        assert (folder.ledger.count("soup"), folder.ledger.rows("soup")) == (0, 0)
    with pytest.raises(ValueError), charging.charged("soup", "other", SOUP, 10, False, None):
        raise ValueError("no")
    assert (folder.ledger.count("soup"), folder.ledger.count("soup", "lost")) == (1, 1)
    assert folder.ledger.rows("soup") == 10


def test_a_result_that_is_run_again_counts_as_lost_before(folder: RunFolder, charging: Charging) -> None:
    for _ in range(2):
        with charging.charge("soup", "key", "a soup", 10):
            pass
    assert (folder.ledger.count("soup"), folder.ledger.count("soup", "lost")) == (1, 1)
    assert "a soup" in folder.notes[0]


def test_a_baseline_that_is_not_finite_is_charged_once_and_raised_again(folder: RunFolder, charging: Charging) -> None:
    tried = []
    for _ in range(2):
        with pytest.raises(NonFiniteError, match="NaN"), charging.charged("baseline", "key", SOUP, 10, True, None):
            tried.append("once")
            raise NonFiniteError("NaN in the logits")
    assert tried == ["once"]
    assert folder.ledger.count("baseline") == 1


def test_the_progress_of_a_block_is_that_of_its_caller_if_there_is_one(charging: Charging) -> None:
    done: list[int] = []
    with charging.charged("soup", "key", SOUP, 10, False, done.append) as advance:
        advance(4)
    assert done == [4]
