import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radin.adapters.factors import Energy, Factors, stacked, truncated

SIZES = st.integers(1, 6)


def factors(rng: np.random.Generator, outputs: int, inputs: int, rank: int) -> Factors:
    return Factors(rng.normal(size=(outputs, rank)), rng.normal(size=(rank, inputs)))


@settings(max_examples=30, deadline=None)
@given(outputs=SIZES, inputs=SIZES, ranks=st.lists(SIZES, min_size=1, max_size=4), seed=st.integers(0, 99))
def test_stacked_factors_are_the_sum(outputs: int, inputs: int, ranks: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts = [(float(rng.normal()), factors(rng, outputs, inputs, rank)) for rank in ranks]
    total = stacked(parts)
    np.testing.assert_allclose(total.b @ total.a, sum(w * one.b @ one.a for w, one in parts), atol=1e-12)
    assert total.rank == sum(ranks)


@settings(max_examples=40, deadline=None)
@given(outputs=SIZES, inputs=SIZES, rank=st.integers(1, 9), cut=SIZES, seed=st.integers(0, 99))
def test_the_cut_is_the_best_there_is(outputs: int, inputs: int, rank: int, cut: int, seed: int) -> None:
    product = factors(np.random.default_rng(seed), outputs, inputs, rank)
    less, energy = truncated(product, cut)
    whole = product.b @ product.a
    u, values, v = np.linalg.svd(whole, full_matrices=False)
    nearest = (u[:, :cut] * values[:cut]) @ v[:cut]
    assert energy.total == pytest.approx((values**2).sum(), abs=1e-9)
    if less.rank < rank:
        assert less.rank == cut
        assert energy.lost == pytest.approx((values[cut:] ** 2).sum(), abs=1e-9)
        assert ((whole - less.b @ less.a) ** 2).sum() == pytest.approx(energy.lost, abs=1e-9)
    np.testing.assert_allclose(less.b @ less.a, nearest if cut < rank else whole, atol=1e-9)


def test_no_update_loses_nothing() -> None:
    zero = Factors(np.zeros((3, 2)), np.zeros((2, 4)))
    less, energy = truncated(zero, 1)
    assert energy.share == 0.0 and not (less.b @ less.a).any()
    assert (Energy(3.0, 1.0) + Energy(1.0, 1.0)).share == 0.5
