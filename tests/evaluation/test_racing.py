"""The race drops what cannot matter, keeps what may, and decides the same every time."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import radin
from radin.errors import InputError
from radin.evaluation.racing import (
    RaceSettings,
    log_likelihoods,
    race,
    race_measures,
    race_order,
    random_halves,
    standings,
    stepwise,
)
from radin.scoring.kinds import KINDS
from radin.scoring.metrics import TopK, get_metric

ACCURACY = get_metric("accuracy")


def logits(labels, strength, seed, classes=5):
    """Noise in which the label stands out by `strength`."""
    noise = np.random.default_rng(seed).normal(size=(len(labels), classes))
    return (noise + strength * np.eye(classes)[labels]).astype(np.float32)


def labels_of(m, classes=5, seed=0):
    return np.random.default_rng(seed).integers(classes, size=m)


def run_of(arrays, asked=None):
    """What a caller of `race` hands over; notes what was asked for."""

    def run(ingredients, rows):
        if asked is not None:
            asked.append((ingredients.tolist(), rows.copy()))
        return [arrays[i][rows] for i in ingredients]

    return run


def raced(arrays, labels, metric="accuracy", rule=None, seed=0):
    rule = rule or RaceSettings()
    return race(len(arrays), labels, get_metric(metric), run_of(arrays), rule, seed)


def test_an_ingredient_far_worse_is_dropped_after_the_first_stage():
    labels = labels_of(4_000)
    arrays = [logits(labels, 3.0, seed) for seed in range(5)] + [logits(labels, 0.0, 9)]
    result = raced(arrays, labels)
    assert 5 not in result.survivors
    (bad,) = [one for one in result.dropped if one.ingredient == 5]
    assert (bad.rows, bad.chosen, bad.stays) == (200, 0, False)
    assert bad.behind > 3 * bad.error and bad.selections == 16
    assert result.rows[5] == 200 and (result.rows[result.survivors] == 4_000).all()
    assert result.passes == result.rows.sum() / 4_000


def test_ingredients_of_the_same_outputs_share_one_fate():
    labels = labels_of(2_000)
    arrays = [logits(labels, strength, seed) for seed, strength in enumerate((3.0, 2.9, 1.0, 0.3))]
    arrays = [*arrays, *arrays]
    for rule in (RaceSettings(), RaceSettings(z=0.0), RaceSettings(z=0.0, halves=0)):
        kept = np.isin(np.arange(8), raced(arrays, labels, rule=rule).survivors)
        assert (kept[:4] == kept[4:]).all() and kept.any()


def test_an_ingredient_that_is_poor_but_right_where_others_fail_stays():
    labels = np.arange(2_000) % 5
    good = [logits(labels, 4.0, seed) for seed in range(4)]
    blind = labels == 4
    for one in good:
        one[blind] = np.random.default_rng(7).normal(size=(blind.sum(), 5))
    expert = np.zeros((2_000, 5), dtype=np.float32)
    expert[blind, 4] = 8.0
    result = raced([*good, expert], labels)
    assert 4 in result.survivors
    assert result.stages[0][4].behind > 3 * result.stages[0][4].error  # z alone would have dropped it


def test_more_votes_keep_no_more():
    labels = labels_of(1_000)
    arrays = [logits(labels, 2.0, seed) for seed in range(12)]
    few, more = (raced(arrays, labels, rule=RaceSettings(z=0.0, votes=votes)) for votes in (1, 4))
    assert set(more.survivors) < set(few.survivors) and len(more.survivors) > 0


def test_the_best_ingredient_on_the_rows_seen_always_stays():
    labels = labels_of(1_000)
    arrays = [logits(labels, 0.1 * i, i) for i in range(8)]
    for rule in (RaceSettings(), RaceSettings(z=0.0, halves=0), RaceSettings(z=2.0, halves=3)):
        for stage in raced(arrays, labels, rule=rule).stages:
            leader = max(stage, key=lambda one: one.score)
            assert leader.stays and leader.behind == 0


def test_the_same_inputs_give_the_same_race_and_another_seed_another_order():
    labels = labels_of(1_500)
    arrays = [logits(labels, 0.2 * i, i) for i in range(10)]
    one, two, other = raced(arrays, labels, seed=3), raced(arrays, labels, seed=3), raced(arrays, labels, seed=4)
    assert one.stages == two.stages and np.array_equal(one.survivors, two.survivors)
    assert np.array_equal(one.order, two.order) and not np.array_equal(one.order, other.order)


def test_survivors_do_not_depend_on_the_order_of_the_pool():
    labels = labels_of(1_500)
    arrays = [logits(labels, 0.2 * i, i) for i in range(10)]
    turned = raced(arrays[::-1], labels).survivors
    assert sorted(9 - turned) == raced(arrays, labels).survivors.tolist()


def test_the_caller_is_asked_for_longer_beginnings_of_one_order_by_survivors_only():
    labels, asked = labels_of(5_000), []
    arrays = [logits(labels, 0.4 * i, i) for i in range(10)]
    result = race(10, labels, ACCURACY, run_of(arrays, asked), RaceSettings(), 0)
    assert [len(rows) for _, rows in asked] == [250, 1_000, 5_000]
    for (before, start), (after, longer) in pairwise(asked):
        assert set(after) <= set(before) and np.array_equal(longer[: len(start)], start)
    assert asked[-1][0] == result.survivors.tolist()
    assert sorted(result.order.tolist()) == list(range(5_000))


def test_stages_that_are_no_larger_are_skipped_and_few_ingredients_or_rows_run_in_full():
    rule = RaceSettings()
    assert rule.ends(10, 10_000) == (500, 2_000, 10_000)
    assert rule.ends(10, 2_000) == (200, 400, 2_000)
    assert rule.ends(10, 800) == (200, 800)
    assert rule.ends(10, 200) == (200,)
    assert rule.ends(10, 150) == (150,)
    assert rule.ends(3, 10_000) == (10_000,)
    labels = labels_of(100)
    result = raced([logits(labels, i, i) for i in range(6)], labels)
    assert result.survivors.tolist() == list(range(6)) and result.stages == () and result.passes == 6


def test_the_range_of_passes_holds_what_a_race_takes():
    labels = labels_of(3_000)
    arrays = [logits(labels, 0.5 * i, i) for i in range(9)]
    least, most = RaceSettings().passes(9, 3_000)
    assert least == 9 * 200 / 3_000 + 1 - 200 / 3_000 and most == 9
    assert least <= raced(arrays, labels).passes <= most


@given(st.integers(2, 300), st.integers(1, 7), st.integers(0, 5))
@settings(max_examples=50, deadline=None)
def test_every_beginning_of_the_order_is_stratified(rows, classes, seed):
    labels = labels_of(rows, classes, seed)
    order = race_order(labels, seed)
    assert sorted(order.tolist()) == list(range(rows))
    counts = np.bincount(labels, minlength=classes)
    for k in range(1, rows + 1):
        seen = np.bincount(labels[order[:k]], minlength=classes)
        assert (np.abs(seen - k * counts / rows) < classes + 1).all()


def test_halves_are_complements_of_each_other_and_capped():
    halves = random_halves(501, RaceSettings(halves=5), seed=1)
    assert len(halves) == 5
    for one, other in ((halves[0], halves[1]), (halves[2], halves[3])):
        assert sorted([*one, *other]) == list(range(501))
    assert not np.array_equal(halves[0], halves[2])
    assert [len(one) for one in random_halves(9_000, RaceSettings(halves=2, rows_per_half=100), 1)] == [100, 100]


def test_stepwise_selection_is_the_searcher_forward():
    labels = labels_of(400)
    arrays = [logits(labels, 0.3 * i, i) for i in range(7)]
    bank = radin.LogitBank.from_arrays(arrays, labels, [str(i) for i in range(7)])
    found = radin.search("forward", radin.Surrogate(bank, "nll", lam=0.0), radin.Budget(candidates=10_000), top=1)
    taken = stepwise(np.array(arrays), labels, log_likelihoods, log_likelihoods)
    assert np.flatnonzero(taken).tolist() == list(found[0].recipe.members)


def test_equal_scores_are_decided_by_likelihood():
    labels = np.zeros(20, dtype=np.int64)
    weak, strong = (np.tile(np.array([gap, 0.0], dtype=np.float32), (20, 1)) for gap in (0.1, 5.0))
    taken = stepwise(
        np.array([weak, weak, strong, strong]), labels, race_measures(ACCURACY, weak, labels)[1], log_likelihoods
    )
    assert taken.tolist() == [False, False, True, True]


def test_metrics_race_by_what_has_values_for_each_row():
    def per_row(logits, labels):
        return logits.argmax(axis=1) == labels

    def one_number(logits, labels):
        return float((logits.argmax(axis=1) == labels).mean())

    labels = labels_of(3_000)
    counts = {
        "accuracy": 2,
        "balanced-accuracy": 2,
        TopK(2): 2,
        "nll": 1,
        "macro-f1": 1,
        per_row: 1,
        one_number: 0,
    }
    for metric, count in counts.items():
        assert len(race_measures(get_metric(metric), logits(labels, 1.0, 0), labels)) == count
    arrays = [logits(labels, 2.0 * (i < 5), i) for i in range(10)]
    assert len(raced(arrays, labels, per_row).survivors) < 10
    assert raced(arrays, labels, one_number).passes == 10
    for metric in ("nll", "macro-f1", "balanced-accuracy", TopK(2)):
        assert not set(raced(arrays, labels, metric).survivors) & set(range(5, 10)), metric


def test_the_error_is_that_of_the_paired_difference():
    labels = labels_of(300)
    arrays = [logits(labels, 2.0, 0), logits(labels, 1.8, 1)]
    stage = standings(np.array([4, 7]), arrays, labels, [log_likelihoods], RaceSettings(), 0)
    values = log_likelihoods(np.array(arrays), labels)
    assert [one.ingredient for one in stage] == [4, 7]
    best = int(np.argmax([one.mean() for one in values]))
    difference = values[best] - values[1 - best]
    assert stage[1 - best].behind == pytest.approx(difference.mean())
    assert stage[1 - best].error == pytest.approx(difference.std(ddof=1) / np.sqrt(300))


@pytest.mark.parametrize(
    "wrong",
    [
        {"stages": (0.2, 0.05)},
        {"stages": (0.0,)},
        {"stages": (1.0,)},
        {"z": -1.0},
        {"z": float("nan")},
        {"halves": -1},
        {"votes": 0},
        {"first_rows": 1},
        {"rows_per_half": 1},
        {"smallest_pool": 0},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(InputError, match="expected"):
        RaceSettings(**wrong)


def test_a_race_of_nothing_is_refused():
    with pytest.raises(InputError, match="at least 1 ingredient"):
        race(0, labels_of(10), ACCURACY, run_of([]), RaceSettings(), 0)


def test_values_race_by_their_squared_errors() -> None:
    rng = np.random.default_rng(0)
    labels = rng.normal(size=(2_000, 1))
    errors = np.array([0.5, 0.52, 0.55, 2.0, 3.0])
    outputs = [labels + error * rng.normal(size=labels.shape) for error in errors]

    def run(ingredients, rows):
        return [outputs[i][rows] for i in ingredients]

    rule = RaceSettings(halves=2)
    for name in ("mse", "rmse", "pearson"):
        metric, strata = get_metric(name, KINDS["values"]), np.zeros(2_000, dtype=np.int64)
        found = race(5, labels, metric, run, rule, 0, kind=KINDS["values"], strata=strata)
        for measure in race_measures(metric, outputs[0], labels, KINDS["values"]):
            np.testing.assert_allclose(measure(np.array(outputs[:2]), labels), -np.square(outputs - labels)[:2, :, 0])
        assert set(found.survivors) >= {0, 1} and 4 not in found.survivors
        for one in found.dropped:
            seen = found.order[: one.rows]
            assert one.score == pytest.approx(-np.square(outputs[one.ingredient] - labels)[seen].mean())


def test_several_labels_race_by_the_likelihood_of_their_decisions() -> None:
    rng = np.random.default_rng(0)
    kind, labels = KINDS["several-labels"], rng.integers(2, size=(50, 3))
    outputs = rng.normal(size=(2, 50, 3))
    smooth, own = race_measures(get_metric("subset-accuracy", kind), outputs[0], labels, kind)
    np.testing.assert_allclose(smooth(outputs, labels), [-kind.losses(one, labels) for one in outputs])
    assert own(outputs, labels).shape == (2, 50)
    assert len(race_measures(get_metric("macro-f1", kind), outputs[0], labels, kind)) == 1
