"""The contract catches those who break it."""

import gc
import random

import numpy as np
import pytest

import radin
from radin.errors import ContractError, InputError
from radin.testing import CHECKS, SMALL_POOL, ToyObjective, check_searcher


def honest(problem: radin.Problem, *, step: int = 3) -> radin.Proposals:
    """Random subsets."""
    while True:
        yield problem.random_subsets(step)


def undocumented(problem):
    while True:
        yield problem.random_subsets(3)


def misfit(problem, *, step: int = "3"):
    """A default of another type than the option's."""
    yield problem.random_subsets(int(step))


def empties(problem):
    """Proposes the empty subset in large pools."""
    while True:
        yield np.zeros((1, problem.n), dtype=bool) if problem.n > 100 else problem.random_subsets(1)


def clock(problem):
    """Takes its randomness from the operating system."""
    while True:
        yield (np.random.default_rng().random((3, problem.n)) < 0.5) | (np.arange(problem.n) == 0)


def user_of_python_s(problem):
    """Draws from Python's global generator."""
    while True:
        yield np.array([[random.random() < 0.5 for _ in range(problem.n - 1)] + [True]])


def user_of_numpy_s(problem):
    """Draws from numpy's global generator, and hides it."""
    state = np.random.get_state()  # noqa: NPY002 (it is meant to be caught)
    batch = np.random.random((500, problem.n)) < 0.5  # noqa: NPY002
    np.random.set_state(state)  # noqa: NPY002
    yield batch | (np.arange(problem.n) == 0)


def sower(problem):
    """Seeds the global generator."""
    random.seed(5)
    while True:
        yield problem.random_subsets(1)


def lazy(problem):
    """Gives up at once."""
    yield np.ones((1, problem.n), dtype=bool)


def overspender(problem):
    """Evaluates behind the driver's back, for which it has to look for the objective in all of memory."""
    objective = [one for one in gc.get_objects() if type(one) is ToyObjective][-1]
    while True:
        objective(problem.random_subsets(50))
        yield problem.random_subsets(1)


def test_an_honest_searcher_passes():
    report = check_searcher(honest)
    assert report.passed == tuple(CHECKS) and not report.exempt
    assert str(report).startswith("searcher 'honest' passed documented, proposals at n = 1, proposals at n = 2, ")


@pytest.mark.parametrize(
    ("searcher", "check", "says"),
    [
        (undocumented, "documented", "no first line"),
        (misfit, "documented", "default of 'step'"),
        (empties, "proposals at n = 1000", "empty subset"),
        (clock, "deterministic", "different proposals"),
        (user_of_python_s, "deterministic", "different proposals"),
        (user_of_numpy_s, "global-randomness", "depend on global random state"),
        (sower, "global-randomness", "state of random; use problem.rng"),
        (overspender, "budget", "evaluations with a budget of 1 candidate"),
        (lazy, "best-subset", "of 6 ingredients the best subset scores"),
    ],
)
def test_a_breach_is_caught(searcher, check, says):
    with pytest.raises(ContractError, match=f"'{searcher.__name__.replace('_', '-')}' of .* fails '{check}': .*{says}"):
        check_searcher(searcher)


def test_a_breach_is_an_assertion_error_and_exemptions_are_reported():
    with pytest.raises(AssertionError):
        check_searcher(lazy)
    report = check_searcher(lazy, exempt={"best-subset": "it is lazy"})
    assert report.exempt == {"best-subset": "it is lazy"} and "best-subset" not in report.passed
    assert str(report).endswith("budget; exempt from best-subset: it is lazy")
    for wrong in ({"best_subset": "typo"}, {"best-subset": " "}):
        with pytest.raises(InputError, match=r"expected one of documented, .* with its reason"):
            check_searcher(lazy, exempt=wrong)


def test_an_exemption_for_one_pool_size_leaves_the_others_checked():
    def picky(problem):
        """Refuses large pools, and very small ones."""
        if problem.n not in (6, 13):
            raise InputError(f"not {problem.n}")
        yield from honest(problem)

    exempt = {f"proposals at n = {n}": f"it refuses {n}" for n in (1, 2, 1000)}
    report = check_searcher(picky, exempt=exempt)
    assert "proposals at n = 13" in report.passed and "exempt from proposals at n = 1000: it refuses 1000" in str(
        report
    )
    del exempt["proposals at n = 2"]
    with pytest.raises(ContractError, match=r"fails 'proposals at n = 2': .*not 2"):
        check_searcher(picky, exempt=exempt)


def clumsy(problem):
    """Fails in its own code, inside a library."""
    yield problem.random_subsets(1)
    yield np.stack([])


def test_the_line_of_the_plugin_s_own_code_is_named():
    line = clumsy.__code__.co_firstlineno + 3
    with pytest.raises(ContractError, match=rf"ValueError: .*test_testing\.py, line {line}: yield np\.stack"):
        check_searcher(clumsy)


def selfish(problem):
    """Thinks of one ingredient more than there is."""
    yield np.ones((3, problem.n + 1), dtype=bool)


def test_the_yield_of_a_wrong_batch_is_named():
    line = selfish.__code__.co_firstlineno + 2
    with pytest.raises(ContractError, match=rf"got shape \[3, 2\] \(.*test_testing\.py, line {line}: yield np\.ones"):
        check_searcher(selfish)


def test_global_states_are_put_back():
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002 (what is watched)
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    with pytest.raises(ContractError):
        check_searcher(sower, exempt={"deterministic": "not what is looked at"})
    assert (random.getstate()[0], np.random.get_state()[1].tolist()) == (before[0][0], before[1])  # noqa: NPY002


def test_the_toy_objective_s_best_recipe_is_neither_one_nor_all():
    masks = np.array([[m >> i & 1 for i in range(SMALL_POOL)] for m in range(1, 2**SMALL_POOL)], dtype=bool)
    assert 2 <= masks[ToyObjective(SMALL_POOL).value(masks).argmax()].sum() < SMALL_POOL


def test_the_toy_objective_has_a_right_gradient():
    objective = ToyObjective(5)
    weights = np.array([0.1, 0.2, 0.3, 0.15, 0.25])
    loss, gradient = objective.loss_and_gradient(weights)
    assert loss == pytest.approx(-objective.value(weights[None])[0])
    for direction in np.eye(5):
        ahead, behind = (objective.loss_and_gradient(weights + h * direction)[0] for h in (1e-6, -1e-6))
        assert (ahead - behind) / 2e-6 == pytest.approx(gradient @ direction, rel=1e-5)
    assert objective.evaluations == 11
