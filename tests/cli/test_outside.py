"""`radin soup --scorer` on the command line."""

import json
import signal
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from helpers.command_line import SMALL, refused, run
from helpers.outside import SCRIPT, calls, make_pool, script

from radin.outside import side_by_side


@pytest.fixture
def soup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """A whole command that searches by a scorer."""
    monkeypatch.chdir(tmp_path)
    return [
        "soup",
        *make_pool(tmp_path / "pool"),
        "--scorer",
        script(tmp_path),
        "--searcher",
        "last-k",
        "--run-dir",
        "run",
    ]


def test_soup_prints_verdict_leaderboard_and_cost(capsys: pytest.CaptureFixture, soup: list, tmp_path: Path) -> None:
    code, out, _ = run(capsys, *soup, "--soups", 3, "-o", "new/mine.safetensors")
    assert code == 0
    for text in (
        "by the score that chose the winner",
        "1 call for single checkpoints",
        "3 real soups",
        "Soup: new/mine",
    ):
        assert text in out
    assert "95 %" not in out
    assert (tmp_path / "new" / "mine.safetensors").read_bytes() == (tmp_path / "run" / "soup.safetensors").read_bytes()
    code, again, _ = run(capsys, "show", "run")
    assert (code, again.split("Soup:")[0]) == (0, out.split("Soup:")[0])
    assert "no page is made" in refused(capsys, "report", "run")
    assert "to MLflow go runs of a task" in refused(capsys, "export", "run", "--mlflow", "runs.db")
    assert run(capsys, "export", "run", "--mergekit", "recipe.yaml")[0] == 0
    assert "pool/run4.safetensors" in (tmp_path / "recipe.yaml").read_text()
    assert len(calls(tmp_path)) == 4


def test_options_of_the_scorer_reach_it(capsys: pytest.CaptureFixture, soup: list, tmp_path: Path) -> None:
    script(
        tmp_path, SCRIPT + "\nif weight == 3.0: time.sleep(600)\nprint({True: '{\"score\": 3}'}.get(weight == 3.5, 9))"
    )
    more = ["--lower-is-better", "--scorer-seconds", 2, "--scorer-file", "eval.py", "--soups", 2, "--json"]
    code, out, _ = run(capsys, *soup, *more, "--report-scorer", script(tmp_path, (tmp_path / "eval.py").read_text()))
    document = json.loads(out)
    assert (code, document["best"]["value"], document["higher_is_better"]) == (0, 3.0, False)
    assert document["failed"][0]["failure"] == "it took longer than 2 seconds"
    assert document["report"]["winner"] == 3.0
    code, out, _ = run(capsys, "show", "run")
    assert "Warning: the scorer gave no number for run2 + run3 + run4: it took longer" in " ".join(out.split())
    assert "Reported by a scorer that chose nothing: winner 3; best checkpoint alone 9." in " ".join(out.split())


def test_calls_on_workers_end_with_the_run_and_the_same_command_goes_on(
    capsys: pytest.CaptureFixture, soup: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = "\nif not os.path.exists('go'):\n    print(os.getpid(), flush=True)\n    time.sleep(60)\n"
    script(tmp_path, SCRIPT.replace("print(", waits + "print(", 1))
    command = [*soup, "--searcher", "forward", "--soups", 3, "--workers", 2]
    children: list[int] = []

    def ends_it(seconds: float) -> None:
        printed = [file.read_text() for file in tmp_path.glob("run/scores/*.out")]
        if not children and len(printed) == 2 and all(text.endswith("\n") for text in printed):
            children.extend(map(int, printed))
            signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patched:
        patched.setattr(side_by_side, "time", SimpleNamespace(sleep=ends_it))
        code, _, said = run(capsys, *command)
    assert code == 130 and "the same command goes on" in said
    assert len(children) == 2 and not any(map(psutil.pid_exists, children))
    Path("go").touch()
    code, out, _ = run(capsys, *command)
    said = " ".join(out.split())
    assert code == 0 and "3 real soups" in said and "2 calls lost to interruptions" in said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--task", f"{SMALL}:task"], "needs --task or --scorer, one of the two, and both are given"),
        (["--race"], "--race does not go with --scorer"),
        (["--workers", "many"], "expected workers as a number, 'auto'"),
        (["--workers", 2, "--at-once", 2], "--at-once does not go with --scorer"),
        (["--plan"], "--plan does not go with --scorer"),
        (["--batchnorm", "recompute"], "expected batchnorm as one of average, keep"),
    ],
)
def test_options_that_do_not_go_together(capsys: pytest.CaptureFixture, soup: list, more: list, said: str) -> None:
    assert said in refused(capsys, *soup, *more)


def test_a_task_takes_no_options_of_scorers(capsys: pytest.CaptureFixture, soup: list) -> None:
    files = soup[:6]
    assert "neither is given" in refused(capsys, *files)
    assert "--lower-is-better does not go with --task" in refused(
        capsys, *files, "--task", f"{SMALL}:task", "--lower-is-better"
    )


#: A task file whose task is a number for each network.
SCORED = """
import torch, radin

class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(3))

def task(best: float = 2.5):
    return radin.ScoredTask(Network, lambda network: -abs(float(network.weight.mean()) - best), name="nearness")
"""


def test_a_task_that_is_a_scored_one_is_searched_on_real_soups(
    capsys: pytest.CaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = make_pool(tmp_path / "pool")
    Path("mytask.py").write_text(SCORED)
    command = ["soup", *files, "--task", "mytask.py:task", "--searcher", "last-k", "--soups", 3, "--run-dir", "run"]
    code, out, _ = run(capsys, *command)
    assert code == 0 and "by the nearness that chose the winner" in out and "3 real soups" in out
    code, out, _ = run(capsys, *command[:-1], "other", "--task-arg", "best=3.5", "--json")
    assert (code, json.loads(out)["best"]["value"]) == (0, 0.0)
    assert "--holdback does not go with a task that is a radin.ScoredTask" in refused(capsys, *command, "--holdback", 0)
    assert "--at-once does not go with a task that is a radin.ScoredTask" in refused(capsys, *command, "--at-once", 2)
    assert "--workers does not go with a task that is a radin.ScoredTask, which runs one network at a time" in refused(
        capsys, *command, "--workers", 2
    )
    assert "mytask.py:task must return a radin.Task, got ScoredTask" in refused(
        capsys, "diagnose", *files, "--task", "mytask.py:task", "--run-dir", "third"
    )
