"""Metrics for tests, whose values tell exactly what was measured on each sample."""

import numpy as np

from radin.scoring.metrics import PredictionMetric, RightSamplesMetric


class WhichAreRight(RightSamplesMetric):
    """The value is a binary number, in which digit j tells whether sample j is right."""

    name = "which are right"

    def __init__(self, top=1):
        self._top = top

    @property
    def top(self):
        return self._top

    def value_of(self, statistics, labels):
        return float(statistics @ 2.0 ** np.arange(len(statistics)))


class AllPredictions(PredictionMetric):
    """The value is an octal number, in which digit j is the predicted class of sample j."""

    name = "all predictions"

    def value_of(self, statistics, labels):
        return float(statistics @ 8.0 ** np.arange(len(statistics)))
