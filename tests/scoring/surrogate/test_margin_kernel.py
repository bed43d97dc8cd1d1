"""Right samples counted by products of margins, against rational arithmetic: not one sample may differ."""

import numpy as np
import pytest
import torch
from helpers.metrics import WhichAreRight
from helpers.surrogate_oracle import CASES, SHAPES, as_weights, hard, masks, mixtures, winners
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from radin.scoring.logit_bank import LogitBank
from radin.scoring.metrics import get_metric
from radin.scoring.surrogate import Surrogate


def which(surrogate, weights):
    numbers = surrogate.metric_scores(weights).astype(np.int64)
    return (numbers[:, None] >> np.arange(surrogate.bank.n_samples)) & 1 == 1


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_right_samples_are_those_of_real_arithmetic(name, dtype, shape, device):
    rng, logits, labels = hard(name, dtype, shape)
    for rows in (masks(rng, 12, shape[0]), mixtures(rng, 12, shape[0])):
        for top in (1, 2, 5):
            surrogate = Surrogate(LogitBank.from_arrays(logits, labels), WhichAreRight(top), device=device)
            truth = winners(logits, labels, rows if rows.dtype == bool else as_weights(rows), top)
            np.testing.assert_array_equal(which(surrogate, rows), truth, err_msg=f"top {top}")


@given(data=st.data())
def test_accuracy_of_any_logits(data):
    n, m, c = data.draw(st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(2, 5)))
    dtype = data.draw(st.sampled_from([np.float16, np.float32, np.float64]))
    values = st.one_of(
        st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.1, 0.2, 0.3]),
        st.floats(-1000, 1000, width=16),
        st.floats(-1e30, 1e30) if dtype == np.float64 else st.floats(-1000, 1000, width=16),
    )
    logits = data.draw(hnp.arrays(np.float64, (n, m, c), elements=values)).astype(dtype)
    labels = data.draw(hnp.arrays(np.int64, m, elements=st.integers(0, c - 1)))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    surrogate = Surrogate(LogitBank.from_arrays(logits, labels))
    for rows in (masks(rng, 4, n), mixtures(rng, 4, n)):
        truth = winners(logits, labels, as_weights(rows)).mean(axis=1)
        assert surrogate(rows).tolist() == truth.tolist()


@pytest.mark.parametrize(("n", "dtype"), [(33, np.float32), (70, np.float16)])
def test_many_recipes_on_larger_banks(n, dtype):
    """Large enough for several tiles, blocks and threads; float64 sums of rounded logits are exact here."""
    rng = np.random.default_rng(n)
    labels = rng.integers(30, size=700)
    logits = rng.normal(size=(1, 700, 30)) + rng.normal(size=(n, 700, 30))
    logits[:, np.arange(700), labels] += rng.normal(1.5, 1, size=(1, 700))
    logits = (np.rint(logits * 16) / 16).astype(dtype)
    rows = masks(rng, 700, n)
    sums = np.einsum("kn,nmc->kmc", rows.astype(np.float64), logits.astype(np.float64), optimize=True)
    for metric, count in (("top5", 270), ("balanced-accuracy", 270), ("macro-f1", 40)):
        surrogate = Surrogate(LogitBank.from_arrays(logits, labels), metric)
        truth = [get_metric(metric).score(one, labels) for one in sums[:count]]
        assert surrogate(rows[:count]).tolist() == truth
    surrogate = Surrogate(LogitBank.from_arrays(logits, labels))
    assert surrogate(rows).tolist() == (sums.argmax(axis=2) == labels).mean(axis=1).tolist()
    mask = rows[3]
    assert surrogate.neighbours(mask).tolist() == surrogate(mask ^ np.eye(n, dtype=bool)).tolist()
    swapped, scores = surrogate.swaps(mask)
    assert scores.tolist() == surrogate(swapped).tolist()


@pytest.mark.parametrize("precision", ["high", "medium"])
def test_reduced_precision_of_products_changes_nothing(precision):
    rng, logits, labels = hard("correlated", np.float32, (12, 8, 6))
    logits, labels = (
        np.tile(logits, (1, 40, 1)) + 1e-5 * rng.normal(size=(12, 320, 6)).astype("f4"),
        np.tile(labels, 40),
    )
    rows = masks(rng, 300, 12)
    plain = Surrogate(LogitBank.from_arrays(logits, labels))(rows)
    torch.set_float32_matmul_precision(precision)
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert Surrogate(LogitBank.from_arrays(logits, labels))(rows).tolist() == plain.tolist()
    finally:
        torch.set_float32_matmul_precision("highest")


def test_blocks_become_smaller_when_memory_runs_out(device: str) -> None:
    rng, logits, labels = hard("correlated", np.float32, (12, 40, 6))
    kernel = Surrogate(LogitBank.from_arrays(logits, labels), device=device).kernel
    coefficients, tried = masks(rng, 700, 12).astype(float), []

    def fill(rows: slice):
        tried.append(rows.stop - rows.start)
        if tried[-1] > 100:
            raise torch.OutOfMemoryError("CUDA out of memory")
        block = torch.from_numpy(coefficients[rows].T.astype("f4")).to(device)
        return lambda tile, out: torch.mm(tile.matrix, block, out=out)

    hits = kernel.count(coefficients, np.full(700, 1e-4), fill)
    assert hits.tolist() == kernel.products(coefficients).tolist()
    assert max(tried) > 100 >= tried[-1]

    def fails(rows: slice):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        kernel.count(coefficients, np.full(700, 1e-4), fails)
