"""Nothing is wrong with this one."""

import radin


def sound(problem):
    """Found in spite of its neighbours."""
    yield problem.random_subsets(1)


@radin.hookimpl
def register_searchers(register):
    register(sound, name="still-sound")
