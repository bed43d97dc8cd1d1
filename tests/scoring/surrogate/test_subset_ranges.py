"""All subsets from sums over two halves: the scores of the subsets one by one, to the last bit."""

import numpy as np
import pytest
from helpers.metrics import WhichAreRight
from helpers.surrogate_oracle import HARD, WIDE, winners

from radin.recipe import numbered_subsets
from radin.scoring.logit_bank import LogitBank
from radin.scoring.surrogate import Surrogate

CASES = [(name, dtype) for name in HARD for dtype in (np.float16, np.float64)] + [(name, np.float32) for name in WIDE]


def hard(name, dtype, shape):
    rng = np.random.default_rng(shape)
    return LogitBank.from_arrays({**HARD, **WIDE}[name](rng, *shape, dtype), rng.integers(shape[2], size=shape[1]))


@pytest.mark.parametrize("top", [1, 2])
@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_ranges_are_those_of_real_arithmetic(name, dtype, top, device):
    bank = hard(name, dtype, (8, 10, 4))
    surrogate = Surrogate(bank, WhichAreRight(top), device=device)
    logits = np.stack([bank.read(i, 0, 10) for i in range(8)])
    for start, stop in ((1, 3), (60, 70), (192, 256)):
        truth = winners(logits, bank.labels, numbered_subsets(start, stop, 8), top) @ 2.0 ** np.arange(10)
        assert surrogate.subset_range(start, stop).tolist() == truth.tolist()


@pytest.mark.parametrize("metric", ["accuracy", "top5", "balanced-accuracy", "macro-f1", "nll", lambda z, y: z[:, 0]])
def test_ranges_score_as_their_subsets_do(metric, device):
    surrogate = Surrogate(hard("correlated", np.float32, (9, 60, 7)), metric, lam=1.5, device=device)
    for start, stop in ((1, 2), (1, 65), (63, 64), (64, 128), (100, 333), (500, 512)):
        found = surrogate.subset_range(start, stop)
        assert found.tolist() == surrogate(numbered_subsets(start, stop, 9)).tolist()


@pytest.mark.parametrize("n", [1, 2, 6, 7])
def test_ranges_of_small_pools(n):
    surrogate = Surrogate(hard("coarse grid", np.float16, (n, 30, 3)))
    assert surrogate.subset_range(1, 2**n).tolist() == surrogate(numbered_subsets(1, 2**n, n)).tolist()


@pytest.mark.parametrize("metric", ["accuracy", "nll", "macro-f1"])
@pytest.mark.parametrize("counts", [[0, 0, 0, 0], [1, 0, 2, 0], [3, 3, 3, 2], [1, 2, 4, 8]])
def test_additions_score_as_the_weights_they_lead_to(metric, counts):
    surrogate = Surrogate(hard("tenths", np.float32, (4, 80, 3)), metric, lam=0.7)
    shares = (np.array(counts) + np.eye(4)) / (sum(counts) + 1)
    assert surrogate.additions(np.array(counts)).tolist() == surrogate(shares).tolist()


def test_says_what_its_scores_depend_on():
    surrogate = Surrogate(hard("tenths", np.float32, (4, 8, 3)), "nll", lam=2)
    assert surrogate.settings == {"metric": "nll", "lam": 2.0}
