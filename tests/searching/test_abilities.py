"""Whatever a searcher asks of its problem is charged, deduplicated and capped alike, fast path or none."""

import numpy as np
import pytest
from helpers.objectives import Additive, Capable, run, subsets

from radin.errors import AbilityError, InputError, PluginError

UNITS = ("candidate", "soup")
WORTH = (0.5, 0.9, 0.1, 0.7)


def test_abilities_are_charged_deduplicated_and_capped():
    start = subsets(4, (0, 1))[0]

    def asks(problem):
        assert problem.has_gradient
        near = problem.neighbours(start)
        np.testing.assert_array_equal(near, objective.value(start ^ np.eye(4, dtype=bool)))
        masks, swapped = problem.swaps(start)
        np.testing.assert_array_equal(swapped, objective.value(masks))
        loss, gradient = problem.loss_and_gradient(np.full(4, 0.25))
        assert loss == -0.55
        gradient[:] = 0
        assert problem.loss_and_gradient(np.full(4, 0.25))[1].tolist() == [-w for w in WORTH]
        problem.neighbours(start)
        (score,) = yield start[None]
        assert score == 0.7
        yield masks

    objective = Capable(WORTH)
    result = run(asks, objective)
    assert result.charged == 4 + 4 + 1 + 1
    assert result.proposed == 4 + 4 + 2 + 4 + 1 + 4
    for cap in range(1, 10):
        objective = Capable(WORTH)
        result = run(asks, objective, cap)
        assert (result.charged, len(set(objective.asked)), result.stopped) == (cap, cap, "budget")


def test_ranges_and_additions_are_charged_deduplicated_and_capped():
    def asks(problem):
        masks = problem.numbered_subsets(1, 6)
        assert [np.flatnonzero(mask).tolist() for mask in masks] == [[0], [1], [0, 1], [2], [0, 2]]
        np.testing.assert_array_equal(problem.subset_range(1, 6), objective.value(masks))
        recipes = (np.array([1, 0, 1, 0]) + np.eye(4)) / 3
        np.testing.assert_array_equal(problem.additions(np.array([1, 0, 1, 0])), objective.value(recipes))
        np.testing.assert_array_equal(problem.additions(np.zeros(4, dtype=int)), objective.solo)
        yield recipes

    objective = Capable(WORTH)
    result = run(asks, objective)
    assert (result.charged, result.proposed) == (5 + 4 + 1, 5 + 4 + 4 + 4)
    for cap in range(1, 10):
        objective = Capable(WORTH)
        result = run(asks, objective, cap)
        assert (result.charged, len({bytes(row) for row in objective.asked}), result.stopped) == (cap, cap, "budget")


@pytest.mark.parametrize(("start", "stop"), [(0, 3), (3, 3), (5, 17)])
def test_ranges_outside_of_the_pool_are_refused(start, stop):
    def asks(problem):
        with pytest.raises(InputError, match="start"):
            problem.numbered_subsets(start, stop)
        yield problem.subset_range(start, stop)

    with pytest.raises(PluginError, match="1 ≤ start < stop ≤ 2"):
        run(asks, Capable(WORTH))


@pytest.mark.parametrize("counts", [[1, 1, 1], [1, -1, 0, 0]])
def test_counts_that_are_none_are_refused(counts):
    def asks(problem):
        yield problem.additions(np.array(counts))

    with pytest.raises(PluginError, match="expected 4 counts"):
        run(asks, Capable(WORTH))


def test_neighbours_of_a_single_ingredient_and_free_singles():
    objective = Capable(WORTH, unit="soup")

    def asks(problem):
        scores = problem.neighbours(subsets(4, (1,))[0])
        assert scores[1] == -np.inf and scores[0] == 0.7
        assert problem.neighbours(subsets(4, (0, 1))[0])[0] == objective.solo[1]
        yield subsets(4, (1,))

    assert run(asks, objective).charged == 3 + 2


def test_a_missing_gradient_is_named():
    def asks(problem):
        assert not problem.has_gradient
        problem.loss_and_gradient(np.full(4, 0.25))
        yield subsets(4, (1,))

    with pytest.raises(AbilityError, match=r"'asks' cannot .* Additive has no gradient"):
        run(asks, Additive(WORTH))


def everything(problem):
    """Asks for all that a problem scores outside of proposals, and notes the answers."""
    start = subsets(4, (0, 1))[0]
    everything.answers = [problem.neighbours(start), problem.swaps(start)[1], problem.additions(np.array([1, 0, 1, 0]))]
    everything.answers += [problem.subset_range(1, 16), problem.neighbours(start, among=~start)]
    yield from ()


@pytest.mark.parametrize("unit", UNITS)
def test_an_objective_without_fast_paths_answers_the_same_at_the_same_charge(unit):
    fast, plain = Capable(WORTH, unit=unit), Additive(WORTH, unit=unit)
    found = run(everything, fast)
    expected = everything.answers
    again = run(everything, plain)
    for answer, other in zip(everything.answers, expected, strict=True):
        np.testing.assert_array_equal(answer, other)
    distinct = (11 if unit == "soup" else 15) + 2  # the subsets, and two additions that are no subsets
    assert (found.charged, again.charged) == (distinct, distinct)
    assert len(plain.asked) == len(set(plain.asked)) == distinct
    for cap in range(1, 12):
        plain = Additive(WORTH, unit=unit)
        assert (run(everything, plain, cap).charged, len(plain.asked)) == (cap, cap)


def test_neighbours_that_are_not_wanted_cost_nothing_where_they_are_scored_one_by_one():
    start = subsets(4, (0, 1))[0]

    def asks(problem):
        np.testing.assert_array_equal(problem.neighbours(start, among=~start)[:2], [-np.inf, -np.inf])
        assert np.isneginf(problem.neighbours(start, among=np.zeros(4, dtype=bool))).all()
        yield from ()

    assert run(asks, Additive(WORTH)).charged == 2
    assert run(asks, Capable(WORTH)).charged == 4, "scored together"


@pytest.mark.parametrize("among", [np.ones(3, dtype=bool), np.ones(4)])
def test_a_choice_of_neighbours_that_is_no_mask_is_refused(among):
    def asks(problem):
        problem.neighbours(subsets(4, (0, 1))[0], among=among)
        yield from ()

    with pytest.raises(PluginError, match="among"):
        run(asks, Additive(WORTH))
