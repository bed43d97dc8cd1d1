"""The race drops what cannot matter, keeps what may, and decides the same every time."""

from itertools import pairwise

import numpy as np
import pytest
from helpers.racing import labels_of, logits, raced, run_of

from radin.errors import InputError
from radin.evaluation.judging import race_measures
from radin.evaluation.race_settings import RaceSettings
from radin.evaluation.racing import race
from radin.scoring.kinds import KINDS, Positions
from radin.scoring.kinds.classes import IGNORED
from radin.scoring.metrics import get_metric

ACCURACY = get_metric("accuracy")


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


def test_too_few_samples_run_in_full():
    labels = labels_of(100)
    result = raced([logits(labels, i, i) for i in range(6)], labels)
    assert result.survivors.tolist() == list(range(6)) and result.stages == () and result.passes == 6


def test_the_range_of_passes_holds_what_a_race_takes():
    labels = labels_of(3_000)
    arrays = [logits(labels, 0.5 * i, i) for i in range(9)]
    least = 9 * 200 / 3_000 + 1 - 200 / 3_000
    assert least <= raced(arrays, labels).passes <= 9


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


def in_groups(labels, seed=0):
    """Groups of 1 to 9 samples, in no order."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 10, size=len(labels))
    return rng.permutation(np.repeat(np.arange(len(sizes)), sizes)[: len(labels)])


def test_stages_hold_whole_groups_and_survivors_do_not_depend_on_the_order_inside_them():
    labels, asked = labels_of(3_000), []
    arrays, groups = [logits(labels, 0.3 * i, i) for i in range(8)], in_groups(labels)
    settings = {"strata": np.zeros_like(labels), "groups": groups}
    result = race(8, labels, ACCURACY, run_of(arrays, asked), RaceSettings(), 0, **settings)
    assert 0 < len(result.survivors) < 8
    for _, samples in asked:
        assert not set(groups[samples]) & set(np.delete(groups, samples))
    turned = np.lexsort((np.random.default_rng(1).random(len(labels)), groups))
    by_group = turned[np.argsort(groups[turned], kind="stable")]
    other = race(
        *(8, labels[by_group], ACCURACY, run_of([one[by_group] for one in arrays]), RaceSettings(), 0),
        **settings | {"groups": groups[by_group]},
    )
    assert np.array_equal(other.survivors, result.survivors)
    for one, same in zip(result.dropped, other.dropped, strict=True):
        assert (one.ingredient, one.rows, one.chosen) == (same.ingredient, same.rows, same.chosen)
        assert (one.score, one.error) == pytest.approx((same.score, same.error))


def test_an_ingredient_that_is_worse_on_few_groups_alone_stays():
    labels = labels_of(2_000)
    groups = np.arange(2_000) // 100
    good = logits(labels, 3.0, 0)
    odd = np.where((groups == 4)[:, None], -good, good)  # one bad group, which tells little about others
    arrays = [good, odd, logits(labels, 0.0, 1), logits(labels, 0.0, 2)]
    rule = RaceSettings(stages=(0.5,), first_groups=10, z=3.0, halves=0)
    alone, whole = (
        race(4, labels, ACCURACY, run_of(arrays), rule, 1, strata=np.zeros_like(labels), groups=given)
        for given in (None, groups)
    )
    assert 4 in groups[whole.order[:1_000]]
    assert alone.survivors.tolist() == [0] and whole.survivors.tolist() == [0, 1]


def test_positions_race_by_the_likelihood_of_their_rows_and_errors_of_samples():
    kind = Positions(width=3)
    labels = labels_of(900).reshape(300, 3)
    labels[::4, 2] = IGNORED
    arrays = [logits(np.maximum(labels, 0).reshape(-1), 1.0 * i, i).reshape(300, 3, 5) for i in range(5)]
    rule = RaceSettings(stages=(0.4,), first_rows=100)
    result = race(5, labels, ACCURACY, run_of(arrays), rule, 0, kind=kind, strata=kind.strata(labels))
    (stage,) = result.stages
    samples = result.order[:120]
    for one in stage:
        seen = labels[samples] != IGNORED
        likelihood = -kind.losses(arrays[one.ingredient][samples][seen], labels[samples][seen])
        assert (one.rows, one.score) == (120, pytest.approx(likelihood.mean()))
    assert not {0, 1} & set(result.survivors) and 4 in result.survivors
