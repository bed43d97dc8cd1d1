"""The scorer of a metric is that of its family, and its fast ways score as its plain one does."""

import numpy as np
import pytest
from helpers.surrogate_oracle import METRIC, bank, each, masks, mixtures, spread

from radin.recipe import as_proposals, flips_of, numbered_subsets, swaps_of
from radin.scoring.metrics import TemperedLikelihood, get_metric
from radin.scoring.surrogate.counting_scorers import RightSamplesScorer
from radin.scoring.surrogate.kernels import Kernels
from radin.scoring.surrogate.likelihood_scorers import LikelihoodScorer, PerplexityScorer, TemperedScorer
from radin.scoring.surrogate.scorers import AverageScorer, PredictionScorer, scorer_of


@pytest.mark.parametrize(
    ("metric", "kind"),
    [
        ("accuracy", RightSamplesScorer),
        ("top5", RightSamplesScorer),
        ("balanced-accuracy", RightSamplesScorer),
        ("macro-f1", PredictionScorer),
        ("nll", LikelihoodScorer),
        ("perplexity", PerplexityScorer),
        (TemperedLikelihood(), TemperedScorer),
        (each, AverageScorer),
        (spread, AverageScorer),
    ],
)
def test_a_family_has_one_scorer(metric, kind):
    assert type(scorer_of(get_metric(metric), Kernels(bank()))) is kind


@pytest.mark.parametrize("metric", [*METRIC, "perplexity"])
def test_fast_ways_score_as_the_plain_one(metric):
    scorer = scorer_of(get_metric(metric), Kernels(bank()))
    mask = np.arange(9) % 2 == 0
    flips, swaps, subsets = flips_of(mask), swaps_of(mask), numbered_subsets(3, 90, 9)
    counts = np.arange(9)
    weights = as_proposals((counts + np.eye(9)) / 37, 9)
    for fast, rows in (
        (scorer.neighbours(mask, flips), flips),
        (scorer.swaps(mask, swaps), swaps),
        (scorer.additions(counts, weights), weights),
        (scorer.subset_range(3, subsets), subsets),
    ):
        np.testing.assert_allclose(fast, scorer.scores(rows), rtol=0, atol=scorer.bound)
    for rows in (masks(np.random.default_rng(0), 9, 9), mixtures(np.random.default_rng(0), 9, 9)):
        np.testing.assert_allclose(scorer.exact_scores(rows), scorer.scores(rows), rtol=0, atol=scorer.bound)
