"""Verified soups: gaps, shares of what is beyond chance, their order, and scores on shuffled labels."""

import math
from pathlib import Path

import numpy as np
import pytest
from helpers.small import task

import radin
from radin.report.entries import Promise
from radin.report.verified_soup import CHANCE_SAMPLES, VerifiedSoup, against_chance, assess, chance_samples, ranked
from radin.scoring.likelihood import losses
from radin.scoring.metrics import get_metric

PAIR = radin.Recipe.subset("abc", [0, 1])


def test_gaps_and_shares_are_counted_from_chance() -> None:
    soup = VerifiedSoup(PAIR, 0.7, 0.8, 1.0, gap_error=0.04, chance=0.3, parts=0.75, parts_error=0.01)
    assert soup.gap == pytest.approx(-0.1)
    assert soup.lost == pytest.approx(0.1 / 0.5)
    assert not soup.sure
    assert soup.barrier == pytest.approx(0.05 / 0.45)
    assert soup.barrier_sure
    assert (soup.value, soup.ensemble_value) == (0.7, 0.8)
    alone = VerifiedSoup(radin.Recipe.subset("abc", [1]), 0.7, 0.7, 1.0)
    assert (alone.gap, alone.lost, alone.barrier, alone.barrier_sure) == (0, 0, None, False)
    assert [one.to_json()["kind"] for one in (soup, alone)] == ["soup", "ingredient"]


def test_values_of_a_loss_have_the_other_sign_and_gaps_have_not() -> None:
    soup = VerifiedSoup(PAIR, -0.7, -0.6, 1.0, higher_is_better=False)
    assert (soup.value, soup.ensemble_value) == (0.7, 0.6)
    assert soup.gap == pytest.approx(-0.1)


def test_the_order_is_score_then_likelihood_then_size_then_pool() -> None:
    def entry(score: float, nll: float, *members: int) -> VerifiedSoup:
        return VerifiedSoup(radin.Recipe.subset("abcd", list(members)), score, score, nll)

    best_first = [
        entry(2.0, 9.0, 0),
        entry(1.0, 1.0, 3),
        entry(1.0, 2.0, 1, 2, 3),
        entry(1.0, 2.0, 0, 1),
        entry(1.0, 2.0, 0, 2),
    ]
    assert ranked(best_first[::-1]) == best_first


def test_those_behind_come_last_however_likely_they_are() -> None:
    names = ("a", "b", "c")
    scores = [(0.9, -0.3, False), (0.7, -0.1, True), (0.9, -0.4, False), (0.8, -0.2, True)]
    recipes = [radin.Recipe.subset(names, members) for members in ([0], [1], [0, 1], [1, 2])]
    board = [
        VerifiedSoup(recipe, score, ensemble=score, nll=0.0, criterion=criterion, behind=behind)
        for recipe, (score, criterion, behind) in zip(recipes, scores, strict=True)
    ]
    assert ranked(board) == [board[0], board[2], board[1], board[3]]
    assert "behind" not in board[0].to_json() and board[1].to_json()["behind"] is True


def test_soups_are_assessed_beside_their_averaged_logits(checkpoints: list[Path], tmp_path: Path) -> None:
    pool = radin.Pool(checkpoints)
    recipes = [radin.Recipe.subset(pool.names, members) for members in ([2], [0, 1], [0, 1, 2])]
    with radin.Verifier(pool, task(), tmp_path) as verifier:
        bank = verifier.bank
        alone, pair, three = assess(recipes, verifier, radin.Surrogate(bank))
        logits = verifier.selection_logits(recipes[1])
    accuracy = [np.mean(bank.logits(i).argmax(1) == bank.labels) for i in range(5)]
    assert alone.score == alone.ensemble == accuracy[2]
    assert pair.score == np.mean(logits.argmax(1) == bank.labels)
    assert pair.ensemble == np.mean((bank.logits(0).astype(float) + bank.logits(1)).argmax(1) == bank.labels)
    assert pair.nll == pytest.approx(losses(logits, bank.labels).mean())
    assert pair.parts == pytest.approx((accuracy[0] + accuracy[1]) / 2)
    assert pair.ahead == pytest.approx(pair.score - max(accuracy))
    assert three.parts is None
    assert 0.2 < pair.chance < 0.5  # three classes


def test_a_promise_is_of_the_criterion_by_which_soups_are_chosen(checkpoints: list[Path], tmp_path: Path) -> None:
    pool, likelihood = radin.Pool(checkpoints), get_metric("nll")
    pair, three = (radin.Recipe.subset(pool.names, members) for members in ([0, 1], [0, 1, 2]))
    with radin.Verifier(pool, task(), tmp_path) as verifier:
        bank = verifier.bank
        plain = assess([pair], verifier, radin.Surrogate(bank))[0]
        chosen = assess([pair, three], verifier, radin.Surrogate(bank, likelihood), {three: -0.25})
        logits = verifier.selection_logits(pair)
    assert plain.promise == Promise(plain.ensemble, plain.score, plain.gap_error)
    promise = chosen[0].promise
    assert promise is not None and chosen[1].promise is not None
    assert promise.real == pytest.approx(-losses(logits, bank.labels).mean())
    averages = (bank.logits(0).astype(float) + bank.logits(1)) / 2
    assert promise.averaged == pytest.approx(-losses(averages, bank.labels).mean())
    differences = losses(logits, bank.labels) - losses(averages, bank.labels)
    assert promise.error == pytest.approx(differences.std(ddof=1) / len(differences) ** 0.5, rel=0.01)
    assert promise.corrected is None
    assert chosen[1].promise.corrected == chosen[1].promise.averaged - 0.25


def test_a_network_that_knows_something_is_above_chance() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(4, size=3000)
    knows, guesses = 3 * np.eye(4)[labels] + rng.normal(size=(3000, 4)), rng.normal(size=(3000, 4))
    bank, metric = radin.LogitBank.from_arrays([knows, guesses], labels), get_metric("accuracy")
    assert chance_samples(bank, metric) == CHANCE_SAMPLES
    one, other = (against_chance(bank, metric, i) for i in range(2))
    assert one.mean == pytest.approx(0.25, abs=0.02)
    assert one.deviations > 20 and abs(other.deviations) < 5
    assert one.tells and other.tells


def test_labels_that_are_all_the_same_tell_nothing() -> None:
    bank = radin.LogitBank.from_arrays(np.random.default_rng(0).normal(size=(1, 50, 3)), np.zeros(50, dtype=int))
    assert not against_chance(bank, get_metric("accuracy"), 0).tells
    assert math.isfinite(against_chance(bank, get_metric("accuracy"), 0).deviations)
