"""Optuna's estimator: it learns from scores, stays quiet and stops at its number of trials."""

import logging

from helpers.objectives import best_and_blind

import radin
from radin.testing import ToyObjective


def test_it_learns_from_scores():
    best, quantile = best_and_blind("optuna-tpe", 150)
    assert best > quantile


def test_optuna_leaves_logging_and_warnings_as_they_were(capfd):
    import optuna

    logger = logging.getLogger("optuna")
    before = (logger.level, list(logger.handlers), optuna.logging.get_verbosity())
    radin.search("optuna-tpe", ToyObjective(5), radin.Budget(candidates=15))
    assert (logger.level, list(logger.handlers), optuna.logging.get_verbosity()) == before
    assert capfd.readouterr() == ("", "")


def test_optuna_stops_at_its_own_number_of_trials() -> None:
    found = radin.search("optuna-tpe", ToyObjective(8), radin.Budget(candidates=1000), options={"trials": 12})
    assert (found.stopped, found.proposed) == ("finished", 12)
