"""Calls of a scorer that run side by side, each on GPUs of its own where there are several."""

from __future__ import annotations

import os
import time
from bisect import insort
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from itertools import takewhile
from pathlib import Path
from typing import Any

from radin.errors import InputError
from radin.evaluation.workers import Workers
from radin.outside.scorer import Running, Scorer, ScorerFailure, Startable

#: Seconds between two looks at the calls that are under way.
PAUSE = 0.02

#: The variable by which a program is told which GPUs it may use.
VISIBLE = "CUDA_VISIBLE_DEVICES"


class Answered:
    """A call that was over when it had begun: in this process, or of a program that could not be started.

    Arguments:
        answer: the number, or why there is none.
    """

    is_over = True

    def __init__(self, answer: float | ScorerFailure) -> None:
        self._answer = answer

    def number(self) -> float:
        """The number.

        Raises:
            ScorerFailure: there is none.
        """
        if isinstance(self._answer, ScorerFailure):
            raise self._answer
        return self._answer

    def end(self) -> None:
        """Nothing is left to end."""


def begun(scorer: Scorer, checkpoint: Path, output: Path, environment: Mapping[str, str] | None) -> Running:
    """A call of a scorer, which is under way if the scorer can start it, and else over.

    Arguments:
        scorer: that is called.
        checkpoint, output: see `Scorer`.
        environment: variables of its program; None for those of this process.
    """
    try:
        if isinstance(scorer, Startable):
            return scorer.start(checkpoint, output, environment)
        return Answered(scorer(checkpoint, output))
    except ScorerFailure as failure:
        return Answered(failure)


def run_side_by_side(calls: Sequence[Callable[[int], AbstractContextManager[Running]]], places: int) -> None:
    """Runs calls, started in their order, on some places; each place runs one at a time.

    Where a call cannot be started, or the wait for them is interrupted, those that are under way are left with that
    error, which ends them.

    Arguments:
        calls: each is told its place, and is under way inside of the block that it gives.
        places: number of them.
    """
    free, waiting = list(range(places)), deque(calls)
    under_way: dict[int, tuple[ExitStack, Running]] = {}
    with ExitStack() as every:
        while waiting or under_way:
            while waiting and free:
                block = every.enter_context(ExitStack())
                place = free.pop(0)
                under_way[place] = block, block.enter_context(waiting.popleft()(place))
            over = [place for place, (_, running) in under_way.items() if running.is_over]
            for place in over:
                block, _ = under_way.pop(place)
                block.close()
                insort(free, place)
            if not over:
                time.sleep(PAUSE)


def environments(places: int) -> list[Mapping[str, str] | None]:
    """The variables of the programs on each place; None for those of this process.

    Several GPUs are dealt out, so that no two programs share one as long as there are enough: of eight GPUs, each of
    four places gets two. Where there are fewer GPUs than places, each place gets one, and some share it.
    """
    devices = visible_devices() if places > 1 else []
    if len(devices) < 2:
        return [None] * places
    dealt = [devices[place::places] or [devices[place % len(devices)]] for place in range(places)]
    return [os.environ | {VISIBLE: ",".join(own)} for own in dealt]


def visible_devices() -> list[str]:
    """Names of the GPUs that this process may use, as CUDA reads them."""
    named = os.environ.get(VISIBLE)
    if named is not None:
        return list(takewhile(lambda one: one not in ("", "-1"), map(str.strip, named.split(","))))
    import torch

    return [str(place) for place in range(torch.cuda.device_count())]


def places_of(workers: Any, scorer: Scorer) -> int:
    """The number of calls that a user wants side by side.

    Arguments:
        workers: a number; `auto`, one for each GPU, or for each CPU core where there is no GPU; None for one.
        scorer: that is called.

    Raises:
        InputError: something else, or a scorer whose calls run in this process.
    """
    if isinstance(workers, Workers):
        raise InputError(
            "expected workers of a scorer as a number or 'auto', got a radin.Workers, which is about networks on Ray; "
            "calls of a command are processes of this machine"
        )
    chosen = Workers.of(workers)
    if chosen is None or chosen.count == 1:
        return 1
    if not isinstance(scorer, Startable):
        raise InputError(
            f"a {type(scorer).__name__} runs in this process, one network at a time, so workers cannot help it; leave "
            "them out, or put what it does into a script and give its command: radin.CommandScorer"
        )
    return chosen.count if chosen.count != "auto" else len(visible_devices()) or os.cpu_count() or 1
