"""Tree-structured Parzen estimators, by Optuna (Bergstra et al., 2011; Watanabe, arXiv 2304.11127)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import numpy as np
from annotated_types import Ge

import radin


def optuna_tpe(
    problem: radin.Problem,
    *,
    trials: Annotated[int, Ge(1), "subsets asked for in all, whatever the budget allows"] = 1000,
    startup: Annotated[int, Ge(1), "random subsets before the model is asked"] = 10,
    ei_candidates: Annotated[int, Ge(1), "subsets drawn from the model for each that is proposed"] = 24,
) -> radin.Proposals:
    """Optuna's tree-structured Parzen estimator over the members of a subset.

    One trial at a time, each ingredient a categorical parameter. The cost of a trial grows with the number of those
    before it, so that twenty thousand take an hour; the default of a thousand takes about half a minute.
    """
    import optuna

    sampler = optuna.samplers.TPESampler(
        seed=int(problem.rng.integers(2**32)), n_startup_trials=startup, n_ei_candidates=ei_candidates
    )
    with _quiet():
        study = optuna.create_study(direction="maximize", sampler=sampler)
    choices: dict[str, optuna.distributions.BaseDistribution] = {
        str(i): optuna.distributions.CategoricalDistribution([False, True]) for i in range(problem.n)
    }
    for _ in range(trials):
        trial = study.ask(fixed_distributions=choices)
        members = trial.params  # a deep copy at each access
        mask = np.array([members[name] for name in choices])
        if mask.any():
            (score,) = yield mask[None]
            study.tell(trial, float(score))
        else:
            study.tell(trial, -np.inf)  # no recipe: the worst there is


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps Optuna from announcing a study, and leaves its verbosity as it was."""
    import optuna

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(verbosity)


@radin.hookimpl
def register_searchers(register: radin.Register) -> None:
    """Registers the searcher of this module."""
    register(optuna_tpe)
