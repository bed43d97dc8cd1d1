"""Keys: fingerprints of everything that a stored result depends on. All keys of a run are made here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from jaxtyping import Int64

from radin.common.files import fingerprint_of
from radin.evaluation.batchnorm import n_batches, statistics_rows
from radin.evaluation.evaluation import Evaluation
from radin.tasks.data import Rows
from radin.tasks.device import numerics_of
from radin.tasks.task import Task


class Keys:
    """Makes the keys of one pool, task and BatchNorm policy.

    Arguments:
        task: what networks are run on.
        fingerprints: of the ingredients, in pool order.
        batchnorm: policy for the BatchNorm statistics of soups.
        reference: gives the key of what is kept of outputs on the data, or on a test set; None where all is kept.
    """

    def __init__(
        self,
        task: Task,
        fingerprints: Sequence[str],
        batchnorm: str,
        reference: Callable[[str | None], str | None] = lambda test: None,
    ) -> None:
        self._task, self._fingerprints, self._batchnorm = task, tuple(fingerprints), batchnorm
        self._reference = reference

    def logits(self, evaluation: Evaluation, batch_size: int) -> str:
        """Key of an evaluation's logits.

        Arguments:
            evaluation: what is run.
            batch_size: samples per forward pass; counts where statistics are recomputed, since these are averages over
                batches.
        """
        task, recipe = self._task, evaluation.recipe
        parts = [(self._fingerprints[i], weight) for i, weight in recipe.parts]
        policy: list[object] | None = None
        if evaluation.statistics == "recomputed":
            policy = ["recompute", self._statistics_rows, n_batches(len(self._statistics_rows), batch_size)]
        elif recipe.size > 1:
            policy = [self._batchnorm]
        rows_of = task.rows if evaluation.test is None else task.tests[evaluation.test]
        reference = self._reference(evaluation.test)
        return fingerprint_of(data_key(task, rows_of), parts, policy, *([] if reference is None else [reference]))

    def statistics(self, evaluation: Evaluation, batch_size: int) -> str:
        """Key of the recomputed statistics of a recipe, which are the same for all rows that it is run on."""
        on_data = Evaluation(evaluation.recipe, "recomputed")
        return fingerprint_of("statistics", self.logits(on_data, batch_size))

    @cached_property
    def _statistics_rows(self) -> list[int]:
        return statistics_rows(self._task).tolist()

    @property
    def scope(self) -> str:
        """Fingerprint of pool, data and task code, and of the samples that select: of all that a search depends on."""
        reference = self._reference(None)
        parts = [data_key(self._task, self._task.rows), *([] if reference is None else [reference])]
        return fingerprint_of(self._fingerprints, *parts, self._task.split[0].tolist())

    @property
    def weight_gram(self) -> str:
        """Name and key of the inner products of the ingredients' weights."""
        return f"weights-{fingerprint_of(self._fingerprints)}"[:40]

    @property
    def logit_gram(self) -> str:
        """Name and key of the inner products of their logits on the selection data."""
        return f"logits-{self.scope}"[:40]


def data_key(task: Task, rows: Rows) -> str:
    """Fingerprint of everything but the weights that the logits on some rows of a task depend on."""
    numerics = numerics_of(task.torch_device)
    return fingerprint_of("logits-1", rows.fingerprint, task.code, *numerics, task.autocast, *rows.kind.key)


def part_key(key: str, rows: Int64[np.ndarray, " k"]) -> str:
    """Key of logits on some rows, from that of the logits on all rows."""
    return fingerprint_of("part", key, rows.tolist())


def rows_key(rows: Int64[np.ndarray, " k"]) -> str:
    """Name and key of some rows."""
    return fingerprint_of("rows", rows.tolist())[:32]


def verification_scope(
    scope: str, listed: Sequence[str], lam: float | None, criterion: str = "metric", at_once: int = 1
) -> str:
    """Fingerprint of what a verification depends on.

    Arguments:
        scope: that of the search whose shortlist is verified.
        listed: the recipes of the shortlist, as JSON, best first.
        lam: strength of the prior, if the order of verification depends on it.
        criterion: by what the candidates were ranked.
        at_once: soups that are verified side by side.
    """
    order = [*([] if lam is None else [lam]), *([] if criterion == "metric" else [criterion])]
    order += [] if at_once == 1 else [f"{at_once} at once"]
    return fingerprint_of(scope, list(listed), *order)
