"""The comparison of the demo, on a pool that trains in a moment."""

from pathlib import Path

from helpers.small import task

import radin
from radin.demo.comparison import compare


def test_baselines_stand_beside_the_procedure(checkpoints: list[Path], tmp_path: Path) -> None:
    rows = compare(radin.Pool(checkpoints), task(), run_dir=tmp_path / "run", soups=(1, 2))
    single, uniform, greedy, *ours = rows
    assert [one.method for one in rows[:3]] == ["best single ingredient", "uniform soup", "greedy soup"]
    assert [one.method for one in ours] == ["RADIN, B = 1", "RADIN, B = 2"]
    assert (single.size, single.soups, uniform.size, greedy.soups) == (1, 0, 5, 4)
    assert [one.soups for one in ours] == [1, 2]
    assert all(one.selection >= single.selection for one in (greedy, *ours))
