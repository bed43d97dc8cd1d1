"""Jobs: the parts of a pass that workers run, cut where the batches of a run in one process are cut."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from radin.evaluation.executor import Pass

#: Parts of a pass for each worker: more balance the work better, fewer cost less. Chosen by hand.
PARTS_PER_WORKER = 4

#: Times that a job may end its worker before it counts as the cause. Chosen by hand, like `MOST_FAILURES`.
MOST_DEATHS = 3

#: Workers on which a job may raise an error before that is the run's error.
MOST_FAILURES = 2


@dataclass(eq=False)
class Job:
    """One part of a pass, or the recomputation of its statistics.

    Attributes:
        what: the worker's method.
        work: the pass, with the rows of this part. Its recipe has no names: a worker knows those of its pool, and each
            job would carry the names of the whole pool.
        size: samples per forward pass.
        rows: samples of this part.
        deaths: workers that died while they ran it.
        failed_on: workers on which it raised.
        value: a reference to the result, when it is done.
        error: of the job, when it has failed for good.
    """

    what: Literal["logits", "statistics"]
    work: Pass
    size: int
    rows: int
    deaths: int = 0
    failed_on: set[int] = field(default_factory=set)
    value: Any = None
    error: Exception | None = None
    dropped: bool = False

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to do."""
        return self.dropped or self.value is not None or self.error is not None


def sent(work: Pass) -> Pass:
    """A pass as it is sent to a worker."""
    return replace(work, recipe=work.recipe.named(()))


def parts_of(work: Pass, n_rows: int, size: int, workers: int, *, divisible: bool) -> Iterator[Job]:
    """The jobs of a pass, in the order of its rows.

    Arguments:
        work: the pass.
        n_rows: rows of its data.
        size: samples per forward pass; each job but the last has a multiple of it.
        workers: processes that share the jobs.
        divisible: whether rows can be read in a chosen order.
    """
    work = sent(work)
    places = np.arange(n_rows) if work.only is None else work.only
    if not divisible:
        yield Job("logits", work, size, len(places))
        return
    batches = -(-len(places) // size)
    step = max(1, -(-batches // (PARTS_PER_WORKER * workers))) * size
    for start in range(0, len(places), step):
        some = places[start : start + step]
        kind = None if work.outputs is None else work.outputs.part(some)
        yield Job("logits", replace(work, only=some, outputs=kind), size, len(some))
