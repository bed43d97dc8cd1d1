"""Metrics by name: those of each kind of outputs, and names that people type for them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from radin.common.suggestions import did_you_mean
from radin.common.wording import enumerated
from radin.errors import InputError
from radin.scoring.kinds import CLASSES, KINDS, Kind
from radin.scoring.metrics.base import Metric
from radin.scoring.metrics.classification import (
    Accuracy,
    BalancedAccuracy,
    Brier,
    NegativeLogLikelihood,
    Perplexity,
    TopK,
)
from radin.scoring.metrics.counts import (
    BinaryF1,
    DecisionAccuracy,
    LabelLikelihood,
    LabelMacroF1,
    LabelMicroF1,
    MacroF1,
    Matthews,
    MeanIoU,
    SubsetAccuracy,
)
from radin.scoring.metrics.function import FunctionMetric
from radin.scoring.metrics.probabilities import OfProbabilities
from radin.scoring.metrics.ranking import AreaUnderRoc, MeanAveragePrecision
from radin.scoring.metrics.spans import SpanF1
from radin.scoring.metrics.values import (
    ExplainedShare,
    MeanAbsoluteError,
    MeanSquaredError,
    Pearson,
    RootMeanSquaredError,
    Spearman,
)


def _table(*metrics: Metric) -> dict[str, Metric]:
    return {metric.name: metric for metric in metrics}


_OF_CLASSES = (Accuracy(), TopK(5), BalancedAccuracy(), MacroF1(), BinaryF1(), Matthews(), AreaUnderRoc(), Brier())

#: The metrics of each family that have a name, by family and name; `top5` stands for all k.
FAMILIES: dict[str, dict[str, Metric]] = {
    "classes": _table(*_OF_CLASSES, NegativeLogLikelihood()),
    "several-labels": _table(
        DecisionAccuracy(),
        SubsetAccuracy(),
        LabelMacroF1(),
        LabelMicroF1(),
        MeanAveragePrecision(),
        AreaUnderRoc(),
        LabelLikelihood(),
    ),
    "values": _table(
        MeanSquaredError(), RootMeanSquaredError(), MeanAbsoluteError(), ExplainedShare(), Pearson(), Spearman()
    ),
    "positions": _table(*_OF_CLASSES, MeanIoU(), NegativeLogLikelihood(), Perplexity()),
    "tags": _table(SpanF1()),
    "tokens": _table(NegativeLogLikelihood(), Perplexity()),
    "probabilities": _table(
        *_OF_CLASSES[:-2], *(OfProbabilities(one) for one in (*_OF_CLASSES[-2:], NegativeLogLikelihood()))
    ),
    "choices": _table(Accuracy(), TopK(5), Brier(), NegativeLogLikelihood()),
}

#: The metrics of classes.
METRICS: dict[str, Metric] = FAMILIES["classes"]

#: Other names of metrics that are taken.
ALIASES = {"log-loss": "nll"}

#: Names that people type, and the metrics that they may mean.
MEANT = {
    "acc": ("accuracy",),
    "f1": ("macro-f1", "micro-f1", "binary-f1", "span-f1"),
    "f2": ("macro-f1",),
    "precision": ("macro-f1", "balanced-accuracy"),
    "recall": ("balanced-accuracy", "macro-f1"),
    "seqeval": ("span-f1",),
    "entity-f1": ("span-f1",),
    "ner-f1": ("span-f1",),
    "conll-f1": ("span-f1",),
    "chunk-f1": ("span-f1",),
    "kappa": ("mcc",),
    "f1-score": ("macro-f1", "micro-f1", "binary-f1"),
    "fscore": ("macro-f1", "micro-f1", "binary-f1"),
    "weighted-f1": ("macro-f1",),
    "matthews": ("mcc",),
    "auroc": ("auc",),
    "roc-auc": ("auc",),
    "ap": ("map",),
    "map": ("map",),
    "ndcg": ("map", "auc"),
    "average-precision": ("map",),
    "mean-average-precision": ("map",),
    "iou": ("miou",),
    "jaccard": ("miou",),
    "mean-iou": ("miou",),
    "dice": ("macro-f1",),
    "exact-match": ("subset-accuracy",),
    "hamming": ("accuracy",),
    "hamming-loss": ("accuracy",),
    "error": ("accuracy",),
    "error-rate": ("accuracy",),
    "loss": ("nll", "mse"),
    "cross-entropy": ("nll",),
    "crossentropy": ("nll",),
    "ce": ("nll",),
    "logloss": ("nll",),
    "bce": ("nll",),
    "ppl": ("perplexity",),
    "bits-per-token": ("nll", "perplexity"),
    "mape": ("mae",),
    "smape": ("mae",),
    "explained-variance": ("r2",),
    "kendall": ("spearman",),
    "concordance": ("pearson", "auc"),
    "l2": ("mse", "rmse"),
    "l1": ("mae",),
    "mean-squared-error": ("mse",),
    "mean-absolute-error": ("mae",),
    "r": ("pearson",),
    "r-squared": ("r2",),
    "corr": ("pearson", "spearman"),
    "correlation": ("pearson", "spearman"),
    "rho": ("spearman",),
}

#: Scores of texts, sounds and boxes, which are no functions of averaged outputs.
OUTSIDE = ("wer", "cer", "bleu", "sacrebleu", "rouge", "rouge-l", "meteor", "chrf", "comet", "bertscore", "map50")


def names_of(kind: Kind) -> list[str]:
    """The names of the metrics that apply to a kind of outputs."""
    return list(FAMILIES[kind.metrics])


def get_metric(metric: str | Metric | Callable[..., Any] | None, kind: Kind | None = None) -> Metric:
    """The metric of this name, or the metric that a callable is.

    Arguments:
        metric: a name, such as `accuracy`, `top5` (or `top` with any other k), `macro-f1`, `nll` (`log-loss`) or `mse`;
            or a callable `(outputs[m, c], labels[m]) -> m numbers or one number` over numpy arrays, higher is better
            unless `lower_is_better` marks it; or a `Metric`; None is the usual one of the kind.
        kind: of the outputs. By default the metric is one of classes, or else of any kind that has the name.

    Raises:
        InputError: no metric has exactly this name; the message says which are near. Or the kind has none of this name.
    """
    if isinstance(metric, Metric):
        if kind is not None and metric.asks_for not in (None, kind.name):
            raise _of_another_kind(metric.name, [str(metric.asks_for)], kind)
        return metric
    if metric is None:
        metric = (kind or CLASSES).metric
    if callable(metric):
        return FunctionMetric(metric)
    name = ALIASES.get(metric, metric) if isinstance(metric, str) else metric
    for family in [kind.metrics] if kind else FAMILIES:
        table = FAMILIES[family]
        if name in table:
            return table[name]
        if "top5" in table and isinstance(name, str) and re.fullmatch(r"top[0-9]{1,9}", name):
            return TopK(int(name[3:]))
    if kind is not None and (others := _kinds_with(str(name))):
        raise _of_another_kind(str(name), others, kind)
    if str(name).lower().replace("_", "-") in OUTSIDE:
        raise InputError(
            f"{name} is no function of averaged outputs, as it needs a decoder or a matching; a scorer computes it for "
            "each real soup: radin.soup_by_score"
        )
    known = list(dict.fromkeys(one for table in FAMILIES.values() for one in table))
    raise InputError(
        f"unknown metric {metric!r}{_meant(str(metric), known)}; known are {', '.join(known)} (top5 with any number), "
        "and any callable in Python"
    )


def _of_another_kind(name: str, others: Sequence[str], kind: Kind) -> InputError:
    """The error that a metric is for other kinds of outputs."""
    return InputError(
        f"{name} is a metric of {enumerated(others)}, but these outputs are {kind.name} (labels: {kind.labels}); "
        f"metrics of {kind.name} are {', '.join(names_of(kind))}. Name another kind by outputs=, if it is one"
    )


def _kinds_with(name: str) -> list[str]:
    return [kind.name for kind in KINDS.values() if name in FAMILIES[kind.metrics] or _is_top(name, kind)]


def _is_top(name: str, kind: Kind) -> bool:
    return "top5" in FAMILIES[kind.metrics] and re.fullmatch(r"top[0-9]{1,9}", name) is not None


def _meant(name: str, known: list[str]) -> str:
    """A clause in brackets with the metrics that a name may mean, by its meaning or by its letters."""
    plain = name.lower().replace("_", "-").replace(" ", "-")
    meant = (f"top{top[1]}",) if (top := re.fullmatch(r"top-?([0-9]{1,9})(?:-accuracy)?", plain)) else MEANT.get(plain)
    if meant is None:
        return did_you_mean(name, known)
    return f" (did you mean {' or '.join(map(repr, meant))}?)"
