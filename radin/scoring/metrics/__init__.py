"""Metrics: how good the logits of one network, or the averaged logits of several, are on labelled samples."""

from radin.scoring.metrics.base import BOOTSTRAP_RESAMPLES as BOOTSTRAP_RESAMPLES
from radin.scoring.metrics.base import Labels as Labels
from radin.scoring.metrics.base import Logits as Logits
from radin.scoring.metrics.base import MeanMetric as MeanMetric
from radin.scoring.metrics.base import Metric as Metric
from radin.scoring.metrics.base import PredictionMetric as PredictionMetric
from radin.scoring.metrics.base import RightSamplesMetric as RightSamplesMetric
from radin.scoring.metrics.classification import Accuracy as Accuracy
from radin.scoring.metrics.classification import BalancedAccuracy as BalancedAccuracy
from radin.scoring.metrics.classification import NegativeLogLikelihood as NegativeLogLikelihood
from radin.scoring.metrics.classification import Perplexity as Perplexity
from radin.scoring.metrics.classification import TopK as TopK
from radin.scoring.metrics.counts import Counts as Counts
from radin.scoring.metrics.counts import DecisionsMetric as DecisionsMetric
from radin.scoring.metrics.counts import MacroF1 as MacroF1
from radin.scoring.metrics.function import FunctionMetric as FunctionMetric
from radin.scoring.metrics.function import lower_is_better as lower_is_better
from radin.scoring.metrics.names import FAMILIES as FAMILIES
from radin.scoring.metrics.names import METRICS as METRICS
from radin.scoring.metrics.names import get_metric as get_metric
from radin.scoring.metrics.names import names_of as names_of
from radin.scoring.metrics.probabilities import OfProbabilities as OfProbabilities
from radin.scoring.metrics.spans import SpanF1 as SpanF1
from radin.scoring.metrics.tempered import TemperedLikelihood as TemperedLikelihood
from radin.scoring.metrics.values import MomentsMetric as MomentsMetric

__all__ = [
    "BOOTSTRAP_RESAMPLES",
    "FAMILIES",
    "METRICS",
    "Accuracy",
    "BalancedAccuracy",
    "Counts",
    "DecisionsMetric",
    "FunctionMetric",
    "Labels",
    "Logits",
    "MacroF1",
    "MeanMetric",
    "Metric",
    "MomentsMetric",
    "NegativeLogLikelihood",
    "OfProbabilities",
    "Perplexity",
    "PredictionMetric",
    "RightSamplesMetric",
    "SpanF1",
    "TemperedLikelihood",
    "TopK",
    "get_metric",
    "lower_is_better",
    "names_of",
]
