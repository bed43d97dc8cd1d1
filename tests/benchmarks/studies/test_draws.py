"""Draws of selecting samples: candidates and greedy soups are those of radin."""

import numpy as np
import pytest
from scipy import stats

import radin
from benchmarks.studies import draws
from benchmarks.studies.draws import Draw


def test_a_draw_selects_on_some_samples_and_reports_on_all_others(store):
    draw = Draw(store, 0, 60)
    assert len(draw.selecting) == 60
    assert sorted([*draw.selecting, *draw.reporting]) == list(range(len(store.labels)))
    assert draw.stack.shape == (draw.n, 60, 3) and draw.n == 4
    single = draw.singles()[2]
    np.testing.assert_array_equal(draw.logits(single)[draw.selecting], draw.stack[2])


def test_candidates_are_those_of_forward_on_the_surrogate(store):
    draw = Draw(store, 1, 60)
    names = [str(i) for i in range(draw.n)]
    bank = radin.LogitBank.from_arrays(list(draw.stack), draw.labels, names)
    found = radin.search("forward", radin.Surrogate(bank, lam=0.0), radin.Budget(candidates=1_000), top=5)
    masks = draw.candidates(draws.accuracy, top=5)
    scores = draws.Averaged(draw.stack, draw.labels, draws.accuracy)(np.array(masks))
    assert scores.tolist() == [one.score for one in found]
    inside = draw.candidates(draws.likelihood, among=np.array([0, 3]))
    assert [mask.tolist() for mask in inside] == [[True, False, False, True]]


def test_the_greedy_soup_is_that_of_the_searcher_on_real_soups(store):
    draw = Draw(store, 2, 60)

    class Real:
        unit = "soup"
        names = tuple(str(i) for i in range(draw.n))
        solo = draws.accuracy(draw.stack, draw.labels)

        def __call__(self, weights):
            rows = np.asarray(weights) > 0
            return np.array([draws.accuracy(draw.logits(row)[draw.selecting][None], draw.labels)[0] for row in rows])

    found = radin.search("greedy", Real(), radin.Budget(soups=None), top=1)
    best = found[0].recipe.members if found and found[0].score > Real.solo.max() else (int(Real.solo.argmax()),)
    assert tuple(np.flatnonzero(draw.greedy)) == tuple(best)


def test_least_values_hold_together_and_shrink_with_certainty():
    rng = np.random.default_rng(0)
    sure, unsure = 0.01 + 0.001 * rng.normal(size=10), 0.05 * rng.normal(size=10)
    first, second, none = draws.least_values([sure, unsure, [0.3]], margin=0.003)
    error = sure.std(ddof=1) / np.sqrt(10)
    assert first == pytest.approx(sure.mean() - stats.t.ppf(1 - 0.05 / 2, 9) * error)  # the surest pays for both
    assert second == pytest.approx(unsure.mean() - stats.t.ppf(1 - 0.05, 9) * unsure.std(ddof=1) / np.sqrt(10))
    assert np.isnan(none)


def test_significantly_below_is_corrected_for_the_number_of_groups():
    below = [-0.010, -0.011, -0.009, -0.012]
    noise = [[-0.01, 0.012, 0.005, -0.004]] * 5
    assert draws.significantly_below([below, *noise, [-1.0], [0.0, 0.0]]) == [True, *[False] * 7]
    weak = [-0.010, -0.004, -0.012, -0.003]
    assert draws.significantly_below([weak]) == [True]
    assert draws.significantly_below([weak, *noise * 4]) == [False] * 21
