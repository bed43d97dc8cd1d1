"""The calibrated surrogate: learns how far soups fall from their ensembles, from the soups as they are verified.

To second order the gap of a recipe, real score minus score of the averaged logits, is linear in how far apart its
members lie. So a regression on a few verified soups says which of the others promise too much:

    gap(w) = β · x(w) + misfit + noise,    x = (Σ wᵢ‖θᵢ − θ̄‖², Σ wᵢ‖Lᵢ − L̄‖²), each over its mean on the shortlist

There is no intercept, since a recipe without dispersion has no gap. The prior of β is centred on no correction,
N(0, σ²); the misfit is N(0, τ²). Soup and ensemble are measured on the same samples, so the noise is that of their
paired difference. σ and τ are not known either: the posterior is averaged over a grid of both, in units of that noise
and zero included, by the marginal likelihood of the gaps seen. So gaps within the noise correct little.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64

from radin.dispersion import stored_grams
from radin.objective import Proposal
from radin.plugins import SearchFunction
from radin.problem import Problem, Proposals
from radin.recipe import Recipe
from radin.significance import paired_error

if TYPE_CHECKING:
    from radin.driver import Shortlist
    from radin.surrogate import Surrogate
    from radin.verify import Verifier

#: Grids of the prior's width σ and of the misfit τ, in units of the paired noise.
WIDTHS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
MISFITS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)


def calibrated(
    shortlist: Shortlist,
    features: Callable[[Proposal], Float64[np.ndarray, "k f"]],
    observe: Callable[[Recipe], tuple[float, float]],
) -> SearchFunction:
    """A searcher that verifies a shortlist in the order of its *corrected* scores, one soup at a time.

    The first soup is the shortlist's own first; with a budget of one soup that is all, and neither function is called.
    After each soup the regression is fitted again to all soups so far, and the candidate that leads then is next.

        searcher = calibrated(shortlist, features, observe)
        verified = search(searcher, verifier, Budget(soups=4))

    Nothing but the gaps decides, so a search that is replayed from recorded soups takes the same course. For a
    `radin.Verifier` the two functions are `dispersions(verifier)` and `gap_of(surrogate, verifier.selection_logits)`.

    Arguments:
        shortlist: what a search on the surrogate found, prior included, best first; longer than the budget.
        features: dispersions of `k` recipes, `float64[k, f]`, ≥ 0; called once.
        observe: of a recipe that was just verified, the gap (real score minus ensemble's, higher is better) and the
            standard error of that paired difference.
    """

    def calibrated_verification(problem: Problem) -> Proposals:
        """The shortlist of another search, corrected by what was learnt on the way."""
        recipes = [candidate.recipe for candidate in shortlist]
        plain = np.array([candidate.score for candidate in shortlist])
        left = np.ones(len(plain), dtype=bool)
        seen: list[int] = []
        gaps: list[float] = []
        errors: list[float] = []
        scaled: Float64[np.ndarray, "k f"] | None = None
        leader = 0
        while left.any():
            yield recipes[leader].row[None]
            left[leader] = False
            gap, error = observe(recipes[leader])
            seen, gaps, errors = [*seen, leader], [*gaps, gap], [*errors, error]
            if scaled is None:
                scaled = scale(features(np.array([one.weights for one in recipes])))
            expected = expected_gaps(scaled, np.array(seen), np.array(gaps), np.array(errors))
            leader = int(np.where(left, plain + expected, -np.inf).argmax())  # the first of equals, as listed

    return calibrated_verification


def dispersions(verifier: Verifier) -> Callable[[Proposal], Float64[np.ndarray, "k f"]]:
    """The features of a verifier's recipes; see `radin.dispersion.stored_grams`."""

    def features(rows: Proposal) -> Float64[np.ndarray, "k f"]:
        return np.stack([gram.dispersion(rows) for gram in stored_grams(verifier)], axis=1)

    return features


def gap_of(surrogate: Surrogate, logits: Callable[[Recipe], np.ndarray]) -> Callable[[Recipe], tuple[float, float]]:
    """Gap of a recipe and its standard error, from a soup's logits and the bank of the surrogate.

    Arguments:
        surrogate: scores ensembles; its prior is left out.
        logits: `[m, C]` of the soup of a recipe, on the samples of the surrogate's bank.
    """
    bank, metric = surrogate.bank, surrogate.metric

    def observe(recipe: Recipe) -> tuple[float, float]:
        soup, labels = logits(recipe), np.asarray(bank.labels)
        promised = float(surrogate.metric_scores(recipe.row[None])[0])
        average = sum(recipe.weights[i] * np.asarray(bank.read(i, 0, len(labels)), np.float64) for i in recipe.members)
        mine, other = metric.measure(soup, labels), metric.measure(np.asarray(average), labels)
        return metric.score_of(mine, labels) - promised, paired_error(metric, mine, other, labels)

    return observe


def scale(features: Float64[np.ndarray, "k f"]) -> Float64[np.ndarray, "k f"]:
    """Features over their means, so that β is the gap of a typical recipe; those that are 0 everywhere stay so."""
    means = features.mean(axis=0)
    return features / np.where(means > 0, means, 1.0)


def expected_gaps(
    features: Float64[np.ndarray, "k f"],
    seen: np.ndarray,
    gaps: Float64[np.ndarray, " s"],
    errors: Float64[np.ndarray, " s"],
    widths: tuple[float, ...] = WIDTHS,
    misfits: tuple[float, ...] = MISFITS,
) -> Float64[np.ndarray, " k"]:
    """Posterior means of all candidates' gaps, given those of `s` verified ones.

    With X the features of the verified ones and y their gaps, `y ~ N(0, K)`, `K = σ²XXᵀ + diag(error²) + τ²I`, and
    a candidate's gap is expected at `σ² x Xᵀ K⁻¹ y`; averaged over σ and τ with weights `N(y; 0, K)`.

    Arguments:
        features: of all candidates, scaled.
        seen: indices of the verified ones, `int[s]`.
        gaps: theirs.
        errors: standard errors of these, ≥ 0.
        widths: grid of σ, in units of the root mean square of the errors.
        misfits: grid of τ, likewise.
    """
    x, unit = features[seen], float(np.sqrt(np.square(errors).mean()))
    if unit == 0.0:  # a metric without noise, or none left: the gaps themselves are the scale
        unit = float(np.sqrt(np.square(gaps).mean())) or 1.0
    noise = np.square(np.maximum(errors, 0.01 * unit))  # keeps K regular
    evidence, means = [], []
    for width in np.square(unit * np.array(widths)):
        for misfit in np.square(unit * np.array(misfits)):
            covariance = width * x @ x.T + np.diag(noise + misfit)
            solved = np.linalg.solve(covariance, gaps)
            evidence.append(-0.5 * (gaps @ solved + np.linalg.slogdet(covariance)[1]))
            means.append(width * features @ (x.T @ solved))
    weights = np.exp(np.array(evidence) - max(evidence))
    return np.asarray(weights / weights.sum() @ np.array(means))
