"""The prior: its formula, and the strengths that it takes."""

import numpy as np
import pytest

from radin.errors import InputError
from radin.scoring.prior import prior_terms, validate_strength


@pytest.mark.parametrize("lam", ["much", None])
def test_strengths_that_are_no_numbers_are_refused(lam):
    with pytest.raises(InputError, match="λ"):
        validate_strength(lam)


def test_a_soup_of_everything_gains_lambda_standard_errors_and_one_ingredient_nothing():
    sizes = np.array([1.0, 2.0, 5.0])
    assert prior_terms(sizes, 5, 3.0, 0.02).tolist() == [0, 3 * 0.02 * 1 / 4, 3 * 0.02]
    assert prior_terms(sizes, 5, 0.0, 0.02).tolist() == [0, 0, 0]
    assert prior_terms(np.ones(2), 1, 3.0, 0.02).tolist() == [0, 0]


@pytest.mark.parametrize("lam", [0, 1, 2.5, "0.5", np.float32(0.25)])
def test_strengths_that_are_numbers_are_taken(lam):
    assert validate_strength(lam) == float(lam)


@pytest.mark.parametrize("lam", [-1, -1e-9, np.nan, np.inf])
def test_strengths_below_0_or_beyond_bounds_are_refused(lam):
    with pytest.raises(InputError, match="λ"):
        validate_strength(lam)
