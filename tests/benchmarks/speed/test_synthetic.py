"""Synthetic networks are as accurate as asked."""

import numpy as np
import pytest

from benchmarks.speed.synthetic import ACCURACY, Fleet, character


@pytest.mark.parametrize("disagreement", [0.15, 0.32, 0.6])
def test_synthetic_networks_are_as_accurate_as_asked(disagreement, tmp_path):
    bank = Fleet(4, 2000, 100, disagreement, "float16").bank(tmp_path)
    accuracy, agreement = character(bank)
    assert accuracy == pytest.approx(ACCURACY, abs=0.04)
    assert 0.6 < agreement < 0.95
    assert bank.read(0, 0, 1).dtype == np.float16
    assert len(list(tmp_path.glob("*.npy"))) == 4
