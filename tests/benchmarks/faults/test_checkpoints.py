"""Checkpoints are made as their kind says, and what is read of them is compared with their own library."""

from __future__ import annotations

import json
import signal
from contextlib import nullcontext
from pathlib import Path

import pytest

import benchmarks.faults.__main__ as benchmark
from benchmarks.faults import checkpoints
from benchmarks.faults.kinds import KINDS
from benchmarks.faults.nursery import Ended, Nursery


@pytest.mark.parametrize("kind", KINDS)
def test_a_few_checkpoints_of_the_benchmark(nursery: Nursery, tmp_path: Path, kind: str) -> None:
    trials = list(checkpoints.trials(tmp_path / "files", nursery, seed=0, numbers=range(5), kind=kind))
    assert [trial.number for trial in trials] == list(range(5))
    assert [trial for trial in trials if trial.faults] == []


def test_the_command_writes_a_row_for_each_trial(
    nursery: Nursery, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark, "Nursery", lambda: nullcontext(nursery))  # the one that is warm
    rows = tmp_path / "results" / "rows.jsonl"
    code = benchmark.main(
        ["--only", "checkpoints", "--kind", "shards", "--count", "3", "--seed", "5", "--json", str(rows)]
    )
    found = [json.loads(line) for line in rows.read_text().splitlines()]
    assert [(row["number"], row["seed"], row["outcome"], row["faults"]) for row in found] == [
        (number, 5, "read", []) for number in range(3)
    ]
    assert code == 0
    assert "3 trials" in capsys.readouterr().out


def test_a_process_that_died_is_a_failed_trial(tmp_path: Path) -> None:
    class Dying(Nursery):
        """Two children that die: the first at its second checkpoint, the other at once."""

        left = 2

        def call(self, function: str, arguments: object, **more: object) -> Ended:
            self.left -= 1
            if self.left < 0:
                rows = range(arguments[2], arguments[3])
                return Ended(0, 1.0, "\n".join(map(self.row, rows)), "")
            return Ended(-signal.SIGSEGV if self.left else -signal.SIGALRM, 1.0, self.row(0) if self.left else "", "")

        def row(self, number: int) -> str:
            return json.dumps({"number": number, "kind": "shards", "what": "", "outcome": "read", "faults": []})

    trials = list(checkpoints.trials(tmp_path, Dying(), 0, range(5), "shards"))
    assert [trial.number for trial in trials] == list(range(5))
    assert [trial.outcome for trial in trials] == ["read", "crash", "hang", "read", "read"]
