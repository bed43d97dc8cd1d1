"""Calls side by side: their places, their GPUs, and what becomes of them when one cannot be started."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from helpers.outside import script

import radin
from radin.errors import InputError, TaskError
from radin.outside.scorer import Running, ScorerFailure
from radin.outside.side_by_side import Answered, begun, environments, places_of, run_side_by_side, visible_devices


class Waits:
    """A call that is over after so many looks."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    @property
    def is_over(self) -> bool:
        self.looks -= 1
        return self.looks < 0

    def number(self) -> float:
        return 0.0

    def end(self) -> None:
        pass


def test_calls_start_in_order_and_take_the_places_that_are_free() -> None:
    told: list[str] = []

    @contextmanager
    def call(name: str, looks: int, place: int) -> Iterator[Running]:
        told.append(f"{name} begins on {place}")
        yield Waits(looks)
        told.append(f"{name} ends")

    run_side_by_side([partial(call, "long", 3), partial(call, "short", 1), partial(call, "last", 0)], 2)
    assert told == [
        *("long begins on 0", "short begins on 1", "short ends", "last begins on 1", "last ends", "long ends"),
    ]
    told.clear()
    run_side_by_side([partial(call, "long", 2), partial(call, "short", 0)], 1)
    assert told == ["long begins on 0", "long ends", "short begins on 0", "short ends"]


def test_an_error_leaves_every_call_that_is_under_way() -> None:
    left: list[tuple[str, str]] = []

    @contextmanager
    def call(name: str, place: int) -> Iterator[Running]:
        if name == "third":
            raise TaskError("no room")
        try:
            yield Waits(1 if name == "first" else 100)
        except TaskError as error:
            left.append((name, str(error)))
            raise

    with pytest.raises(TaskError, match="no room"):
        run_side_by_side([partial(call, name) for name in ("first", "second", "third")], 2)
    assert left == [("second", "no room")]


@pytest.mark.parametrize(
    ("visible", "places", "dealt"),
    [
        ("0,1,2,3", 2, ["0,2", "1,3"]),
        ("GPU-a, GPU-b", 3, ["GPU-a", "GPU-b", "GPU-a"]),
        ("5,7,-1,2", 2, ["5", "7"]),
    ],
)
def test_several_gpus_are_dealt_out(
    monkeypatch: pytest.MonkeyPatch, visible: str, places: int, dealt: list[str]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    found = environments(places)
    assert [None if one is None else one["CUDA_VISIBLE_DEVICES"] for one in found] == dealt
    assert found[0] is not None and found[0]["PATH"] == os.environ["PATH"]


@pytest.mark.parametrize(("visible", "places"), [("0,1", 1), ("3", 2), ("-1", 2), ("", 2)])
def test_one_place_or_one_gpu_leaves_the_variables_as_they_are(
    monkeypatch: pytest.MonkeyPatch, visible: str, places: int
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert environments(places) == [None] * places


def test_auto_is_one_for_each_gpu_or_core(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    command = radin.CommandScorer(script(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    assert [places_of(workers, command) for workers in ("auto", 2, "2", None)] == [3, 2, 2, 1]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert places_of("auto", command) == os.cpu_count()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    import torch

    assert len(visible_devices()) == torch.cuda.device_count()


def test_workers_that_cannot_be_meant_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    command, here = radin.CommandScorer(script(tmp_path)), radin.ScoredTask(dict, len)
    assert places_of(1, here) == 1
    with pytest.raises(InputError, match="a ScoredTask runs in this process, one network at a time"):
        places_of(2, here)
    with pytest.raises(InputError, match=r"got a radin\.Workers, which is about networks on Ray"):
        places_of(radin.Workers(count=2), command)
    with pytest.raises(InputError, match="expected workers as a number, 'auto'"):
        places_of("many", command)


def test_what_cannot_be_started_or_runs_here_is_over_at_once(tmp_path: Path) -> None:
    class Here:
        name, higher_is_better, seconds, key = "here", True, None, "here"

        def __call__(self, checkpoint: Path, output: Path) -> float:
            if checkpoint.name == "bad":
                raise ScorerFailure("bad soup")
            return 0.25

    good, bad = (begun(Here(), tmp_path / name, tmp_path / "said", None) for name in ("good", "bad"))
    assert isinstance(good, Answered) and good.is_over and good.number() == 0.25
    with pytest.raises(ScorerFailure, match="bad soup"):
        bad.number()
    program = tmp_path / "program"
    program.write_text("#!/no/such/interpreter\n")
    program.chmod(0o755)
    command = begun(radin.CommandScorer(f"{program} {{checkpoint}}"), tmp_path / "good", tmp_path / "said", None)
    with pytest.raises(ScorerFailure, match="could not be started"):
        command.number()
