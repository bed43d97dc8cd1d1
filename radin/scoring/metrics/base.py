"""The base class of metrics, and the families of metrics that have a fast kernel.

A metric is computed in two steps. First a *statistic* of each sample (was it right, which class was predicted, what is
its loss), then one number from the statistics of all samples. The surrogate's kernels produce the statistics of many
recipes at once and share the second step with everything else, so a soup and an ensemble are always measured alike.

A new metric derives from the family whose statistic it uses; the kernel of that family then scores it. A metric of no
family works too: its value is computed from the averaged logits of each recipe.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped

from radin.common.wording import counted
from radin.errors import InputError
from radin.scoring.draws import defined_values, resample_counts

#: Outputs of a network, row by row: of most kinds logits.
Logits = Shaped[np.ndarray, "m c"]

#: Labels of the rows: of classes `int64[m]`, of several labels `int64[m, L]`, of values `float64[m, d]`.
Labels = Shaped[np.ndarray, "m ..."]
Statistics = Shaped[np.ndarray, "m ..."]

#: Resamples of the seeded bootstrap that gives the standard error of metrics without a closed form; chosen by hand.
BOOTSTRAP_RESAMPLES = 200
BOOTSTRAP_SEED = 0


class Metric(ABC):
    """A measure of logits against labels.

    Derived classes define `name`, `measure` and `value_of`. Everything else follows from these, and is overridden where
    a metric has something better.

    Attributes:
        higher_is_better: whether a larger value is better. A score is the value, negated if it is not.
        is_proportion: whether the value is the share of samples whose statistic is true. Proportions have intervals and
            tests of their own.
        is_mean: whether a row's number, see `numbers`, is the same whatever other rows there are.
        follows_loss: whether the metric improves where the smooth loss of the kind of outputs does, such as the
            negative log-likelihood, so that this loss may be looked at in its place where rows are few.
        by_sums: whether `group_sums` of single rows are short, so that resamples of rows cost sums, too.
        asks_for: the name of the kind of outputs that it is for, where labels alone speak of another.
        defined_on_parts: whether every part of the samples has a value. An area under the ROC curve, for example, has
            none on a part without positives.
    """

    higher_is_better: bool = True
    is_proportion: bool = False
    is_mean: bool = False
    follows_loss: bool = False
    by_sums: bool = False
    asks_for: str | None = None
    defined_on_parts: bool = True

    @property
    @abstractmethod
    def name(self) -> str:
        """The name in tables and on the command line."""

    @abstractmethod
    def measure(self, logits: Logits, labels: Labels) -> Statistics:
        """The statistic of each sample, exact on the logits as they are stored.

        Raises:
            InputError: the metric is not defined for so many classes.
        """

    @abstractmethod
    def value_of(self, statistics: Any, labels: Labels) -> float:
        """The value, from the statistics of the samples."""

    def numbers(self, statistics: Any, labels: Labels) -> Float64[np.ndarray, " m"] | None:
        """Numbers per sample whose mean is the value, from the statistics; None where the value is no such mean."""
        return None

    def group_sums(
        self, statistics: Any, labels: Labels, groups: Int64[np.ndarray, " m"], n: int
    ) -> Float64[np.ndarray, "n s"] | None:
        """Sums over each of `n` groups of rows, of which `of_sums` makes the value; None where there are none such.

        With them, values on resamples of the groups cost sums, and no calls.
        """
        numbers = self.numbers(statistics, labels) if self.is_mean else None
        if numbers is None:
            return None
        return sums_and_sizes(numbers, groups, n)

    def paired_sums(
        self, ours: Any, theirs: Any, labels: Labels, groups: Int64[np.ndarray, " m"], n: int
    ) -> tuple[Float64[np.ndarray, "n s"], Float64[np.ndarray, "n s"]] | None:
        """The sums of two networks on the same rows, of one length; None where there are none."""
        a, b = (self.group_sums(one, labels, groups, n) for one in (ours, theirs))
        return None if a is None or b is None else (a, b)

    def of_sums(self, sums: Float64[np.ndarray, "*k s"]) -> Float64[np.ndarray, " *k"]:
        """Values, from the sums over all groups; NaN where it is undefined."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(sums[..., 0] / sums[..., 1])

    def constant(self, labels: Labels) -> Logits | None:
        """Outputs that are the best there are without any input; None where shuffled labels tell what chance is."""
        return None

    def check_classes(self, n_classes: int) -> None:  # noqa: B027 -- most metrics are defined for all
        """Refuses numbers of classes for which the metric says nothing.

        Raises:
            InputError: the metric is not defined for so many classes.
        """

    def undefined_on(self, labels: Labels) -> str:
        """The reason why it has no value on rows with these labels, whatever the outputs are; empty where it has one.

        Arguments:
            labels: of the rows.
        """
        return ""

    def of_classes(self, names: Sequence[str] | None) -> Metric:
        """The metric for classes of these names; the same where names make no difference.

        Arguments:
            names: in the order of the classes; None where they are not known.

        Raises:
            InputError: it cannot do without names.
        """
        return self

    def value(self, logits: Logits, labels: Labels) -> float:
        """The metric as people read it: negative log-likelihood is positive, and lower is better."""
        return self.value_of(self.measure(logits, labels), labels)

    def score(self, logits: Logits, labels: Labels) -> float:
        """The metric as a search maximises it: the value, negated if lower is better."""
        return self.score_of(self.measure(logits, labels), labels)

    def score_of(self, statistics: Any, labels: Labels) -> float:
        """The score, from the statistics of the samples."""
        value = self.value_of(statistics, labels)
        return value if self.higher_is_better else -value

    def per_sample(self, logits: Logits, labels: Labels) -> Float64[np.ndarray, " m"] | None:
        """Numbers per sample whose mean is `value`, in its sign; None where the value is no such mean."""
        return self.numbers(self.measure(logits, labels), labels)

    def standard_error(self, statistics: Any, labels: Labels) -> float:
        """Standard error of the value on these samples, from their statistics.

        Means of numbers per sample have `std / √m`; all other metrics are resampled with a fixed seed. Metrics that
        count right samples have closed forms, in which one right and one wrong sample are added, so that the error is
        never 0.
        """
        numbers = self.numbers(statistics, labels)
        if numbers is not None:
            return float(numbers.std(ddof=1) / np.sqrt(len(numbers))) if len(numbers) > 1 else 0.0
        return float(np.std(self.resampled(statistics, labels, BOOTSTRAP_RESAMPLES, BOOTSTRAP_SEED), ddof=1))

    def resampled(self, statistics: Any, labels: Labels, resamples: int, seed: int) -> Float64[np.ndarray, " r"]:
        """Values on bootstrap resamples of the samples.

        A metric may be undefined on some resamples (see `defined_on_parts`); those are left out.

        Raises:
            InputError: it is undefined on more than half of them.
        """
        if self.by_sums:
            sums = self.group_sums(statistics, labels, np.arange(len(labels)), len(labels))
            if sums is not None:
                return self.resampled_sums(sums, resamples, seed)
        rng, values = np.random.default_rng(seed), np.full(resamples, np.nan)
        for i in range(resamples):
            rows = rng.integers(len(labels), size=len(labels))
            with suppress(InputError):
                values[i] = self.value_of(statistics[rows], labels[rows])
        return defined_values(values, self.name, counted(len(labels), "sample"))

    def resampled_sums(self, sums: Float64[np.ndarray, "n s"], resamples: int, seed: int) -> Float64[np.ndarray, " r"]:
        """Values on bootstrap resamples of groups, from their sums; those where the metric is undefined are left out.

        Raises:
            InputError: it is undefined on more than half of them.
        """
        values = [self.of_sums(times @ sums) for times in resample_counts(len(sums), resamples, seed)]
        return defined_values(np.concatenate(values), self.name, counted(len(sums), "group"))


class MeanMetric(Metric):
    """A metric whose statistic is one number a row, and whose value is their mean."""

    is_mean = True

    def value_of(self, statistics: Any, labels: Labels) -> float:
        """The mean."""
        return float(np.mean(statistics, dtype=np.float64))

    def numbers(self, statistics: Any, labels: Labels) -> Float64[np.ndarray, " m"] | None:
        """The statistics."""
        return np.asarray(statistics, dtype=np.float64)


class RightSamplesMetric(Metric):
    """A family of metrics: the statistic is whether the label is among the `top` largest logits.

    The surrogate counts the right samples of each *group* of samples. By default each sample is a group of its own, so
    that `value_of` sees every sample; fewer groups are faster.
    """

    follows_loss = True

    @property
    def top(self) -> int:
        """Among how many of the largest logits the label has to be; equal logits are ordered by class."""
        return 1

    def measure(self, logits: Logits, labels: Labels) -> Bool[np.ndarray, " m"]:
        """Whether each sample is right."""
        self.check_classes(np.shape(logits)[1])
        return label_ranks(logits, labels) < self.top

    def groups(self, labels: Labels) -> Int64[np.ndarray, " m"]:
        """The group in which each sample is counted, from 0 to the number of groups − 1; no group is empty."""
        return np.arange(len(labels))

    def values_of_counts(self, right: Int64[np.ndarray, "k g"], labels: Labels) -> Float64[np.ndarray, " k"]:
        """The values of `k` recipes, from their numbers of right samples in each group."""
        return np.array([self.value_of(row > 0, labels) for row in right], dtype=np.float64)


class PredictionMetric(Metric):
    """A family of metrics: the statistic is the predicted class, of equal logits the lowest."""

    follows_loss = True

    def measure(self, logits: Logits, labels: Labels) -> Int64[np.ndarray, " m"]:
        """The predicted class of each sample."""
        return np.asarray(logits).argmax(axis=1)


def sums_and_sizes(
    numbers: Float64[np.ndarray, " m"], groups: Int64[np.ndarray, " m"], n: int
) -> Float64[np.ndarray, "n 2"]:
    """For each of `n` groups of rows the sum of their numbers, and how many rows it has."""
    return np.stack([np.bincount(groups, one, n) for one in (numbers, np.ones(len(numbers)))], axis=1)


def label_ranks(logits: Logits, labels: Labels) -> Int64[np.ndarray, " m"]:
    """The number of classes that come before the label in each row: larger logits, and equal ones of lower index."""
    logits = np.asarray(logits)
    own = np.take_along_axis(logits, labels[:, None], axis=1)
    lower = np.arange(logits.shape[1]) < labels[:, None]
    return ((logits > own) | ((logits == own) & lower)).sum(axis=1, dtype=np.int64)
