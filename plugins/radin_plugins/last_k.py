"""The last k: soups of the end of a training run."""

from __future__ import annotations

import numpy as np

import radin


def last_k(problem: radin.Problem) -> radin.Proposals:
    """The last k ingredients in pool order for every k: the average of the end of one training run.

    As in checkpoint averaging and LAWA (Kaddour, 2022, arXiv 2209.14981), with k chosen by the score. The order is that
    of the pool, as for `windows`. It takes n evaluations, on a verifier n − 1 real soups.
    """
    places = np.arange(problem.n)
    for numbers in problem.in_parts(problem.n):
        yield places >= problem.n - 1 - numbers[:, None]


@radin.hookimpl
def register_searchers(register: radin.Register) -> None:
    """Registers the searcher of this module."""
    register(last_k)
