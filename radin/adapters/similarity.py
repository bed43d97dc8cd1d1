"""Inner products of adapters' updates, from their factors: no update is formed.

⟨BA, B'A'⟩ is the sum over all pairs of their ranks of (BᵀB')(AA'ᵀ), element by element.
"""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np
from jaxtyping import Float64

from radin.adapters.factors import Factors
from radin.adapters.merging import MergedPool
from radin.adapters.pool import AdapterPool
from radin.adapters.stacking import factors_of, values_of
from radin.checkpoints import Reader
from radin.common.progress import SILENT, Progress

#: Numbers of factors that are held at once; chosen by hand.
HELD = 1 << 22


def update_products(pool: AdapterPool, progress: Progress = SILENT) -> Float64[np.ndarray, "n n"]:
    """`⟨ΔWᵢ, ΔWⱼ⟩` over all modules, and the inner products of tensors that are averaged as they are.

    The lengths of rows that a DoRA has do not count.

    Arguments:
        pool: the adapters; two blocks of them are in memory at a time, one module after the other.
        progress: told the modules that are done.
    """
    n = len(pool)
    total = np.zeros((n, n))
    with ExitStack() as stack, progress.stage("comparing updates", len(pool.modules), "module") as advance:
        readers = [stack.enter_context(pool.reader(i)) for i in range(n)]
        for key in pool.modules:
            _add_module(pool, key, readers, total)
            advance(1)
        whole = pool.whole_pool if isinstance(pool, MergedPool) else pool
        for name, info in whole.tensors.items():
            if info.kind.family == "float":
                values = np.stack([values_of(one, name, info).reshape(-1).astype(np.float64) for one in readers])
                values -= values.mean(axis=0)  # what all share is no part of an update
                total += values @ values.T
        for reader in readers:
            reader.check_unchanged()
    return (total + total.T) / 2


def _add_module(pool: AdapterPool, key: str, readers: list[Reader], total: Float64[np.ndarray, "n n"]) -> None:
    adapting = [i for i, one in enumerate(pool.adapters) if key in one.modules]
    blocks = _blocks(pool, key, adapting)
    for at, here in enumerate(blocks):
        left = {i: _scaled(pool, key, i, readers[i]) for i in here}
        for there in blocks[at:]:
            right = left if there is here else {j: _scaled(pool, key, j, readers[j]) for j in there}
            for i, one in left.items():
                for j, other in right.items():
                    if i <= j:
                        product = float(((one.b.T @ other.b) * (one.a @ other.a.T)).sum())
                        total[i, j] += product
                        total[j, i] += product * (i != j)


def _blocks(pool: AdapterPool, key: str, adapting: list[int]) -> list[list[int]]:
    """Adapters in portions that are held at once."""
    parts = [pool.adapters[i].modules[key].parts[:2] for i in adapting]
    largest = max(
        (sum(pool.tensors_of(i)[name].numel for name in names) for i, names in zip(adapting, parts, strict=True)),
        default=1,
    )
    size = max(1, HELD // largest)
    return [adapting[start : start + size] for start in range(0, len(adapting), size)]


def _scaled(pool: AdapterPool, key: str, i: int, reader: Reader) -> Factors:
    module = pool.adapters[i].modules[key]
    factors = factors_of(pool, i, module, reader)
    return Factors(factors.b.astype(np.float64) * module.scale, factors.a.astype(np.float64))
