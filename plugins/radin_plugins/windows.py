"""Windows: soups of consecutive ingredients, for checkpoints of one run."""

from __future__ import annotations

import numpy as np

import radin


def windows(problem: radin.Problem) -> radin.Proposals:
    """All runs of consecutive ingredients in pool order, n(n + 1)/2 of them: for checkpoints of one training run.

    The order is that of the pool: folders and globs give checkpoints in natural order, `checkpoint-2` before
    `checkpoint-10`, and files that are named one by one keep their order. Windows that end late come first, since late
    checkpoints are usually the better ones and a budget may end the search early.
    """
    places = np.arange(problem.n)
    for stop in range(problem.n, 0, -1):
        for numbers in problem.in_parts(stop):
            yield (places < stop) & (places >= stop - 1 - numbers[:, None])


@radin.hookimpl
def register_searchers(register: radin.Register) -> None:
    """Registers the searcher of this module."""
    register(windows)
