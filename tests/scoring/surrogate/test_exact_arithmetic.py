"""Exact signs and largest sums, against fractions."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from radin.scoring.surrogate.exact_arithmetic import U32, U64, exact_argmax, exact_sign, float64_is_exact, gamma

NUMBERS = st.sampled_from([0.0, -0.0, 0.1, 0.2, 0.3, -0.3, 1e-300, 1e300, -1e300, 5e-324, 1.7e308, -1.7e308])
WEIGHTS = st.sampled_from([0.0, 1.0, 0.1, 1 / 3, 2.0])


def exactly(coefficients, values):
    return sum((Fraction(c) * Fraction(v) for c, v in zip(coefficients, values, strict=True)), Fraction(0))


@given(st.integers(1, 6).flatmap(lambda n: st.tuples(*[hnp.arrays(np.float64, n, elements=NUMBERS)] * 2)), st.data())
def test_the_sign_is_that_of_the_true_sum(pair, data):
    left, right = pair
    weights = data.draw(hnp.arrays(np.float64, len(left), elements=WEIGHTS))
    for coefficients in (weights, (weights > 0).astype(np.float64)):
        truth = exactly(coefficients, left) - exactly(coefficients, right)
        assert exact_sign(coefficients, left, right) == (truth > 0) - (truth < 0)


@given(st.tuples(st.integers(1, 4), st.integers(1, 5)).flatmap(lambda s: hnp.arrays(np.float64, s, elements=NUMBERS)))
def test_the_lowest_of_the_largest_classes_is_found(logits):
    sums = [exactly(np.ones(len(logits)), logits[:, c]) for c in range(logits.shape[1])]
    assert exact_argmax(np.ones(len(logits)), logits) == sums.index(max(sums))


@pytest.mark.parametrize(("unit", "dtype"), [(U32, np.float32), (U64, np.float64)])
def test_gamma_bounds_the_error_of_a_sum(unit, dtype):
    values = np.random.default_rng(0).random((200, 50)).astype(dtype)
    totals = np.cumsum(values, axis=1, dtype=dtype)[:, -1]  # 49 roundings, one after the other
    for row, total in zip(values, totals, strict=True):
        truth = sum(map(Fraction, row.tolist()), Fraction(0))
        assert abs(Fraction(float(total)) - truth) <= Fraction(gamma(49, unit)) * truth
    assert gamma(np.array([1, 2]), unit).tolist() == [gamma(1, unit), gamma(2, unit)]
    assert gamma(1, unit) >= unit


def test_sums_of_half_precision_are_exact_for_few_members_with_whole_coefficients():
    assert float64_is_exact(np.dtype(np.float16), np.ones((3, 2**11)))
    assert not float64_is_exact(np.dtype(np.float16), np.ones((3, 2**11 + 1)))
    assert not float64_is_exact(np.dtype(np.float16), np.full((1, 2), 0.5))
    assert not float64_is_exact(np.dtype(np.float32), np.ones((3, 2)))
