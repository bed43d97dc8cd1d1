"""Every subset: the proven optimum, where there are few enough."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Le

import radin


def exhaustive(
    problem: radin.Problem,
    *,
    largest: Annotated[int, Ge(1), Le(62), "pools of more ingredients are refused, for the number of subsets"] = 24,
    batch: Annotated[int, Ge(1), "subsets scored together"] = 1 << 14,
) -> radin.Proposals:
    """Scores all 2ⁿ − 1 subsets, so the best of them is the proven optimum; for pools of up to 24.

    The proof needs a budget of 2ⁿ − 1 candidates: 1 048 575 for 20 ingredients, about 100 bytes of memory each. The
    search has then `stopped` as `finished`. With less it stops at the cap, having seen subsets of the first
    ingredients only, and any other searcher is a better choice. On a verifier every subset is a real soup.

    Raises:
        InputError: more ingredients than `largest`.
    """
    if problem.n > largest:
        raise radin.errors.InputError(
            f"{problem.n} ingredients have {_count(problem.n)} subsets, too many to score all of them: expected a pool"
            f" of at most {largest} (option `largest`); use another searcher, such as local-search"
        )
    total = 2**problem.n
    for start in range(1, total, batch):
        problem.subset_range(start, min(start + batch, total))
    yield from ()  # a searcher is a generator; this one asks for all that it needs


def _count(n: int) -> str:
    return f"{2**n - 1:,}".replace(",", " ") if n < 60 else f"about 10^{int(n * 0.30103)}"


@radin.hookimpl
def register_searchers(register: radin.Register) -> None:
    """Registers the searcher of this module."""
    register(exhaustive)
