"""What each of the other searchers promises of its own."""

import logging
import random

import numpy as np
import pytest
from helpers.objectives import Additive

import radin
from radin.testing import ToyObjective


def batches_of(name, n, count, **options):
    """The first batches that a searcher proposes."""
    seen = []

    class Watch(Additive):
        def __call__(self, weights):
            seen.append(np.array(weights))
            return super().__call__(weights)

    radin.search(name, Watch(np.arange(n)), radin.Budget(candidates=count), options=options)
    return np.concatenate(seen)


def test_monte_carlo_follows_its_inclusion_probability():
    masks = batches_of("monte-carlo", 60, 4000, p=0.2, batch=500)
    assert abs(masks.mean() - 0.2) < 0.01


def test_monte_carlo_with_uniform_sizes():
    sizes = batches_of("monte-carlo", 60, 4000, sizes="uniform", batch=500).sum(axis=1)
    counts = np.histogram(sizes, bins=np.arange(0.5, 61, 6))[0]
    assert sizes.min() >= 1 and np.abs(counts / 400 - 1).max() < 0.35


@pytest.mark.parametrize(("name", "evaluations"), [("optuna-tpe", 150), ("deap-ga", 600)])
def test_learns_from_scores(name, evaluations):
    objective = ToyObjective(16, seed=5)
    rng = np.random.default_rng(0)
    blind = objective.value(rng.random((3000, 16)) < 0.5)
    result = radin.search(name, objective, radin.Budget(candidates=evaluations), seed=1)
    assert result[0].score > np.quantile(blind, 0.999)


def test_optuna_leaves_logging_and_warnings_as_they_were(capfd):
    import optuna

    logger = logging.getLogger("optuna")
    before = (logger.level, list(logger.handlers), optuna.logging.get_verbosity())
    radin.search("optuna-tpe", ToyObjective(5), radin.Budget(candidates=15))
    assert (logger.level, list(logger.handlers), optuna.logging.get_verbosity()) == before
    assert capfd.readouterr() == ("", "")


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


def test_optuna_stops_at_its_own_number_of_trials() -> None:
    found = radin.search("optuna-tpe", ToyObjective(8), radin.Budget(candidates=1000), options={"trials": 12})
    assert (found.stopped, found.proposed) == ("finished", 12)
