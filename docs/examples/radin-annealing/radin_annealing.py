import numpy as np

import radin


def annealing(problem: radin.Problem, *, temperature: float = 0.01, cooling: float = 0.995) -> radin.Proposals:
    """Simulated annealing over single-ingredient flips."""
    current = problem.random_subsets(1)
    (score,) = yield current
    while True:
        neighbour = problem.flip(current)
        (new,) = yield neighbour
        if problem.rng.random() < np.exp(min(0.0, (new - score) / temperature)):
            current, score = neighbour, new
        temperature *= cooling


@radin.hookimpl
def register_searchers(register):
    register(annealing)
