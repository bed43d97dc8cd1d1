"""Scores of likelihoods are those of averaged logits, within the bound that the scorer states."""

import numpy as np
import pytest
from helpers.surrogate_oracle import masks, mixtures

from radin.scoring.kinds import PROBABILITIES
from radin.scoring.logit_bank import LogitBank
from radin.scoring.metrics import TemperedLikelihood, get_metric
from radin.scoring.surrogate.kernels import Kernels
from radin.scoring.surrogate.likelihood_scorers import ProbabilityScorer
from radin.scoring.surrogate.scorers import scorer_of

N, M, C = 5, 60, 4


def bank(**how):
    rng = np.random.default_rng(0)
    labels = rng.integers(C, size=M)
    return LogitBank.from_arrays(2 * rng.normal(size=(N, M, C)) + np.eye(C)[labels], labels, **how)


def scores(metric, given, weights):
    logits = np.stack([given.logits(i) for i in range(N)]).astype(np.float64)
    return [metric.score(np.tensordot(row / row.sum(), logits, 1), given.labels) for row in weights.astype(np.float64)]


@pytest.mark.parametrize("metric", ["nll", "perplexity", TemperedLikelihood()])
@pytest.mark.parametrize("rows", [masks, mixtures])
def test_scores_are_within_the_bound(metric, rows):
    given, weights = bank(), rows(np.random.default_rng(1), 20, N)
    scorer = scorer_of(get_metric(metric), Kernels(given))
    expected = scores(scorer.metric, given, weights)
    assert scorer.bound < 1e-5
    within = max(scorer.bound, 1e-12)
    np.testing.assert_allclose(scorer.scores(weights), expected, rtol=0, atol=within)
    np.testing.assert_allclose(scorer.exact_scores(weights), expected, rtol=0, atol=within)


def test_likelihoods_of_probabilities_are_those_of_averaged_probabilities():
    given, weights = bank(probabilities="average"), masks(np.random.default_rng(1), 20, N)
    scorer = scorer_of(get_metric("nll", PROBABILITIES), Kernels(given))
    assert isinstance(scorer, ProbabilityScorer)
    np.testing.assert_allclose(scorer.scores(weights), scores(scorer.metric, given, weights), rtol=1e-9)


def test_a_model_that_has_diverged_has_an_infinite_perplexity_and_others_keep_theirs():
    given = bank()
    logits = np.stack([given.logits(i) for i in range(N)])
    logits[0] *= 1e4
    scorer = scorer_of(get_metric("perplexity"), Kernels(LogitBank.from_arrays(logits, given.labels)))
    usual = scorer_of(get_metric("perplexity"), Kernels(given))
    solo = scorer.scores(np.eye(N, dtype=bool))
    assert solo[0] == -np.inf and scorer.metric.score(logits[0], given.labels) == -np.inf
    np.testing.assert_allclose(solo[1:], usual.scores(np.eye(N, dtype=bool))[1:], rtol=1e-12)
    assert scorer.bound >= 0, "and no NaN"
