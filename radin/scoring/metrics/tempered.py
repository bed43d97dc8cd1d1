"""Log-likelihood after one temperature: how well the outputs order and separate the classes, whatever their scale."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64

from radin.scoring.likelihood import blocks_of_rows, losses
from radin.scoring.metrics.base import Labels, Logits, MeanMetric

#: The range of the inverse temperature: on samples that are all right, the likelihood has no best one.
LEAST, MOST = 1e-3, 1e3

#: By how much more a fitted loss may be lowered, in nats.
TOLERANCE = 1e-9

_FACTOR = 3.0  # a step changes the inverse temperature by at most this


class TemperedLikelihood(MeanMetric):
    """The mean negative log-likelihood of the labels after the one temperature that fits these samples best.

    Averages of logits are less sure of themselves than their members, and members that were trained with label
    smoothing or mixup less than others; the likelihood takes that for an error, though a single number mends it
    (temperature scaling, arXiv 1706.04599) and the predicted classes do not depend on it.

    Standard errors and tests take the losses as independent: that the temperature was fitted on the same samples
    changes their noise in second order only.
    """

    name = "tempered-nll"
    higher_is_better = False
    is_mean = False

    def measure(self, logits: Logits, labels: Labels) -> Float64[np.ndarray, " m"]:
        """The loss of each sample after the temperature, computed in float64."""
        scale = inverse_temperature(logits, labels)
        out = np.empty(len(labels), dtype=np.float64)
        for rows in blocks_of_rows(logits):
            out[rows] = losses(scale * np.asarray(logits[rows], dtype=np.float64), labels[rows])
        return out


def inverse_temperature(logits: Logits, labels: Labels) -> float:
    """The factor on the logits under which the labels are likeliest, between `LEAST` and `MOST`."""
    fit = TemperatureFit(1)
    while fit.open.any():
        slope = curvature = 0.0
        for rows in blocks_of_rows(logits):
            block = np.asarray(logits[rows], dtype=np.float64)
            block = block - np.take_along_axis(block, labels[rows, None], axis=1)
            p = np.exp(fit.beta[0] * (block - block.max(axis=1, keepdims=True)))
            p /= p.sum(axis=1, keepdims=True)
            mean = (p * block).sum(axis=1)
            slope += float(mean.sum())
            curvature += float((p * np.square(block - mean[:, None])).sum())
        fit.step(np.array([slope]) / len(labels), np.array([curvature]) / len(labels))
    return float(fit.beta[0])


class TemperatureFit:
    """Fits the inverse temperatures β of `k` candidates, each by itself.

    The mean loss is convex in β, with the slope `E[E_p z − z_label]` and the curvature `E[Var_p z]`, p = softmax(βz).
    Newton's method finds its least value; where a step would leave the interval in which that is known to lie, the
    interval is halved instead.

    Arguments:
        k: candidates.
        start: where all begin.
        tolerance: by how much a loss may still fall where its fit ends, in nats.
        unit: the inverse temperature that all of them are factors on.

    Attributes:
        beta: the inverse temperatures, `float64[k]`.
        open: candidates whose loss can still fall by more than that. The others are not moved any more.
    """

    def __init__(self, k: int, start: float = 1.0, tolerance: float = TOLERANCE, unit: float = 1.0) -> None:
        self.tolerance = tolerance
        self.beta: Float64[np.ndarray, " k"] = np.full(k, start)
        self.open: Bool[np.ndarray, " k"] = np.ones(k, dtype=bool)
        self._low, self._high = np.full(k, LEAST / unit), np.full(k, MOST / unit)

    def step(self, slope: Float64[np.ndarray, " k"], curvature: Float64[np.ndarray, " k"]) -> None:
        """Moves the candidates that are open, by slope and curvature of the mean loss at `beta`."""
        falls = slope < 0
        self._low = np.where(falls, self.beta, self._low)
        self._high = np.where(falls, self._high, self.beta)
        # A convex function falls by no more than its slope allows over the rest of the interval, and by about half of
        # slope² / curvature.
        rest = np.where(falls, self._high - self.beta, self.beta - self._low)
        self.open &= (np.abs(slope) * rest > self.tolerance) & (np.square(slope) > 2 * self.tolerance * curvature)
        aim = self.beta - slope / np.maximum(curvature, 1e-300)
        aim = np.clip(aim, self.beta / _FACTOR, self.beta * _FACTOR)
        inside = (aim > self._low) & (aim < self._high)
        self.beta = np.where(self.open, np.where(inside, aim, np.sqrt(self._low * self._high)), self.beta)
