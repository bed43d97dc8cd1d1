"""Claims a name that is taken."""

import radin


def monte_carlo(problem):
    """Not radin's own."""
    yield problem.random_subsets(1)


@radin.hookimpl
def register_searchers(register):
    register(monte_carlo)
