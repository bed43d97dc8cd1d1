"""`soup_by_score`, from a pool and a command to a soup."""

import inspect
import json
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.outside import READ, SCRIPT, calls, make_pool, script
from safetensors.numpy import load_file
from torch import nn

import radin
from radin.errors import InputError, TaskError


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def soup(folder: Path, text: str = SCRIPT, n: int = 5, **settings) -> radin.OutsideResult:
    command = radin.CommandScorer(script(folder, text), **settings.pop("scorer", {}))
    settings["budget"] = radin.Budget(soups=settings.pop("soups", 4))
    return radin.soup_by_score(radin.Pool(make_pool(folder / "pool", n)), command, run_dir=folder / "run", **settings)


def test_last_k_calls_the_last_checkpoint_and_the_soups_of_the_end(tmp_path: Path) -> None:
    result = soup(tmp_path, searcher="last-k")
    assert calls(tmp_path) == [4.0, 3.5, 3.0, 2.5, 2.0]
    assert result.best.recipe.member_names == ("run1", "run2", "run3", "run4")
    assert (result.best.value, result.spent.soups, result.spent.passes) == (0.0, 4, 1)
    assert load_file(result.soup)["weight"].tolist() == [2.5] * 3
    assert result.best_ingredient is not None and result.best_ingredient.recipe.member_names == ("run4",)
    assert "the best of 1 of 5 checkpoints alone, run4, has -1.5" in result.verdict
    assert "These numbers chose the winner" in result.verdict
    written = json.loads((tmp_path / "run" / "leaderboard.json").read_text())
    assert written == json.loads(json.dumps(result.to_json()))
    assert written["report"] is None and "low" not in json.dumps(written["leaderboard"])


def test_a_search_of_everything_finds_the_best_subset(tmp_path: Path) -> None:
    result = soup(
        tmp_path, READ + "print(abs(weight - 1.7))", n=3, searcher="exhaustive", scorer={"higher_is_better": False}
    )
    truth = {c: abs(np.mean(c) - 1.7) for k in (1, 2, 3) for c in combinations(range(3), k)}
    assert [one.value for one in result.leaderboard] == pytest.approx(sorted(truth.values()))
    assert result.best.recipe.members == min(truth, key=truth.__getitem__)
    assert (result.spent.passes, result.spent.soups) == (3, 4)


@pytest.mark.parametrize("searcher", ["forward", "greedy", "windows", "backward", "local-search", "monte-carlo"])
def test_searchers_keep_to_the_budget_and_a_second_run_calls_nothing(tmp_path: Path, searcher: str) -> None:
    asked: list[float] = []

    class Near:
        name, higher_is_better, seconds, key = "nearness", True, None, "near"

        def __call__(self, checkpoint: Path, output: Path) -> float:
            asked.append(float(load_file(checkpoint)["weight"].mean()))
            return -abs(asked[-1] - 2.5)

    pool = radin.Pool(make_pool(tmp_path / "pool"))
    found = [
        radin.soup_by_score(pool, Near(), searcher=searcher, run_dir=tmp_path / "run", budget=radin.Budget(soups=3))
        for _ in range(2)
    ]
    assert len(asked) == found[0].spent.soups + found[0].spent.passes <= 3 + 5
    assert found[0].leaderboard == found[1].leaderboard
    assert found[0].spent == found[1].spent
    assert found[0].best.score == max(one.score for one in found[0].leaderboard)


def test_a_run_that_is_killed_in_a_call_goes_on_and_repeats_that_call_alone(tmp_path: Path) -> None:
    undisturbed = soup(tmp_path, searcher="last-k")
    (tmp_path / "run").rename(tmp_path / "other")
    (tmp_path / "calls.txt").unlink()
    dies = "\nif weight == 3.0 and not os.path.exists('died'):\n    open('died', 'w')\n    os.kill(os.getppid(), 9)\n"
    program = tmp_path / "program.py"
    command = script(tmp_path, SCRIPT + dies)
    program.write_text(
        "import glob, radin\n"
        f"scorer = radin.CommandScorer({command!r})\n"
        "radin.soup_by_score(radin.Pool(sorted(glob.glob('pool/*'))), scorer, searcher='last-k', run_dir='run')\n"
    )
    assert subprocess.run([sys.executable, program], check=False).returncode == -9
    assert calls(tmp_path) == [4.0, 3.5, 3.0]
    result = soup(tmp_path, SCRIPT + dies, searcher="last-k")
    assert calls(tmp_path) == [4.0, 3.5, 3.0, 3.0, 2.5, 2.0]
    assert result.leaderboard == undisturbed.leaderboard
    assert (result.spent.soups, result.spent.lost) == (4, 1)


def test_failed_soups_are_shown_and_charged_and_the_search_goes_on(tmp_path: Path) -> None:
    result = soup(tmp_path, SCRIPT + "\nif weight == 3.0: sys.exit('out of memory')", searcher="last-k")
    (failed,) = result.failed
    assert failed.recipe.member_names == ("run2", "run3", "run4")
    assert "it ended with status 1: out of memory" in failed.text
    assert failed.output.with_suffix(".err").read_text().endswith("out of memory\n")
    assert (result.spent.soups, result.best.value) == (4, 0.0)
    assert result.to_json()["failed"][0]["failure"] == failed.failure


@pytest.mark.parametrize("searcher", ["forward", "monte-carlo"])
def test_workers_give_what_one_call_after_the_other_gives(tmp_path: Path, searcher: str) -> None:
    text, results = SCRIPT + "\nif weight in (3.5, 2.0): sys.exit('out of memory')", []
    for workers in (1, "3"):
        results.append(soup(tmp_path, text, searcher=searcher, workers=workers))
        (tmp_path / "run").rename(tmp_path / f"run{workers}")
    assert len(results[0].failed) >= 1
    for other in results[1:]:
        assert other.leaderboard == results[0].leaderboard
        assert [(one.recipe, one.failure) for one in other.failed] == [
            (one.recipe, one.failure) for one in results[0].failed
        ]
        same = ("passes", "soups", "tests", "lost")
        assert [getattr(other.spent, name) for name in same] == [getattr(results[0].spent, name) for name in same]
    assert len(calls(tmp_path)) == 2 * (results[0].spent.passes + results[0].spent.soups)


def test_a_task_of_functions_takes_no_workers(tmp_path: Path) -> None:
    task, pool = radin.ScoredTask(Network, lambda network: 1.0), radin.Pool(make_pool(tmp_path / "pool"))
    with pytest.raises(InputError, match="runs in this process, one network at a time, so workers cannot help it"):
        radin.soup_by_score(pool, task, run_dir=tmp_path / "run", workers=2)
    assert not (tmp_path / "run").exists()


def test_another_scorer_file_means_other_scores(tmp_path: Path) -> None:
    data = tmp_path / "val.txt"
    for text, known in [("a", 3), ("b", 6), ("b", 6)]:
        data.write_text(text)
        soup(tmp_path, searcher="last-k", soups=2, scorer={"files": [data]})
        assert len(calls(tmp_path)) == known
        assert (tmp_path / "run" / "soup.safetensors").exists()


def test_a_scorer_that_reports_is_asked_about_two_networks(tmp_path: Path) -> None:
    report = radin.ScoredTask(Network, lambda network: float(network.weight.detach().sum()), name="sum")
    result = soup(tmp_path, searcher="last-k", report=report)
    assert result.report is not None
    assert (result.report.winner, result.report.best_ingredient, result.spent.tests) == (7.5, 12.0, 2)


def test_what_cannot_work_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="no number for any of the first 3 networks"):
        soup(tmp_path, "print('nothing')")
    with pytest.raises(InputError, match="expected batchnorm as one of average, keep"):
        soup(tmp_path, batchnorm="recompute")
    pool = radin.Pool(make_pool(tmp_path / "pool"))
    make_soup = inspect.unwrap(radin.make_soup)  # without the check of types that tests add
    with pytest.raises(InputError, match=r"goes to radin\.soup_by_score"):
        make_soup(pool, radin.ScoredTask(Network, len), run_dir=tmp_path / "run")
