"""Peak growth of private memory."""

import numpy as np
import pytest

from benchmarks.speed.growth import peak_growth, private_mb


@pytest.mark.skipif(private_mb() == 0, reason="this system does not tell private memory (RssAnon)")
def test_memory_that_is_given_back_counts() -> None:
    seconds, grown = peak_growth(lambda: np.ones(8_000_000).sum())
    assert grown > 50  # of 64 MB
    assert seconds > 0


def test_an_error_passes_through() -> None:
    with pytest.raises(ZeroDivisionError):
        peak_growth(lambda: 1 / 0)
