"""The comparison of the demo, on a pool that trains in a moment."""

from pathlib import Path

from helpers.small import task

import radin
from radin.demo.comparison import compare


def test_baselines_stand_beside_the_procedure(checkpoints: list[Path], tmp_path: Path) -> None:
    rows, differences = compare(radin.Pool(checkpoints), task(), run_dir=tmp_path / "run", soups=(1, 2))
    single, uniform, greedy, *ours = rows
    assert [one.method for one in rows[:3]] == ["best single ingredient", "uniform soup", "greedy soup"]
    assert [one.method for one in ours] == ["RADIN, B = 1", "RADIN, B = 2"]
    assert (single.size, single.soups, uniform.size, greedy.soups) == (1, 0, 5, 4)
    assert [one.soups for one in ours] == [1, 2]
    assert greedy.selection >= single.selection
    assert [one.passes for one in rows] == [5, 1, 9, 6, 7]
    assert all(0 <= one.low < one.held_back < one.high <= 1 for one in rows)
    assert [one.method for one in differences] == [one.method for one in rows[:3]]
    for one, row in zip(differences, rows, strict=False):
        assert abs(one.difference - (ours[-1].held_back - row.held_back)) < 1e-12
        assert 0 < one.p_value <= 1 and one.is_noise == (one.p_value >= 0.05)
