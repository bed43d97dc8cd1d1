"""The contract that every searcher plugin must pass: `check_searcher`, for the tests of a plugin."""

from __future__ import annotations

import dataclasses
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float64

from radin.errors import ContractError, InputError, RadinError
from radin.recipe import mixing_weights, numbered_subsets
from radin.scoring.objective import Proposal, Unit
from radin.searching.budget import Budget
from radin.searching.driver import as_searcher, search
from radin.searching.plugins import Searcher, SearchFunction
from radin.searching.problem import Problem, Proposals
from radin.searching.shortlist import Shortlist

#: Pool sizes at which every searcher is run, and the evaluations that it may use at each.
POOLS = {1: 30, 2: 30, 13: 30, 1000: 12}
#: Caps that must not be exceeded by a single evaluation.
BUDGETS = (1, 2, 7, 100)
#: Size of the pool whose best subset must be found; it has 63 subsets.
SMALL_POOL = 6
UNITS: tuple[Unit, ...] = ("candidate", "soup")


@dataclass(frozen=True)
class Report:
    """The result of `check_searcher`.

    Attributes:
        searcher: its name.
        passed: the checks that it passed.
        exempt: the checks that were left out, with their reasons.
    """

    searcher: str
    passed: tuple[str, ...]
    exempt: Mapping[str, str]

    def __str__(self) -> str:
        exempt = "".join(f"; exempt from {check}: {reason}" for check, reason in self.exempt.items())
        return f"searcher {self.searcher!r} passed {', '.join(self.passed)}{exempt}"


class ToyObjective:
    """Soups of linear regressors on random data; counts the recipes that it is asked for.

    An ingredient is the truth plus noise, and predictions are averaged as weights are: the score of a recipe is the
    negative mean squared error of the average. Averaging cancels noise, so the best recipe is neither the best
    ingredient nor all of them.

    Arguments:
        n: size of the pool.
        unit: what one evaluation is charged as.
        seed: draws the ingredients.
    """

    def __init__(self, n: int, unit: Unit = "candidate", seed: int = 3) -> None:
        rng = np.random.default_rng([seed, n])
        self.unit = unit
        self.names = tuple(f"ingredient-{i}" for i in range(n))
        self._errors = rng.normal(size=(n, 20)) * rng.uniform(0.5, 2.0, size=(n, 1)) + rng.normal(size=20) * 0.3
        self._asked: set[bytes] = set()

    @property
    def evaluations(self) -> int:
        """Distinct evaluations that were asked for; single ingredients are no soups, and free."""
        return len(self._asked)

    @property
    def solo(self) -> Float64[np.ndarray, " n"]:
        """Each ingredient's own score."""
        return self.value(np.eye(len(self.names), dtype=bool))

    def value(self, weights: Proposal) -> Float64[np.ndarray, " k"]:
        """Scores of recipes. These evaluations are not counted."""
        return -np.square(mixing_weights(weights) @ self._errors).mean(axis=1)

    def __call__(self, weights: Proposal, /) -> Float64[np.ndarray, " k"]:
        """Scores of `k` recipes."""
        rows = mixing_weights(weights)
        if self.unit == "soup":
            rows = rows[np.count_nonzero(rows, axis=1) > 1]
        self._asked.update(row.tobytes() for row in rows)
        return self.value(weights)

    def tie_break(self, weights: Proposal, /) -> Float64[np.ndarray, " k"]:
        """The loss itself."""
        return -self.value(weights)

    def loss_and_gradient(self, weights: Float64[np.ndarray, " n"], /) -> tuple[float, Float64[np.ndarray, " n"]]:
        """The mean squared error and its gradient."""
        self._asked.add(b"gradient" + weights.tobytes())
        error = weights @ self._errors
        return float(np.square(error).mean()), 2 * self._errors @ error / len(error)


def check_searcher(searcher: str | Searcher | SearchFunction, *, exempt: Mapping[str, str] | None = None) -> Report:
    """Checks that a searcher keeps the contract. Call it in the tests of your plugin.

    The checks: `documented` (a summary, and defaults that validate), `proposals at n = 1`, and the same
    at 2, 13 and 1000 (valid ones in pools of so many ingredients), `deterministic` (the seed decides every proposal),
    `global-randomness` (neither used nor changed: Python's, numpy's and, if it is loaded, torch's), `budget` (never one
    evaluation over, for either unit, as counted by the objective itself), `best-subset` (found in a pool of six, given
    enough budget).

    Arguments:
        searcher: the name of an installed searcher, or a generator function. It is run with its default options.
        exempt: checks to leave out, each with the reason why this searcher need not pass it.

    Returns:
        a report of the checks that were passed and of those that were exempt.

    Raises:
        ContractError: an `AssertionError` that says which check failed and how.
        InputError: an exemption from a check that does not exist, or without a reason.
    """
    chosen = as_searcher(searcher)
    exempt = dict(exempt or {})
    for name, reason in exempt.items():
        if name not in CHECKS or not reason.strip():
            raise InputError(f"exempt: expected one of {', '.join(CHECKS)} with its reason, got {name!r}: {reason!r}")
    passed = []
    for name, check in CHECKS.items():
        if name in exempt:
            continue
        try:
            check(chosen)
        except (RadinError, AssertionError) as error:
            raise ContractError(f"searcher {chosen.name!r} of {chosen.owner} fails {name!r}: {error}") from error
        passed.append(name)
    return Report(chosen.name, tuple(passed), exempt)


def _check_documented(searcher: Searcher) -> None:
    _demand(bool(searcher.summary), "its docstring has no first line to serve as a summary")
    for name, option in searcher.options.items():
        value = option.coerce(option.default, searcher.name)
        _demand(value == option.default, f"the default of {name!r} is {option.default!r} but validates as {value!r}")


def _check_proposals(searcher: Searcher, n: int) -> None:
    for unit in UNITS:
        _run(searcher, n, unit, POOLS[n])


def _check_deterministic(searcher: Searcher) -> None:
    first, again = (_transcript(searcher, seed=1) for _ in range(2))
    _demand(_same(first, again), "two runs with one seed made different proposals")


def _check_global_randomness(searcher: Searcher) -> None:
    transcripts = []
    for seed in (1, 2):
        moved: set[str] = set()
        with _seeded_globals(seed):
            transcripts.append(_transcript(searcher, seed=3, moved=moved))
        _demand(not moved, f"it changed the global random state of {' and '.join(sorted(moved))}; use problem.rng")
    _demand(_same(*transcripts), "its proposals depend on global random state; use problem.rng")


def _check_budget(searcher: Searcher) -> None:
    for unit in UNITS:
        for cap in BUDGETS:
            objective, result = _run(searcher, 13, unit, cap)
            what = f"with a budget of {cap} {unit}s"
            _demand(objective.evaluations <= cap, f"{objective.evaluations} evaluations {what}")
            _demand(objective.evaluations == result.charged, f"{result.charged} charged {what}, not what was evaluated")


def _check_best_subset(searcher: Searcher) -> None:
    objective, result = _run(searcher, SMALL_POOL, "candidate", 10_000)
    masks = numbered_subsets(1, 2**SMALL_POOL, SMALL_POOL)
    scores = np.where(masks.sum(axis=1) >= 2, objective.value(masks), -np.inf)
    best, found = float(scores.max()), result[0].score if result else -np.inf
    _demand(
        found >= best - 1e-9,
        f"of {SMALL_POOL} ingredients the best subset scores {best:.6g}, the best that it found {found:.6g}"
        f" (after {result.charged} evaluations, stopped: {result.stopped})",
    )


CHECKS: Mapping[str, Callable[[Searcher], None]] = {
    "documented": _check_documented,
    **{f"proposals at n = {n}": partial(_check_proposals, n=n) for n in POOLS},
    "deterministic": _check_deterministic,
    "global-randomness": _check_global_randomness,
    "budget": _check_budget,
    "best-subset": _check_best_subset,
}


def _demand(kept: bool, otherwise: str) -> None:
    if not kept:
        raise AssertionError(otherwise)


def _run(searcher: Searcher, n: int, unit: Unit, cap: int, seed: int = 0) -> tuple[ToyObjective, Shortlist]:
    objective = ToyObjective(n, unit)
    return objective, search(searcher, objective, Budget(candidates=cap, soups=cap), seed=seed)


def _transcript(searcher: Searcher, seed: int, moved: set[str] | None = None) -> list[np.ndarray]:
    """Every batch that the searcher yields. Adds the names of global random states that it changed to `moved`."""
    batches: list[np.ndarray] = []

    def recorded(problem: Problem, **options: Any) -> Proposals:
        proposals, answer = searcher.function(problem, **options), None
        try:
            while True:
                before = _global_states()
                try:
                    batch = proposals.send(answer)  # type: ignore[arg-type]  # None starts a generator
                except StopIteration:
                    return
                if moved is not None:
                    moved.update(name for name, state in _global_states().items() if state != before[name])
                batches.append(np.array(batch))
                answer = yield batch
        finally:
            proposals.close()

    _run(dataclasses.replace(searcher, function=recorded), 13, "candidate", 60, seed)
    return batches


def _same(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    return len(a) == len(b) and all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def _global_generators() -> dict[str, tuple[Callable[[], Any], Callable[[Any], Any], Callable[[int], Any]]]:
    """Functions that get, set and seed each global random state. Nothing is drawn from these states here."""
    generators: dict[str, tuple[Callable[[], Any], Callable[[Any], Any], Callable[[int], Any]]] = {
        "random": (random.getstate, random.setstate, random.seed),
        "numpy": (np.random.get_state, np.random.set_state, np.random.seed),
    }
    if torch := sys.modules.get("torch"):
        generators["torch"] = (torch.get_rng_state, torch.set_rng_state, torch.manual_seed)
    return generators


def _global_states() -> dict[str, Any]:
    return {name: _plain(get()) for name, (get, _, _) in _global_generators().items()}


@contextmanager
def _seeded_globals(seed: int) -> Iterator[None]:
    """Seeds the global generators inside the block, and restores their states after it."""
    generators = _global_generators()
    before = {name: get() for name, (get, _, _) in generators.items()}
    try:
        for _, _, sow in generators.values():
            sow(seed)
        yield
    finally:
        for name, (_, put, _) in generators.items():
            put(before[name])


def _plain(state: Any) -> Any:
    """A random state in a form that `==` compares, with arrays and tensors as bytes."""
    parts = state if isinstance(state, tuple) else (state,)
    return [np.asarray(part).tobytes() if hasattr(part, "shape") else part for part in parts]
