"""The scorer of a metric is that of its family, and its fast ways score as its plain one does."""

import numpy as np
import pytest
from helpers.surrogate_oracle import METRIC, bank, each, masks, mixtures, spread

from radin.recipe import numbered_subsets
from radin.scoring import moves
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
    flips, swaps, subsets = moves.flips(mask), moves.swaps(mask), numbered_subsets(3, 90, 9)
    counts = np.arange(9)
    added = moves.additions(counts)
    for fast, rows in (
        (scorer.neighbours(mask, flips), flips.all()),
        (scorer.swaps(mask, swaps), swaps.all()),
        (scorer.additions(counts, added), added.all()),
        (scorer.subset_range(3, subsets), subsets),
        (scorer.singles(), np.eye(9, dtype=bool)),
    ):
        np.testing.assert_allclose(fast, scorer.scores(rows), rtol=0, atol=scorer.bound)
    for rows in (masks(np.random.default_rng(0), 9, 9), mixtures(np.random.default_rng(0), 9, 9)):
        np.testing.assert_allclose(scorer.exact_scores(rows), scorer.scores(rows), rtol=0, atol=scorer.bound)
