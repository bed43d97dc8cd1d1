"""Metrics by name: exact names only, with near ones suggested."""

import pytest

from radin.errors import InputError
from radin.scoring.kinds import KINDS
from radin.scoring.metrics import FAMILIES, TopK, get_metric, names_of


def test_names():
    assert get_metric("accuracy") is get_metric(get_metric("accuracy"))
    assert get_metric("top5").top == 5
    assert get_metric("top3") == TopK(3) and get_metric("top12").name == "top12"
    for near, name in {
        "acuracy": "accuracy",
        "acc": "accuracy",
        "Accuracy": "accuracy",
        "top-5": "top5",
        "macro_f1": "macro-f1",
        "F1": "macro-f1",
        "seqeval": "span-f1",
        "roc_auc": "auc",
        "mean-squared-error": "mse",
        "IoU": "miou",
        "ppl": "perplexity",
        "mAP": "map",
        "top_3": "top3",
        "logloss": "nll",
    }.items():
        with pytest.raises(InputError, match=rf"unknown metric '{near}' \(did you mean '{name}'"):
            get_metric(near)
    for unknown in ("zzz", "top", "top-3", "top3.5"):
        with pytest.raises(InputError, match=r"known are.*nll"):
            get_metric(unknown)
    for outside in ("WER", "bleu"):
        with pytest.raises(InputError, match=rf"{outside} is no function of averaged outputs.*soup_by_score"):
            get_metric(outside)
    with pytest.raises(InputError, match="at least 1, got 0"):
        get_metric("top0")


def test_a_name_is_that_of_the_kind():
    assert get_metric("log-loss") is get_metric("nll") is get_metric("nll", KINDS["classes"])
    assert get_metric("macro-f1", KINDS["several-labels"]) is FAMILIES["several-labels"]["macro-f1"]
    assert get_metric("macro-f1", KINDS["several-labels"]) is not get_metric("macro-f1")
    assert get_metric("mse") is get_metric("mse", KINDS["values"])
    assert get_metric("top3", KINDS["positions"]) == TopK(3)
    assert "miou" in names_of(KINDS["positions"]) and "miou" not in names_of(KINDS["classes"])


@pytest.mark.parametrize(
    ("name", "kind", "others"),
    [
        ("mse", "classes", "values"),
        ("top3", "values", "classes, one-"),
        ("perplexity", "choices", "positions and tokens"),
    ],
)
def test_a_metric_of_another_kind_is_refused_with_those_of_this_one(name, kind, others):
    with pytest.raises(
        InputError, match=rf"{name} is a metric of {others}.*, but these outputs are {kind} .*metrics of"
    ):
        get_metric(name, KINDS[kind])
