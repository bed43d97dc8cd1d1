"""Metrics: what the logits of one network, or the averaged logits of several, are worth on labelled samples.

Every metric is computed in two steps. A *statistic* is taken of each sample (was it right, which class was predicted,
what is its loss), then the statistics are *aggregated* to one number. The surrogate's kernels produce the statistics
of many recipes at once and share the second step with everything else, so a soup and an ensemble are never measured
in two ways.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped

from radin.common.suggestions import did_you_mean
from radin.errors import InputError

#: What is taken of each sample: whether the label is among the `top` largest logits, the predicted class, the
#: negative log-likelihood, or all its logits (for metrics that are callables of one's own).
Statistic = Literal["correct", "prediction", "loss", "logits"]

Logits = Shaped[np.ndarray, "m c"]
Labels = Int64[np.ndarray, " m"]

#: Resamples of the seeded bootstrap that gives the standard error of metrics without a closed form.
BOOTSTRAP_RESAMPLES = 200
BOOTSTRAP_SEED = 0

_BLOCK_VALUES = 1 << 22  # logits turned into float64 at once: 32 MiB


@dataclass(frozen=True)
class Metric:
    """How good logits are, given labels.

    Arguments:
        name: what it is called in tables and on the command line.
        statistic: what is taken of each sample.
        aggregate: `(statistics[m, ...], labels[m]) -> float`, the value in the sign that people read.
        higher_is_better: whether a larger value is better. A score is the value, negated if it is not.
        counted: for the statistic `correct`, what the value is made of: the number of right samples, their number per
            class (the mean of the shares), or each of them.
        top: for the statistic `correct`, among how many of the largest logits the label has to be.
        values: `(statistics[m, ...], labels[m]) -> float64[m] | None`, numbers whose mean is the value, where there
            are such numbers; None for no metric of that kind.
        spread: `(statistics, labels) -> float`, the standard error; None is the seeded bootstrap.
    """

    name: str
    statistic: Statistic
    aggregate: Callable[[Any, Any], float]
    values: Callable[[Any, Any], np.ndarray | None] | None = None
    higher_is_better: bool = True
    counted: Literal["together", "by class", "by sample"] = "by sample"
    top: int = 1
    spread: Callable[[Any, Any], float] | None = None

    def measure(self, logits: Logits, labels: Labels) -> Shaped[np.ndarray, "m ..."]:
        """The statistic of each sample, exact on the logits as they are stored (losses: in float64)."""
        if self.statistic == "correct":
            return label_ranks(logits, labels) < self.top
        if self.statistic == "prediction":
            return np.asarray(logits).argmax(axis=1)
        if self.statistic == "loss":
            return losses(logits, labels)
        return np.asarray(logits)

    def value(self, logits: Logits, labels: Labels) -> float:
        """The metric as people read it: negative log-likelihood is positive, and lower is better."""
        return self.value_of(self.measure(logits, labels), labels)

    def score(self, logits: Logits, labels: Labels) -> float:
        """The metric as a search maximises it: the value, negated if lower is better."""
        return self.score_of(self.measure(logits, labels), labels)

    def per_sample(self, logits: Logits, labels: Labels) -> Float64[np.ndarray, " m"] | None:
        """Numbers per sample whose mean is `value`, in its sign; None where the metric is no such mean."""
        return None if self.values is None else self.values(self.measure(logits, labels), labels)

    def value_of(self, statistics: Shaped[np.ndarray, "m ..."], labels: Labels) -> float:
        """The value, from the statistics of the samples."""
        return float(self.aggregate(statistics, labels))

    def score_of(self, statistics: Shaped[np.ndarray, "m ..."], labels: Labels) -> float:
        """The score, from the statistics of the samples."""
        value = self.value_of(statistics, labels)
        return value if self.higher_is_better else -value

    def standard_error(self, statistics: Shaped[np.ndarray, "m ..."], labels: Labels) -> float:
        """Standard error of the value on these samples, from their statistics.

        Proportions take one right and one wrong sample more, so that the error is never 0; means of per-sample
        numbers have `std / √m`; everything else is resampled with a fixed seed.
        """
        if self.spread is not None:
            return float(self.spread(statistics, labels))
        numbers = None if self.values is None else self.values(statistics, labels)
        if numbers is not None:
            return float(numbers.std(ddof=1) / np.sqrt(len(numbers))) if len(numbers) > 1 else 0.0
        return float(np.std(self.resampled(statistics, labels, BOOTSTRAP_RESAMPLES, BOOTSTRAP_SEED), ddof=1))

    def resampled(
        self, statistics: Shaped[np.ndarray, "m ..."], labels: Labels, resamples: int, seed: int
    ) -> Float64[np.ndarray, " r"]:
        """Values on bootstrap resamples of the samples.

        A metric of one's own may be undefined on some of them, as an area under the ROC curve is without positives;
        those are left out.

        Raises:
            InputError: it is undefined on more than half of them.
        """
        rng = np.random.default_rng(seed)
        values = []
        for _ in range(resamples):
            rows = rng.integers(len(labels), size=len(labels))
            try:
                values.append(self.value_of(statistics[rows], labels[rows]))
            except InputError:
                continue
        if 2 * len(values) < resamples:
            raise InputError(f"metric {self.name!r} is undefined on most resamples of these {len(labels)} samples")
        return np.array(values, dtype=np.float64)


def get_metric(metric: str | Metric | Callable[..., Any]) -> Metric:
    """The metric of this name, or the metric that a callable is.

    Arguments:
        metric: `accuracy`, `top5`, `balanced-accuracy`, `macro-f1`, `nll`; or a callable
            `(logits[m, c], labels[m]) -> m numbers or one number` over numpy arrays, higher is better; or a `Metric`.

    Raises:
        InputError: no metric has exactly this name; the message says which are near.
    """
    if isinstance(metric, Metric):
        return metric
    if callable(metric):
        return _from_callable(metric)
    if metric not in METRICS:
        hint = did_you_mean(str(metric), METRICS)
        raise InputError(f"unknown metric {metric!r}{hint}; known are {', '.join(METRICS)}, and any callable in Python")
    return METRICS[metric]


def label_ranks(logits: Logits, labels: Labels) -> Int64[np.ndarray, " m"]:
    """How many classes come before the label in each row: larger logits, and equal ones of lower index."""
    logits = np.asarray(logits)
    own = np.take_along_axis(logits, labels[:, None], axis=1)
    lower = np.arange(logits.shape[1]) < labels[:, None]
    return ((logits > own) | ((logits == own) & lower)).sum(axis=1, dtype=np.int64)


def losses(logits: Logits, labels: Labels) -> Float64[np.ndarray, " m"]:
    """Negative log-likelihood of each label under softmax, in float64."""
    out = np.empty(len(labels), dtype=np.float64)
    step = max(1, _BLOCK_VALUES // max(1, logits.shape[1]))
    for start in range(0, len(labels), step):
        rows = slice(start, start + step)
        block = np.asarray(logits[rows], dtype=np.float64)
        own = np.take_along_axis(block, labels[rows, None], axis=1)
        top = block.max(axis=1, keepdims=True)
        out[rows] = (np.log(np.exp(block - top).sum(axis=1, keepdims=True)) + (top - own))[:, 0]
    return out


def _mean(statistics: Shaped[np.ndarray, " m"], labels: Labels) -> float:
    return float(np.mean(statistics, dtype=np.float64))


def _numbers(statistics: Shaped[np.ndarray, " m"], labels: Labels) -> Float64[np.ndarray, " m"]:
    return statistics.astype(np.float64)


def _proportion_error(correct: Bool[np.ndarray, " m"], labels: Labels) -> float:
    p = (correct.sum() + 1) / (len(correct) + 2)
    return float(np.sqrt(p * (1 - p) / (len(correct) + 2)))


def _recalls(
    correct: Bool[np.ndarray, " m"], labels: Labels
) -> tuple[Int64[np.ndarray, " g"], Int64[np.ndarray, " g"], Int64[np.ndarray, " m"]]:
    """Right samples and samples of each class that occurs, and each sample's place among those classes."""
    _, places, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    places = places.reshape(-1).astype(np.int64)
    hits = np.bincount(places, weights=correct, minlength=len(sizes)).astype(np.int64)
    return hits, sizes.astype(np.int64), places


def _balanced(correct: Bool[np.ndarray, " m"], labels: Labels) -> float:
    hits, sizes, _ = _recalls(correct, labels)
    return float(np.mean(hits / sizes))


def _balanced_numbers(correct: Bool[np.ndarray, " m"], labels: Labels) -> Float64[np.ndarray, " m"]:
    _, sizes, places = _recalls(correct, labels)
    return correct * (len(labels) / (len(sizes) * sizes[places]))


def _balanced_error(correct: Bool[np.ndarray, " m"], labels: Labels) -> float:
    hits, sizes, _ = _recalls(correct, labels)
    p = (hits + 1) / (sizes + 2)
    return float(np.sqrt((p * (1 - p) / (sizes + 2)).sum()) / len(sizes))


def _macro_f1(predictions: Int64[np.ndarray, " m"], labels: Labels) -> float:
    size = int(max(predictions.max(), labels.max())) + 1
    predicted, occurring = np.bincount(predictions, minlength=size), np.bincount(labels, minlength=size)
    hits = np.bincount(labels[predictions == labels], minlength=size)
    either = (predicted + occurring) > 0
    return float(np.mean(2 * hits[either] / (predicted + occurring)[either]))


def _from_callable(function: Callable[..., Any]) -> Metric:
    name = getattr(function, "__name__", type(function).__name__)

    def call(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
        result = np.asarray(function(logits, labels), dtype=np.float64)
        if result.shape not in ((), labels.shape):
            raise InputError(
                f"metric {name!r} returned an array of shape {list(result.shape)}; "
                f"expected one number, or one per sample ({len(labels)})"
            )
        if not np.isfinite(result).all():
            raise InputError(f"metric {name!r} returned a value that is not finite; expected finite numbers")
        return result

    def aggregate(logits: np.ndarray, labels: np.ndarray) -> float:
        return float(call(logits, labels).mean())

    def values(logits: np.ndarray, labels: np.ndarray) -> np.ndarray | None:
        result = call(logits, labels)
        return None if result.ndim == 0 else result

    return Metric(name, "logits", aggregate, values)


#: The metrics that have a name.
METRICS = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "correct", _mean, _numbers, counted="together", spread=_proportion_error),
        Metric("top5", "correct", _mean, _numbers, counted="together", top=5, spread=_proportion_error),
        Metric(
            "balanced-accuracy", "correct", _balanced, _balanced_numbers, counted="by class", spread=_balanced_error
        ),
        Metric("macro-f1", "prediction", _macro_f1),
        Metric("nll", "loss", _mean, _numbers, higher_is_better=False),
    )
}
