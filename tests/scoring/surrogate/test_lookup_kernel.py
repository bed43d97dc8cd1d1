"""Looking up margins in tables: the right samples of rational arithmetic, with numba and without."""

import subprocess
import sys

import numpy as np
import pytest
from helpers.surrogate_oracle import HARD, WIDE, masks, winners

from radin.recipe import numbered_subsets
from radin.scoring.logit_bank import LogitBank
from radin.scoring.surrogate import Surrogate, lookup_kernel, margin_kernel
from radin.scoring.surrogate.lookup_kernel import LookupKernel
from radin.scoring.surrogate.margins import prepare

CASES = [(name, dtype) for name in HARD for dtype in (np.float16, np.float32, np.float64)]
CASES += [(name, dtype) for name in WIDE for dtype in (np.float32, np.float64)]


def hard(name, dtype, shape):
    rng = np.random.default_rng(shape)
    logits = {**HARD, **WIDE}[name](rng, *shape, dtype)
    return rng, logits, rng.integers(shape[2], size=shape[1])


def looked_up(bank, subsets):
    pytest.importorskip("numba")
    live = prepare(bank)
    return live.right.sum() + LookupKernel(live).hits(subsets)


@pytest.mark.parametrize("shape", [(1, 7, 3), (2, 9, 2), (5, 12, 4), (12, 8, 6)], ids=str)
@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_right_samples_are_those_of_real_arithmetic(name, dtype, shape):
    rng, logits, labels = hard(name, dtype, shape)
    subsets = masks(rng, 12, shape[0])
    truth = winners(logits, labels, subsets).sum(axis=1)
    assert looked_up(LogitBank.from_arrays(logits, labels), subsets).tolist() == truth.tolist()


@pytest.mark.parametrize("n", [3, 8, 9, 33, 70, 130])
def test_tables_of_every_size_say_what_products_say(n):
    rng, logits, labels = hard("correlated", np.float32, (n, 900, 12))
    bank = LogitBank.from_arrays(logits, labels)
    subsets = masks(rng, 400, n)
    products = Surrogate(bank).kernel.products(subsets.astype(np.float64))[:, 0]
    assert looked_up(bank, subsets).tolist() == products.tolist()


def test_more_doubts_than_are_kept():
    rng = np.random.default_rng(0)
    logits = rng.integers(-1, 2, size=(10, 150, 3)).astype(np.float32)  # ties everywhere
    labels = rng.integers(3, size=150)
    subsets = numbered_subsets(1, 1024, 10)
    sums = np.einsum("kn,nmc->kmc", subsets.astype(np.float64), logits.astype(np.float64), optimize=True)
    truth = (sums.argmax(axis=2) == labels).sum(axis=1)
    assert looked_up(LogitBank.from_arrays(logits, labels), subsets).tolist() == truth.tolist()


def test_nothing_open_is_nothing_right():
    logits = np.zeros((3, 4, 2), dtype=np.float32)
    logits[:, :, 0] = 2
    assert looked_up(LogitBank.from_arrays(logits, [0, 0, 1, 1]), np.ones((2, 3), dtype=bool)).tolist() == [2, 2]


@pytest.mark.parametrize("installed", [True, False])
def test_many_subsets_are_looked_up_once_that_is_worth_it(installed, monkeypatch):
    if installed:
        pytest.importorskip("numba")
    else:
        monkeypatch.setattr(margin_kernel, "compiled", lambda: None)
    asked = []
    hits = LookupKernel.hits
    monkeypatch.setattr(LookupKernel, "hits", lambda self, rows: asked.append(len(rows)) or hits(self, rows))
    monkeypatch.setattr(margin_kernel, "is_loaded", lambda: False)
    rng, logits, labels = hard("correlated", np.float32, (12, 300, 6))
    subsets = masks(rng, lookup_kernel.FEWEST, 12)
    surrogate = Surrogate(LogitBank.from_arrays(logits, labels))
    first = surrogate(subsets)
    assert asked == []
    monkeypatch.setattr(margin_kernel, "WORTH_LOADING", 0)
    assert surrogate(subsets).tolist() == first.tolist()
    assert surrogate(subsets[1:]).tolist() == first[1:].tolist()
    for other in (Surrogate(surrogate.bank, "top5"), Surrogate(surrogate.bank, "balanced-accuracy")):
        assert len(other(subsets)) == len(subsets)
    assert asked == ([len(subsets)] if installed else [])


def test_numba_is_not_loaded_for_little():
    script = (
        "import sys, numpy, radin\n"
        "bank = radin.LogitBank.from_arrays(numpy.random.default_rng(0).normal(size=(5, 90, 4)), [0, 1, 2] * 30)\n"
        "radin.Surrogate(bank)(numpy.ones((2000, 5), dtype=bool))\n"
        "sys.exit('numba' in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
