"""Checkpoints are made as their kind says, and what is read of them is compared with their own library."""

from __future__ import annotations

import json
import random
import signal
import warnings
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

import benchmarks.faults.__main__ as benchmark
from benchmarks.faults import checkpoints, examine, views
from benchmarks.faults.kinds import KINDS, make
from benchmarks.faults.mangled_pickles import mangled_opcodes, opcodes
from benchmarks.faults.nursery import Ended, Nursery
from benchmarks.faults.samples import as_pickle, as_safetensors, state

#: The number of a checkpoint of each kind that is made twice here; the first that is small.
SOME = range(12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_is_the_same_for_one_seed_and_number(kind: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in SOME:
            (drawn, one), (_, again) = make(0, number, kind), make(0, number, kind)
            assert drawn == kind
            assert (one.name, one.what, one.special) == (again.name, again.what, again.special)
            assert one.name in {**one.files, **one.special}


@pytest.mark.parametrize("kind", ["shards", "changed safetensors", "changed old files"])
def test_a_few_checkpoints_of_the_benchmark(nursery: Nursery, tmp_path: Path, kind: str) -> None:
    trials = list(checkpoints.trials(tmp_path / "files", nursery, seed=0, numbers=range(15), kind=kind))
    assert [trial.number for trial in trials] == list(range(15))
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


@pytest.mark.parametrize("way", views.VIEWS)
def test_the_numbers_of_a_view_are_those_that_torch_shows(way: str) -> None:
    base = torch.arange(4 * 6 * 8, dtype=torch.float32).reshape(4, 6, 8)
    view = views.VIEWS[way](random.Random(0), base)
    assert examine.bits(view) == view.contiguous().numpy().tobytes()


def test_wrong_numbers_and_lacking_tensors_are_told(tmp_path: Path) -> None:
    tensors = state(random.Random(0))
    (tmp_path / "model.pt").write_bytes(as_pickle({"state_dict": tensors, "epoch": 1}))
    (tmp_path / "soup.safetensors").write_bytes(as_safetensors(tensors))
    expected = examine.reference(tmp_path / "model.pt")
    assert isinstance(expected, list)
    soup = examine.read_soup(tmp_path / "soup.safetensors")
    assert examine.differences(soup, expected, "read") == []
    assert examine.differences(soup | {"embed.bias": tensors["embed.bias"] + 1}, expected, "read") != []
    del soup["embed.bias"]
    assert examine.differences(soup, expected, "read") != []


def test_opcodes_are_changed_one_by_one() -> None:
    pickle = b"\x80\x02}X\x01\x00\x00\x00aK\x01s."
    assert b"".join(piece for _, piece in opcodes(pickle)) == pickle
    assert [name for name, _ in opcodes(pickle)] == ["PROTO", "EMPTY_DICT", "BINUNICODE", "BININT1", "SETITEM", "STOP"]
    changed = {mangled_opcodes(random.Random(seed), pickle)[0] for seed in range(40)}
    assert len(changed) > 20
