"""Types and shapes of radin's functions are enforced while tests run."""

import numpy as np
import pytest

from radin.common.wording import counted
from radin.scoring.metrics import get_metric


def test_wrong_types_are_caught_with_and_without_shapes() -> None:
    with pytest.raises(Exception, match="violates type hint"):
        counted("three", "soup")  # type: ignore[arg-type]
    with pytest.raises(Exception, match="Type-check error"):
        get_metric("accuracy").score("logits", np.zeros(4, dtype=int))  # type: ignore[arg-type]


def test_a_size_that_two_arguments_share_is_one() -> None:
    logits = np.zeros((5, 3))
    assert get_metric("accuracy").score(logits, np.zeros(5, dtype=int)) == 1.0
    with pytest.raises(Exception, match="Type-check error"):
        get_metric("accuracy").score(logits, np.zeros(4, dtype=int))
    assert get_metric("accuracy").score(np.zeros((7, 3)), np.zeros(7, dtype=int)) == 1.0  # sizes of another call
