"""Scores of recipes in rational arithmetic on the stored logits, and banks that are hard to score."""

from __future__ import annotations

import numpy as np

from radin.recipe import as_proposals
from radin.scoring.logit_bank import LogitBank
from radin.scoring.metrics import METRICS
from radin.scoring.surrogate.scorer import coefficients_of


def several_labels(n=6, m=70, labels=4):
    """A bank of several labels a sample, whose logits are whole numbers: many averages are exactly 0."""
    rng = np.random.default_rng(0)
    true = (rng.random((m, labels)) < 0.4).astype(np.int64)
    logits = rng.integers(-3, 4, size=(n, m, labels)) + 2 * true - 1
    return LogitBank.from_arrays(logits.astype(np.float32), true, outputs="several-labels")


def winners(logits, labels, coefficients, top=1):
    """bool[k, m]: whether fewer than `top` classes come before the label in Σ cᵢ Lᵢ; equal ones of lower index do."""
    n, m, c = logits.shape
    sums = (whole(coefficients) @ whole(logits).reshape(n, m * c)).reshape(-1, m, c)
    own = np.take_along_axis(sums, np.asarray(labels)[None, :, None], axis=2)
    lower = np.arange(c) < np.asarray(labels)[:, None]
    return ((sums > own) | ((sums == own) & lower)).sum(axis=2) < top


def whole(numbers):
    """Integers in the ratios of floating-point numbers: these over their smallest common denominator, a power of 2."""
    ratios = [float(one).as_integer_ratio() for one in np.asarray(numbers).ravel()]
    common = max((below for _, below in ratios), default=1)
    integers = np.empty(len(ratios), dtype=object)
    integers[:] = [above * (common // below) for above, below in ratios]
    return integers.reshape(np.shape(numbers))


def predictions(logits, coefficients):
    """int64[k, m]: the class of the largest sum, the lowest of equal ones."""
    _, m, c = logits.shape
    hits = [winners(logits, np.full(m, j), coefficients) for j in range(c)]
    return np.argmax(np.stack(hits), axis=0)


def masks(rng, k, n):
    """Subsets of all sizes, none empty."""
    rows = rng.random((k, n)) < rng.random((k, 1))
    rows[np.arange(k), rng.integers(n, size=k)] = True
    return rows


def mixtures(rng, k, n):
    """Mixing weights that float64 cannot represent in closed form, some zero, some tiny, some dyadic."""
    rows = rng.random((k, n)) * masks(rng, k, n)
    rows[::3] = np.where(rows[::3] > 0, np.floor(rows[::3] * 8) + 1, 0)
    rows[1::5] *= 10.0 ** rng.integers(-30, 1, size=rows[1::5].shape)
    rows[rows.sum(axis=1) == 0, 0] = 1
    return rows / rows.sum(axis=1, keepdims=True)


def _ulps(rng, n, m, c, dtype):
    base = rng.normal(size=(n, m, 1)).astype(dtype)
    steps = rng.integers(-1, 2, size=(n, m, c))
    tiny = np.where(
        steps > 0, np.nextafter(base, dtype(np.inf)), np.where(steps < 0, np.nextafter(base, dtype(-9)), base)
    )
    return tiny.astype(dtype)


def _cancelling(rng, n, m, c, dtype):
    """Large terms that cancel in pairs and leave something tiny, or nothing."""
    big = rng.normal(size=(n // 2, m, c)) * 1e4
    tiny = rng.integers(-1, 2, size=(1, m, c)) * 2.0**-20
    pairs = np.concatenate([big, -big, np.repeat(tiny, n - 2 * (n // 2), axis=0)]) if n > 1 else tiny
    return pairs.astype(dtype)


HARD = {
    "equal logits": lambda rng, n, m, c, dtype: np.repeat(rng.normal(size=(n, m, 1)), c, axis=2).astype(dtype),
    "one ulp apart": _ulps,
    "whole numbers": lambda rng, n, m, c, dtype: rng.integers(-2, 3, size=(n, m, c)).astype(dtype),
    "coarse grid": lambda rng, n, m, c, dtype: (rng.integers(-20, 21, size=(n, m, c)) / 8).astype(dtype),
    "zeros of both signs": lambda rng, n, m, c, dtype: rng.choice([0.0, -0.0, 0.0, 1e-4], size=(n, m, c)).astype(dtype),
    "cancelling": _cancelling,
    "tenths": lambda rng, n, m, c, dtype: (rng.integers(-9, 10, size=(n, m, c)) / 10).astype(dtype),
    "correlated": lambda rng, n, m, c, dtype: (rng.normal(size=(1, m, c)) + 0.3 * rng.normal(size=(n, m, c))).astype(
        dtype
    ),
    "few dominate": lambda rng, n, m, c, dtype: np.sort(rng.normal(size=(n, m, c)), axis=0).astype(dtype),
}

WIDE = {
    "magnitudes 1e-30 to 1e30": lambda rng, n, m, c, dtype: (
        rng.choice([-1.0, 1.0], size=(n, m, c)) * 10.0 ** rng.integers(-30, 31, size=(n, m, c))
    ).astype(dtype),
    "tiny beside huge": lambda rng, n, m, c, dtype: np.where(
        rng.random((n, m, c)) < 0.5,
        rng.integers(-1, 2, size=(n, m, c)) * 1e30,
        rng.integers(-3, 4, size=(n, m, c)) * 1e-30,
    ).astype(dtype),
    "subnormal": lambda rng, n, m, c, dtype: (
        rng.integers(-3, 4, size=(n, m, c)) * np.finfo(dtype).smallest_subnormal
    ).astype(dtype),
}

#: Every kind of hard bank with the dtypes that can hold it.
CASES = [(name, dtype) for name in HARD for dtype in (np.float16, np.float32, np.float64)]
CASES += [(name, dtype) for name in WIDE for dtype in (np.float32, np.float64)]
SHAPES = [(1, 7, 3), (2, 9, 2), (5, 12, 4), (12, 8, 6)]


def hard(name, dtype, shape):
    """A generator, logits `[n, m, c]` of this kind, and labels."""
    rng = np.random.default_rng([0, *shape])
    logits = {**HARD, **WIDE}[name](rng, *shape, dtype)
    return rng, logits, rng.integers(shape[2], size=shape[1])


def as_weights(rows):
    """The weights that the surrogate really uses: rows that are subsets count as subsets."""
    return coefficients_of(as_proposals(rows, rows.shape[1]))


def spread(logits, labels):
    """A metric of one's own: one number that is no mean."""
    return float(np.median(np.take_along_axis(logits, labels[:, None], axis=1)))


def each(logits, labels):
    """A metric of one's own: one number per sample."""
    return np.take_along_axis(logits, labels[:, None], axis=1)[:, 0]


#: The names of all metrics, and two metrics of one's own.
METRIC = [*sorted(METRICS.keys() - {"auc", "binary-f1"}), spread, each]  # those two are not defined for all banks


def bank(n=9, m=90, c=8, dtype=np.float32, seed=0):
    """Networks that are right more often than not, and agree a little."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(c, size=m)
    logits = rng.normal(size=(1, m, c)) + 0.6 * rng.normal(size=(n, m, c))
    logits[:, np.arange(m), labels] += 1.2
    return LogitBank.from_arrays((2 * logits).astype(dtype), labels)
