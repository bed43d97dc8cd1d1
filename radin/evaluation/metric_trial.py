"""The trial of a metric of one's own on the first outputs: a mistake in it is told before all networks have run."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64

from radin.errors import InputError
from radin.evaluation.label_sets import fault_of_function
from radin.evaluation.race_rows import Given, SeenRows
from radin.scoring.metrics import FunctionMetric
from radin.tasks.task import Task


def try_metric(task: Task, outputs: Given, samples: Int64[np.ndarray, " s"], name: str) -> None:
    """Calls a function of one's own, as it will be called on the outputs of every network.

    On a part of the selecting samples it may have no value, as an area under the ROC curve has none without positives.
    So there it is refused only if it has none on the labels of all of them either, whatever the outputs are.

    Arguments:
        task: whose metric is tried; only a function is.
        outputs: of the first network that ran, on the samples.
        samples: places of the samples in the data, of the selecting ones.
        name: of the network.

    Raises:
        InputError: the function raises, or returns no number; says what it was given.
    """
    metric, selecting = task.scored_by, task.split[0]
    if not isinstance(metric, FunctionMetric):
        return
    seen = SeenRows.of(task.kind, task.rows.labels[samples], None)
    given = seen.outputs(outputs)
    try:
        metric.value(given, seen.labels)
    except InputError as error:
        if len(samples) < len(selecting):
            labels = SeenRows.of(task.kind, task.rows.labels[selecting], None).labels
            if not fault_of_function(metric, labels, given.shape[-1]):
                return
        raise InputError(
            f"{error}. This was its first call, on the outputs of {name}, before all networks have run; mend it and "
            "run again"
        ) from error
