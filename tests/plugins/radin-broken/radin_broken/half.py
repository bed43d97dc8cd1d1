"""Registers one searcher, then fails: neither counts."""

import radin


def left_over(problem):
    """Must not be found."""
    yield problem.random_subsets(1)


@radin.hookimpl
def register_searchers(register):
    register(left_over)
    raise RuntimeError("half way")
