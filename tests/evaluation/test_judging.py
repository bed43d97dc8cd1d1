"""The judgement of a race: halves, stepwise selections, measures and errors."""

import numpy as np
import pytest
from helpers.racing import labels_of, logits, raced

import radin
from radin.evaluation.judging import log_likelihoods, race_measures, random_halves, standings, stepwise
from radin.evaluation.race_rows import SeenRows
from radin.evaluation.race_settings import RaceSettings
from radin.scoring.kinds import CLASSES, KINDS
from radin.scoring.kinds.choices import ABSENT
from radin.scoring.metrics import TopK, get_metric

ACCURACY = get_metric("accuracy")


def test_halves_are_complements_of_each_other_and_capped():
    halves = random_halves(501, RaceSettings(halves=5), seed=1)
    assert len(halves) == 5
    for one, other in ((halves[0], halves[1]), (halves[2], halves[3])):
        assert sorted([*one, *other]) == list(range(501))
    assert not np.array_equal(halves[0], halves[2])
    assert [len(one) for one in random_halves(9_000, RaceSettings(halves=2, rows_per_half=100), 1)] == [100, 100]


def test_halves_of_groups_hold_them_whole_until_they_are_large_enough():
    groups = np.random.default_rng(0).integers(100, size=900)
    rule = RaceSettings(halves=2)
    one, other = random_halves(900, rule, 1, groups)
    assert sorted([*one, *other]) == list(range(900)) and not set(groups[one]) & set(groups[other])
    capped, _ = random_halves(900, RaceSettings(halves=2, rows_per_half=300), 1, groups)
    assert len(capped) <= 300 and set(groups[capped]) < set(groups[one])
    assert not set(groups[capped]) & set(np.delete(groups, capped))


def test_halves_of_large_groups_are_thinned():
    groups = np.repeat(np.arange(60), 100)
    one, other = random_halves(6_000, RaceSettings(halves=2, rows_per_half=500), 1, groups)
    assert len(one) <= 500 and len(set(groups[one])) == 20
    assert set(np.bincount(groups[one])[np.unique(groups[one])]) == {25}
    assert not set(groups[one]) & set(groups[other])


@pytest.mark.parametrize(("metric", "kind"), [("auc", "classes"), ("r2", "values")])
def test_rows_on_which_the_metric_is_undefined_judge_nobody(metric: str, kind: str) -> None:
    rng, seen_by = np.random.default_rng(0), KINDS[kind]
    by, outputs = get_metric(metric, seen_by), rng.normal(size=(50, 2 if kind == "classes" else 1))
    labels = np.zeros(50, dtype=np.int64) if kind == "classes" else np.zeros((50, 1))
    assert race_measures(by, outputs, labels, seen_by) == ()
    labels[7] = 1
    assert len(race_measures(by, outputs, labels, seen_by)) >= 1


def test_rows_on_which_a_function_raises_judge_nobody() -> None:
    def of_two_classes(outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        if labels.min() == labels.max():
            raise ValueError("one class alone")
        return outputs.argmax(axis=1) == labels

    labels, outputs = np.zeros(50, dtype=np.int64), np.zeros((50, 2))
    assert race_measures(get_metric(of_two_classes), outputs, labels) == ()
    labels[7] = 1
    assert len(race_measures(get_metric(of_two_classes), outputs, labels)) == 1


def test_choices_of_several_widths_are_judged_together() -> None:
    rng = np.random.default_rng(0)
    labels, seen_by = rng.integers(2, size=200), KINDS["choices"]
    narrow = rng.normal(size=(200, 2)).astype(np.float32) + 2 * np.eye(2, dtype=np.float32)[labels]
    wide = np.pad(narrow, ((0, 0), (0, 1)), constant_values=np.float32(ABSENT))
    measures = race_measures(get_metric("accuracy", seen_by), narrow, labels, seen_by)
    seen = SeenRows.of(seen_by, labels, None)
    one, other = standings(np.array([0, 1]), [narrow, wide], seen, 200, measures, RaceSettings(), 0)
    assert (one.score, one.behind, other.behind) == (other.score, 0, 0)


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
    seen = SeenRows.of(CLASSES, labels, None)
    stage = standings(np.array([4, 7]), arrays, seen, 300, [log_likelihoods], RaceSettings(), 0)
    values = log_likelihoods(np.array(arrays), labels)
    assert [one.ingredient for one in stage] == [4, 7]
    best = int(np.argmax([one.mean() for one in values]))
    difference = values[best] - values[1 - best]
    assert stage[1 - best].behind == pytest.approx(difference.mean())
    assert stage[1 - best].error == pytest.approx(difference.std(ddof=1) / np.sqrt(300))


def test_several_labels_race_by_the_likelihood_of_their_decisions() -> None:
    rng = np.random.default_rng(0)
    kind, labels = KINDS["several-labels"], rng.integers(2, size=(50, 3))
    outputs = rng.normal(size=(2, 50, 3))
    smooth, own = race_measures(get_metric("subset-accuracy", kind), outputs[0], labels, kind)
    np.testing.assert_allclose(smooth(outputs, labels), [-kind.losses(one, labels) for one in outputs])
    assert own(outputs, labels).shape == (2, 50)
    assert len(race_measures(get_metric("macro-f1", kind), outputs[0], labels, kind)) == 1
