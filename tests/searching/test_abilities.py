"""What else an objective can do beside scoring batches, through the driver: charged, deduplicated and capped alike."""

import numpy as np
import pytest
from helpers.objectives import Additive, Capable, run, subsets

from radin.errors import AbilityError, InputError, PluginError

UNITS = ("candidate", "soup")
WORTH = (0.5, 0.9, 0.1, 0.7)


def test_abilities_are_charged_deduplicated_and_capped():
    start = subsets(4, (0, 1))[0]

    def asks(problem):
        assert problem.abilities == {"neighbours", "swaps", "loss_and_gradient", "additions", "subset_range"}
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


def test_a_missing_ability_is_named():
    def asks(problem):
        assert not problem.abilities
        problem.loss_and_gradient(np.full(4, 0.25))
        yield subsets(4, (1,))

    with pytest.raises(AbilityError, match=r"'asks' cannot .* Additive has no ability 'loss_and_gradient'"):
        run(asks, Additive(WORTH))
