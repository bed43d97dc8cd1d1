"""Ranking from Python: the same recipes as a search on the surrogate, with what speaks against the labels."""

import numpy as np
import pytest

import radin
from radin.errors import InputError
from radin.scoring.criterion import criterion_of


def bank(labels: np.ndarray | None = None, n: int = 5, m: int = 600, c: int = 6) -> radin.LogitBank:
    """Logits of networks that are right on most samples; the labels may be replaced."""
    rng = np.random.default_rng(0)
    truth = rng.integers(c, size=m)
    logits = 2 * np.eye(c)[truth] + rng.normal(size=(n, m, c))
    return radin.LogitBank.from_arrays(logits, truth if labels is None else labels)


def truth() -> np.ndarray:
    return bank().labels


@pytest.mark.parametrize("metric", ["accuracy", "nll"])
def test_ranks_as_a_search_on_the_surrogate_does(metric: str) -> None:
    ranking = radin.rank(bank(), "exhaustive", metric=metric, criterion="metric", lam=0.5, top=4)
    surrogate = radin.Surrogate(bank(), metric, 0.5)
    found = radin.search("exhaustive", surrogate, top=4)
    assert [(one.recipe, one.score) for one in ranking.recipes] == [(one.recipe, one.score) for one in found]
    sign = 1 if ranking.higher_is_better else -1
    assert ranking.best_ingredient.value == sign * surrogate.solo.max()
    assert [one.value for one in ranking.recipes] == [
        pytest.approx(sign * surrogate.metric_scores(one.recipe.row[None])[0]) for one in found
    ]
    assert (ranking.findings, ranking.n_samples, ranking.n_ingredients) == ((), 600, 5)
    document = ranking.to_json()
    assert document["best_ingredient"][metric] == ranking.best_ingredient.value
    assert (document["warnings"], document["charged"], len(document["shortlist"])) == ([], 31, 4)


@pytest.mark.parametrize("top", [1, 2])
def test_shuffled_labels_are_recognised(top: int) -> None:
    ranking = radin.rank(bank(np.random.default_rng(1).permutation(truth())), top=top)
    assert [one.kind for one in ranking.findings] == ["chance"]
    assert ranking.warnings == tuple(ranking.to_json()["warnings"])


def test_shifted_labels_are_recognised() -> None:
    ranking = radin.rank(bank((truth() + 1) % 6))
    assert [one.kind for one in ranking.findings] == ["classes"]


@pytest.mark.parametrize("criterion", ["likelihood", "tempered"])
def test_the_criterion_ranks_and_the_metric_is_shown(criterion: str) -> None:
    one = bank()
    ranking = radin.rank(one, "exhaustive", criterion=criterion, top=4)
    judge = criterion_of(criterion, radin.scoring.get_metric("accuracy"))
    found = radin.search("exhaustive", radin.Surrogate(one, judge), top=4)
    accuracy = radin.Surrogate(one)
    assert [(one.recipe, one.score) for one in ranking.recipes] == [(one.recipe, one.score) for one in found]
    assert [one.value for one in ranking.recipes] == [accuracy.metric_scores(one.recipe.row[None])[0] for one in found]
    assert ranking.best_ingredient.value == accuracy.solo.max()
    assert (ranking.metric, ranking.criterion) == ("accuracy", criterion)
    assert ranking.to_json()["criterion"] == criterion


def test_an_unknown_criterion_is_refused() -> None:
    with pytest.raises(InputError, match="unknown criterion 'luck'"):
        radin.rank(bank(), criterion="luck")
