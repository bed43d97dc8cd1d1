"""Scores in a run folder are whole, or are not there."""

from pathlib import Path

import pytest

from radin.outside.score_folder import Outcome, ScoreFolder


@pytest.fixture
def folder(tmp_path: Path) -> ScoreFolder:
    made = ScoreFolder(tmp_path / "scores")
    made.prepare()
    return made


def test_an_outcome_is_read_as_it_was_written(folder: ScoreFolder) -> None:
    outcomes = [Outcome("a" * 64, {"x": 0.1, "y": 0.9}, 1 / 3), Outcome("b" * 64, {"x": 1.0}, None, "too slow", 2.0)]
    for one in outcomes:
        folder.write(one)
    assert [folder.read(one.key) for one in outcomes] == outcomes
    assert folder.keys() == {one.key for one in outcomes}
    folder.forget(outcomes[0].key)
    assert folder.read(outcomes[0].key) is None


@pytest.mark.parametrize("damage", [lambda text: text.replace("0.5", "0.7"), lambda text: text[:9], lambda text: "[]"])
def test_a_damaged_outcome_counts_as_absent(folder: ScoreFolder, damage) -> None:
    folder.write(Outcome("c" * 64, {"x": 1.0}, 0.5))
    place = folder.place("c" * 64)
    place.write_text(damage(place.read_text()))
    assert folder.read("c" * 64) is None
    assert folder.keys() == set()


def test_leftovers_of_killed_processes_go(folder: ScoreFolder) -> None:
    (folder.path / ".one.json.12.part").write_text("{")
    folder.prepare()
    assert list(folder.path.iterdir()) == []
