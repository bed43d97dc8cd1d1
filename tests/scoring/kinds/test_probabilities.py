"""Probabilities: the loss is that of the label's own, and one of 0 has a finite one."""

import numpy as np
import pytest

from radin.errors import DataError
from radin.scoring.kinds import KINDS, PROBABILITIES
from radin.scoring.kinds.probabilities import LEAST


def test_losses_are_negative_logarithms() -> None:
    chances, labels = np.array([[0.25, 0.75], [1.0, 0.0], [0.5, 0.5]]), np.array([1, 1, 0])
    np.testing.assert_allclose(PROBABILITIES.losses(chances, labels), [-np.log(0.75), -np.log(LEAST), np.log(2)])


def test_no_network_gives_them_by_name() -> None:
    assert PROBABILITIES.name not in KINDS and PROBABILITIES.key == ()
    with pytest.raises(DataError, match="label 2 of sample 0 is out of range"):
        PROBABILITIES.check_labels(np.array([2]), (2,), "run0")
