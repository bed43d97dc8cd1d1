"""The genetic algorithm: it leaves no global state behind and learns from scores."""

import random

from helpers.objectives import best_and_blind

import radin
from radin.testing import ToyObjective


def test_deap_leaves_no_classes_behind():
    from deap import creator

    before = set(vars(creator))
    state = random.getstate()
    for _ in range(2):
        radin.search("deap-ga", ToyObjective(5), radin.Budget(candidates=25))
    assert set(vars(creator)) == before
    assert random.getstate()[0] == state[0]


def test_deap_survives_without_crossover_or_mutation():
    result = radin.search("deap-ga", ToyObjective(8), options={"crossover": 0.0, "mutation": 0.0, "population": 5})
    assert result.stopped == "exhausted"


def test_it_learns_from_scores():
    best, quantile = best_and_blind("deap-ga", 600)
    assert best > quantile
