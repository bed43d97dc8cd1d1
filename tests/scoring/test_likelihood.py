"""Negative log-likelihoods are those of PyTorch, whatever the size of the logits and of the table."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from radin.scoring.likelihood import blocks_of_rows, losses


def truth(logits, labels):
    return torch.nn.functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels), reduction="none")


@given(hnp.arrays(np.float64, (4, 5), elements=st.floats(-500, 500)), st.floats(-1e4, 1e4))
def test_losses_neither_overflow_nor_move_with_a_constant(logits, shift):
    labels = np.array([0, 1, 2, 4])
    expected = truth(logits, labels).numpy()
    np.testing.assert_allclose(losses(logits, labels), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(losses(logits + shift, labels), expected, rtol=1e-9, atol=1e-9)


def test_large_tables_are_computed_in_blocks():
    logits = np.random.default_rng(0).normal(size=(3, 1 << 21))
    assert list(blocks_of_rows(logits)) == [slice(0, 2), slice(2, 4)]
    labels = np.array([5, 0, 77])
    np.testing.assert_allclose(losses(logits, labels), truth(logits, labels).numpy(), rtol=1e-12)


def test_no_rows_have_no_losses():
    assert losses(np.zeros((0, 3)), np.zeros(0, dtype=np.int64)).shape == (0,)
