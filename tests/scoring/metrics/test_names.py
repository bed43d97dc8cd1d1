"""Metrics by name: exact names only, with near ones suggested."""

import pytest

from radin.errors import InputError
from radin.scoring.metrics import TopK, get_metric


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
    }.items():
        with pytest.raises(InputError, match=rf"unknown metric '{near}' \(did you mean '{name}'"):
            get_metric(near)
    for unknown in ("zzz", "top", "top-3", "top3.5"):
        with pytest.raises(InputError, match=r"known are.*nll"):
            get_metric(unknown)
    with pytest.raises(InputError, match="at least 1, got 0"):
        get_metric("top0")
