"""The comparison of a ranking: on rows that ranked nothing, with the interval and test of everything else."""

import numpy as np
import pytest

import radin
from radin.errors import InputError
from radin.report.ranked_comparison import compare_averages, split_bank
from radin.scoring import exact_mcnemar, interval
from radin.scoring.metrics import get_metric

RNG = np.random.default_rng(0)
LABELS = RNG.integers(3, size=600)
LOGITS = np.eye(3)[LABELS] + RNG.normal(size=(4, 600, 3))


def bank(**more) -> radin.LogitBank:
    return radin.LogitBank.from_arrays(LOGITS, LABELS, **more)


def test_the_parts_are_disjoint_stratified_and_whole() -> None:
    selecting, held_back = split_bank(bank(), 0.25, seed=1)
    assert (selecting.n_samples, held_back.n_samples) == (450, 150)
    seen = np.concatenate([selecting.logits(0), held_back.logits(0)])
    np.testing.assert_array_equal(np.sort(seen, axis=0), np.sort(LOGITS[0], axis=0))
    shares = np.bincount(held_back.labels) / np.bincount(LABELS)
    assert np.abs(shares - 0.25).max() < 0.01
    assert not np.array_equal(held_back.labels, split_bank(bank(), 0.25, seed=2)[1].labels)


def test_groups_are_held_back_whole() -> None:
    selecting, held_back = split_bank(bank(groups=np.repeat(np.arange(60), 10)), 0.2, seed=0)
    assert not set(selecting.groups) & set(held_back.groups)
    assert held_back.n_samples == 120


@pytest.mark.parametrize("share", [-0.1, 1.0, 1.5])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(InputError, match="holdback must be at least 0 and below 1"):
        radin.rank(bank(), holdback=share)


def test_a_part_without_rows_is_refused() -> None:
    with pytest.raises(InputError, match="got none held back"):
        split_bank(bank(), 0.0001, seed=0)


def test_the_report_is_that_of_averaged_outputs_on_the_held_back_rows() -> None:
    ranking = radin.rank(bank(), "exhaustive", holdback=0.5, split_seed=3)
    selecting, held_back = split_bank(bank(), 0.5, seed=3)
    alone = radin.rank(selecting, "exhaustive")
    assert ranking.report is not None and alone.report is None
    assert [one.score for one in ranking.recipes] == [one.score for one in alone.recipes]
    winner, best = ranking.recipes[0].recipe, ranking.best_ingredient.recipe
    logits = [held_back.logits(i).astype(np.float64) for i in range(4)]
    right = np.mean([logits[i] for i in winner.members], axis=0).argmax(axis=1) == held_back.labels
    other = logits[best.members[0]].argmax(axis=1) == held_back.labels
    assert ranking.report.winner.value == right.mean()
    assert ranking.report.best_ingredient.value == other.mean()
    metric = get_metric("accuracy")
    assert (ranking.report.winner.low, ranking.report.winner.high) == interval(metric, right, held_back.labels)
    assert ranking.report.p_value == exact_mcnemar(int((right & ~other).sum()), int((other & ~right).sum()))
    assert (ranking.report.data, ranking.report.n_samples, ranking.n_samples) == ("held-back", 300, 300)
    assert ranking.to_json()["report"]["winner"]["value"] == right.mean()


def test_weights_and_groups_count() -> None:
    recipe = radin.Recipe.of(bank().names, [0.5, 0.25, 0.25, 0.0])
    single = radin.Recipe.subset(bank().names, [0])
    grouped = bank(groups=np.repeat(np.arange(60), 10))
    found = compare_averages(recipe, single, grouped, get_metric("accuracy"))
    assert (found.n_samples, found.unit, found.test) == (60, "group", "paired permutation test of groups")
