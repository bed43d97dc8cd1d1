"""A genetic algorithm in DEAP's terms (Fortin et al., 2012)."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Le

import radin


class Individual:
    """A subset as DEAP wants it: genes, and a fitness that is valid once it has been scored."""

    def __init__(self, genes: np.ndarray, fitness: Any) -> None:
        self.genes = genes
        self.fitness = fitness


def deap_ga(
    problem: radin.Problem,
    *,
    population: Annotated[int, Ge(2), "subsets in a generation"] = 100,
    crossover: Annotated[float, Ge(0), Le(1), "chance that a pair of parents exchanges ingredients"] = 0.5,
    mutation: Annotated[float, Ge(0), Le(1), "chance that a child has one ingredient put in or taken out"] = 0.5,
    tournament: Annotated[int, Ge(1), "subsets among which each parent is the best"] = 3,
) -> radin.Proposals:
    """A genetic algorithm: tournaments, uniform crossover, flips, and the best of parents and children survive.

    DEAP's own operators draw from Python's global randomness, so selection of parents and variation are registered
    in its toolbox from here, drawing from `problem.rng`.
    """
    toolbox, rng = toolbox_of(problem, population, tournament), problem.rng
    alive: list[Individual] = []
    children = [toolbox.individual(genes) for genes in problem.random_subsets(population)]
    known: set[bytes] = set()
    while True:
        known.update(child.genes.tobytes() for child in children)
        scores = yield np.stack([child.genes for child in children])
        for child, score in zip(children, scores, strict=True):
            child.fitness.values = (float(score),)
        alive = toolbox.survive(alive + children)
        children = [toolbox.individual(toolbox.parent(alive).genes) for _ in range(population)]
        for a, b in zip(children[::2], children[1::2], strict=False):
            if rng.random() < crossover:
                toolbox.mate(a, b)
        for child in children:
            if not child.genes.any():
                child.genes = problem.random_subsets(1)[0]
            if rng.random() < mutation:
                toolbox.mutate(child)
        if known.issuperset(child.genes.tobytes() for child in children):  # converged: fresh blood
            children = [toolbox.individual(genes) for genes in problem.random_subsets(population)]


def toolbox_of(problem: radin.Problem, population: int, tournament: int) -> Any:
    """DEAP's toolbox with individuals, selection and variation, which draw from `problem.rng`.

    Arguments:
        problem: the search.
        population: individuals that survive.
        tournament: individuals among which each parent is the best.
    """
    from deap import base, tools

    class Fitness(base.Fitness):  # type: ignore[misc]  # DEAP has no types
        weights = (1.0,)

    rng = problem.rng

    def parent(individuals: list[Individual]) -> Individual:
        rivals = rng.integers(len(individuals), size=tournament)
        best: Individual = max((individuals[i] for i in rivals), key=lambda rival: rival.fitness)
        return best

    def mate(a: Individual, b: Individual) -> None:
        swapped = rng.random(problem.n) < 0.5
        a.genes[swapped], b.genes[swapped] = b.genes[swapped], a.genes[swapped]

    def mutate(child: Individual) -> None:
        child.genes = problem.flip(child.genes[None])[0]

    toolbox = base.Toolbox()
    toolbox.register("individual", lambda genes: Individual(genes.copy(), Fitness()))
    toolbox.register("parent", parent)
    toolbox.register("mate", mate)
    toolbox.register("mutate", mutate)
    toolbox.register("survive", tools.selBest, k=population)
    return toolbox


@radin.hookimpl
def register_searchers(register: radin.Register) -> None:
    """Registers the searcher of this module."""
    register(deap_ga)
