"""The objective of outside scores: what is called, when, and what is charged."""

from pathlib import Path

import numpy as np
import pytest
from helpers.outside import READ, calls, make_pool, script

import radin
from radin.errors import RunDirError, TaskError
from radin.evaluation.inputs import Inputs
from radin.evaluation.run_folder import RunFolder
from radin.outside.objective import OutsideObjective
from radin.recipe import Recipe


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def objective(folder: Path, text: str | None = None, workers: int = 1, **settings) -> OutsideObjective:
    command = script(folder) if text is None else script(folder, text)
    pool, scorer = radin.Pool(make_pool(folder / "pool")), radin.CommandScorer(command, **settings)
    return OutsideObjective(pool, scorer, folder / "run", workers=workers)


def test_it_is_an_objective_and_calls_nothing_that_is_not_asked_for(tmp_path: Path) -> None:
    with objective(tmp_path) as made:
        assert isinstance(made, radin.Objective)
        assert calls(tmp_path) == []
        masks = np.array([[0, 0, 1, 1, 0], [1, 1, 1, 1, 1]], dtype=bool)
        assert made(masks).tolist() == [0.0, -0.5]
        assert made.own_scores(np.array([4])).tolist() == [-1.5]
        assert calls(tmp_path) == [2.5, 2.0, 4.0]
        assert np.array(made.solo).tolist() == [-2.5, -1.5, -0.5, -0.5, -1.5]
        assert calls(tmp_path) == [2.5, 2.0, 4.0, 0.0, 1.0, 2.0, 3.0]
    assert not list((tmp_path / "run").glob("candidate*"))


def test_lower_is_better_turns_scores_and_keeps_numbers(tmp_path: Path) -> None:
    with objective(tmp_path, READ + "print(weight)", higher_is_better=False) as made:
        assert np.array(made.solo).tolist() == [0, -1, -2, -3, -4]
        assert [one.value for one in made.asked.values()] == [0, 1, 2, 3, 4]


def test_a_call_that_fails_is_charged_once_and_scores_worst(tmp_path: Path) -> None:
    text = READ + "assert weight != 2.5, 'bad soup'\nprint(weight)"
    for _ in range(2):
        with objective(tmp_path, text) as made:
            pair = np.array([[0, 0, 1, 1, 0]], dtype=bool)
            assert made.own_scores(np.array([3])).tolist() == [3.0]
            assert made(pair).tolist() == [-np.inf]
            (_, failed) = made.asked.values()
            assert failed.failure == "it ended with status 1: AssertionError: bad soup"
            assert made.folder.ledger.count("soup") == 1


def test_a_call_that_took_too_long_may_take_longer_and_no_other_is_repeated(tmp_path: Path) -> None:
    recipe = Recipe.subset([f"run{i}" for i in range(5)], [0, 1])
    slow = "import time; time.sleep(600)"
    with objective(tmp_path, slow, seconds=0.3) as made:
        assert "longer than 0.3" in made.outcome(recipe).failure
        assert "longer than 0.3" in made.outcome(recipe).failure
        assert made.folder.ledger.count("soup") == 1
    with objective(tmp_path, slow, seconds=0.4) as made:
        assert "longer than 0.4" in made.outcome(recipe).failure
        assert (made.folder.ledger.count("soup"), made.folder.ledger.count("soup", "lost")) == (1, 1)


def test_a_scorer_that_never_works_ends_the_run_and_its_failures_are_not_kept(tmp_path: Path) -> None:
    with objective(tmp_path, "raise SystemExit('no module')") as made:
        with pytest.raises(TaskError, match=r"any of the first 3 networks; the last time it ended .*: no module"):
            np.array(made.solo)
        assert made.scores.keys() == set()
        assert made.folder.ledger.count("pass") == 0


#: Waits until another call has begun, so that it ends only beside one.
MEETS = (
    READ
    + """
os.makedirs("begun", exist_ok=True)
open(f"begun/{weight}", "w")
while len(os.listdir("begun")) < 2:
    time.sleep(0.01)
print(weight)
"""
)


def test_calls_run_side_by_side_on_checkpoints_of_their_own(tmp_path: Path) -> None:
    with objective(tmp_path, MEETS, workers=2, seconds=60.0) as made:
        assert made.own_scores(np.array([3, 0])).tolist() == [3.0, 0.0]
        assert [str(recipe) for recipe in made.asked] == ["run3", "run0"]
        assert made(np.eye(5)[:2] / 2 + np.eye(5)[3:] / 2).tolist() == [1.5, 2.5]
        assert (made.folder.ledger.count("pass"), made.folder.ledger.count("soup")) == (2, 2)
    assert sorted(calls(tmp_path)) == [0.0, 1.5, 2.5, 3.0]
    assert not list((tmp_path / "run").glob("candidate*"))


def test_no_more_calls_run_than_there_are_workers(tmp_path: Path) -> None:
    text = READ + (
        "os.makedirs('busy', exist_ok=True)\nopen(f'busy/{weight}', 'w')\n"
        "together = len(os.listdir('busy'))\ntime.sleep(0.1)\nos.remove(f'busy/{weight}')\nprint(together)"
    )
    with objective(tmp_path, text, workers=2) as made:
        assert set(np.array(made.solo)) <= {1.0, 2.0}


def test_a_scorer_that_never_works_is_called_as_often_as_workers_allow_and_nothing_is_kept(tmp_path: Path) -> None:
    with objective(tmp_path, READ + "raise SystemExit('no module')", workers=4) as made:
        with pytest.raises(TaskError, match="any of the first 3 networks"):
            np.array(made.solo)
        assert made.scores.keys() == set()
        assert made.folder.ledger.count("pass") == 0
    assert sorted(calls(tmp_path)) == [0, 1, 2, 3]


def test_files_of_a_process_that_was_killed_are_removed(tmp_path: Path) -> None:
    (tmp_path / "run" / "candidate-2").mkdir(parents=True)
    (tmp_path / "run" / "candidate-1.safetensors").touch()
    with objective(tmp_path):
        assert not list((tmp_path / "run").glob("candidate*"))


def test_failures_that_were_known_before_end_no_other_search(tmp_path: Path) -> None:
    text = READ + "assert weight > 2, 'bad'\nprint(weight)"
    for order in ([4, 0, 1, 2], [0, 1, 2, 4]):
        with objective(tmp_path, text) as made:
            assert made.own_scores(np.array(order)).tolist() == [4.0 if i == 4 else -np.inf for i in order]
    assert calls(tmp_path) == [4, 0, 1, 2]


def test_the_folder_of_a_task_is_refused(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "run") as folder:
        folder.bind(Inputs(task={"data": "rows", "task code": "code"}, ingredients={}, settings={}))
        with folder.ledger.charge("pass", "key", "run0", 3):
            pass
    with pytest.raises(RunDirError, match="made with other inputs: the data differs"):
        objective(tmp_path)
