"""Metrics of classification: one label a sample, one logit a class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped

from radin.errors import InputError
from radin.scoring.likelihood import losses
from radin.scoring.metrics.base import Labels, Logits, MeanMetric, RightSamplesMetric, sums_and_sizes


class ShareOfRightSamples(MeanMetric, RightSamplesMetric):
    """The share of samples whose label is among the `top` largest logits."""

    is_proportion = True

    def standard_error(self, statistics: Any, labels: Labels) -> float:
        """`√(p (1 − p) / m)`, with one right and one wrong sample more than there are."""
        p = (statistics.sum() + 1) / (len(statistics) + 2)
        return float(np.sqrt(p * (1 - p) / (len(statistics) + 2)))

    def groups(self, labels: Labels) -> Int64[np.ndarray, " m"]:
        """All samples are counted together."""
        return np.zeros_like(labels)

    def values_of_counts(self, right: Int64[np.ndarray, "k g"], labels: Labels) -> Float64[np.ndarray, " k"]:
        """The share of right samples."""
        return np.asarray(right[:, 0] / len(labels))


class Accuracy(ShareOfRightSamples):
    """The share of samples whose label has the largest logit."""

    name = "accuracy"


@dataclass(frozen=True)
class TopK(ShareOfRightSamples):
    """The share of samples whose label is among the k largest logits.

    Arguments:
        k: at least 1, and less than the number of classes: with as many, every sample would be right.

    Raises:
        InputError: a k below 1.
    """

    k: int

    def __post_init__(self) -> None:
        if self.k < 1:
            raise InputError(f"top-k accuracy needs a k of at least 1, got {self.k}")

    @property
    def name(self) -> str:
        """`top` and k."""
        return f"top{self.k}"

    @property
    def top(self) -> int:
        """k."""
        return self.k

    def check_classes(self, n_classes: int) -> None:
        """Refuses k of at least the number of classes.

        Raises:
            InputError: every sample would be right.
        """
        if self.k >= n_classes:
            raise InputError(
                f"{self.name} is 1 for any network with {n_classes} classes, as the label is always among the "
                f"{self.k} largest logits; choose a k below {n_classes}, or accuracy"
            )


class BalancedAccuracy(RightSamplesMetric):
    """The mean over the classes that occur of the share of their samples that are right."""

    name = "balanced-accuracy"

    def value_of(self, statistics: Any, labels: Labels) -> float:
        """The mean of the classes' shares of right samples."""
        right, sizes, _ = _by_class(statistics, labels)
        return float(np.mean(right / sizes))

    def numbers(self, statistics: Any, labels: Labels) -> Float64[np.ndarray, " m"]:
        """0 for wrong samples, and for right ones a number that is larger in smaller classes."""
        _, sizes, groups = _by_class(statistics, labels)
        return np.asarray(statistics * (len(labels) / (len(sizes) * sizes[groups])))

    def standard_error(self, statistics: Any, labels: Labels) -> float:
        """From the standard errors of the classes' shares, each with one right and one wrong sample more."""
        right, sizes, _ = _by_class(statistics, labels)
        p = (right + 1) / (sizes + 2)
        return float(np.sqrt((p * (1 - p) / (sizes + 2)).sum()) / len(sizes))

    def groups(self, labels: Labels) -> Int64[np.ndarray, " m"]:
        """Samples of one class are counted together."""
        return np.unique(labels, return_inverse=True)[1].reshape(-1).astype(np.int64)

    def values_of_counts(self, right: Int64[np.ndarray, "k g"], labels: Labels) -> Float64[np.ndarray, " k"]:
        """The mean of the classes' shares of right samples."""
        return np.asarray((right / np.bincount(self.groups(labels))).mean(axis=1))


class NegativeLogLikelihood(MeanMetric):
    """The mean negative log-likelihood of the labels under softmax, in nats."""

    name = "nll"
    higher_is_better = False
    follows_loss = True

    def measure(self, logits: Logits, labels: Labels) -> Float64[np.ndarray, " m"]:
        """The loss of each sample, computed in float64."""
        return losses(logits, labels)


class Perplexity(NegativeLogLikelihood):
    """The exponential of the mean negative log-likelihood of the tokens."""

    name = "perplexity"
    is_mean = False
    by_sums = True

    def value_of(self, statistics: Any, labels: Labels) -> float:
        """The exponential of the mean loss."""
        return float(self.of_losses(np.mean(statistics, dtype=np.float64)))

    def numbers(self, statistics: Any, labels: Labels) -> None:
        """None: the value is no mean."""
        return

    def group_sums(
        self, statistics: Any, labels: Labels, groups: Int64[np.ndarray, " m"], n: int
    ) -> Float64[np.ndarray, "n s"]:
        """Losses and numbers of tokens of each group."""
        return sums_and_sizes(statistics, groups, n)

    def of_sums(self, sums: Float64[np.ndarray, "*k s"]) -> Float64[np.ndarray, " *k"]:
        """Perplexities, from sums over all groups."""
        return np.asarray(self.of_losses(super().of_sums(sums)))

    @staticmethod
    def of_losses(losses: Any) -> Any:
        """Perplexities, from mean losses in nats; infinite above 709 nats, as of a model that has diverged."""
        with np.errstate(over="ignore"):
            return np.exp(losses)


class Brier(MeanMetric):
    """The mean squared distance of the probabilities from the truth: of two classes that of the second alone."""

    name = "brier"
    higher_is_better = False
    follows_loss = True

    def measure(self, logits: Logits, labels: Labels) -> Float64[np.ndarray, " m"]:
        """The squared distance of each row."""
        z = np.asarray(logits, dtype=np.float64)
        likely = np.exp(z - np.logaddexp.reduce(z, axis=1, keepdims=True))
        likely[np.arange(len(likely)), labels] -= 1
        return np.asarray(np.square(likely).sum(axis=1) / (2 if z.shape[1] == 2 else 1))


def _by_class(
    right: Shaped[np.ndarray, " m"] | Bool[np.ndarray, " m"], labels: Labels
) -> tuple[Int64[np.ndarray, " g"], Int64[np.ndarray, " g"], Int64[np.ndarray, " m"]]:
    """Right samples and all samples of each class that occurs, and the position of each sample's class among those."""
    _, groups, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    groups = groups.reshape(-1).astype(np.int64)
    hits = np.bincount(groups, weights=right, minlength=len(sizes)).astype(np.int64)
    return hits, sizes.astype(np.int64), groups
