"""Distances come from the run folder, whole and of this pool, or not at all."""

import dataclasses
import re
import shutil
from pathlib import Path

import numpy as np

import radin
from radin.evaluation.gram import weight_gram
from radin.report.page.distances import NAMED, Distances, heat_map, stored_distances
from radin.report.record import Record


def test_they_are_those_of_the_weights(record: Record, checkpoints: list[Path]) -> None:
    found, pool = stored_distances(record), radin.Pool(checkpoints)
    assert found is not None
    assert found.names == pool.names
    np.testing.assert_allclose(found.matrix, weight_gram(pool).distances, rtol=1e-9)


def test_without_a_whole_file_there_are_none(record: Record, tmp_path: Path) -> None:
    shutil.copytree(record.folder, tmp_path / "run")
    moved = dataclasses.replace(record, folder=tmp_path / "run")
    assert stored_distances(moved) is not None
    (file,) = (tmp_path / "run" / "grams").glob("weights-*.npy")
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    assert stored_distances(moved) is None
    assert stored_distances(Record(dict(record.document) | {"about": {}}, record.folder)) is None


def test_every_pair_has_one_cell() -> None:
    for n in (2, 5, NAMED + 1):
        points = np.random.default_rng(n).normal(size=(n, 4))
        apart = np.linalg.norm(points[:, None] - points[None, :], axis=-1)
        apart[0, 1:] = apart[1:, 0] = np.nan
        made = heat_map(Distances(tuple(f"<run{i}>" for i in range(n)), apart), {})
        assert sum(int(length) for length in re.findall(r"\.5h(\d+)", made)) == n * n
        assert made.count("&lt;run") == (n if n <= NAMED else 0)
        assert "<run" not in made
        assert sum(
            int(x) for path in re.findall(r'd="([^"]*)" class="step-1"', made) for x in re.findall(r"h(\d+)", path)
        ) == 2 * (n - 1)
