"""Monte-Carlo search: independent random subsets, as in RADIN (arXiv 2401.17790)."""

from typing import Annotated, Literal

from annotated_types import Ge, Le

import radin


def monte_carlo(
    problem: radin.Problem,
    *,
    p: Annotated[float, Ge(0), Le(1), "chance of each ingredient to be a member, with binomial sizes"] = 0.5,
    sizes: Annotated[
        Literal["binomial", "uniform"],
        "how sizes are distributed: as independent choices give them, or each from 1 to n alike",
    ] = "binomial",
    batch: Annotated[int, Ge(1), "subsets proposed at once"] = 8192,
) -> radin.Proposals:
    """Independent random subsets; the searcher of the RADIN paper."""
    while True:
        if sizes == "binomial":
            yield problem.random_subsets(batch, p)
        else:
            order = problem.rng.random((batch, problem.n)).argsort(axis=1).argsort(axis=1)
            yield order < problem.rng.integers(1, problem.n + 1, size=(batch, 1))


@radin.hookimpl
def register_searchers(register: radin.Register) -> None:
    """Registers the searcher of this module."""
    register(monte_carlo)
