"""The calibrated surrogate: learns the gap between soups and their ensembles from the soups as they are verified.

The gap is that of the criterion by which candidates are ranked. A likelihood of soups has far less noise than their
accuracy, so the same soups teach more.

To second order the gap of a recipe, real score minus score of the averaged logits, is linear in how far apart its
members lie. So a regression on a few verified soups says which of the others promise too much:

    gap(w) = β · x(w) + optimism + misfit + noise
    x(w) = (Σ wᵢ‖θᵢ − θ̄‖², Σ wᵢ‖Lᵢ − L̄‖²), each over its mean on the shortlist

There is no intercept in the correction β · x, since a recipe without dispersion has no gap. The prior of β is centred
on no correction, N(0, σ²). Soup and ensemble are measured on the same samples, so the noise is that of their paired
difference. The misfit of each soup is N(0, τ²). The optimism, N(0, ω²), is shared by the whole shortlist: it was picked
for high ensemble scores out of thousands, and a part of those is luck that no soup repeats. It re-ranks nothing, but
without it luck would be taken for dispersion. σ, τ and ω are not known either: the posterior is averaged over a grid of
them, in units of the noise and zero included, by the marginal likelihood of the gaps seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64, Int64

from radin.evaluation.gram import compared, stored_logit_gram, stored_weight_gram
from radin.recipe import Recipe
from radin.scoring.averages import averaged
from radin.scoring.metrics import Metric
from radin.scoring.objective import Proposal
from radin.scoring.significance import paired_error
from radin.searching.plugins import SearchFunction
from radin.searching.problem import Problem, Proposals

if TYPE_CHECKING:
    from radin.evaluation.verifier import Verifier
    from radin.scoring.surrogate import Surrogate
    from radin.searching.shortlist import Shortlist

#: Grids of the prior's width σ, of the misfit τ and of the shared optimism ω, in units of the paired noise.
WIDTHS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
MISFITS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
OPTIMISMS = (0.0, 1.0, 2.0, 4.0, 8.0)

#: The name under which the gap that was expected of a soup is reported, by the number of soups before it.
EXPECTED = "expected gap of soup {}"


def calibrated(
    shortlist: Shortlist,
    features: Callable[[Proposal], Float64[np.ndarray, "k f"]],
    observe: Callable[[Recipe], tuple[float, float]],
    at_once: int = 1,
) -> SearchFunction:
    """A searcher that verifies a shortlist in the order of its *corrected* scores, one soup at a time by default.

    The first soup is the shortlist's own first, so a budget of one soup is the plain surrogate. After each soup the
    regression is fitted again to all soups so far, and the candidate that leads then is next. With several at once
    those that lead are next, and the regression is fitted when all of them are known.

        searcher = calibrated(shortlist, features, observe)
        verified = search(searcher, verifier, Budget(soups=4))

    Nothing but the gaps decides, so a search that is replayed from recorded soups takes the same course. The gap that
    each soup was expected to have when it was chosen is reported, see `foretold`. For a `radin.Verifier` the two
    functions are `dispersions(verifier)` and `gap_of(surrogate, verifier.selection_logits)`.

    Arguments:
        shortlist: what a search on the surrogate found, prior included, best first; longer than the budget.
        features: dispersions of `k` recipes, `float64[k, f]`, ≥ 0; called once.
        observe: of a recipe that was just verified, the gap (real score minus ensemble's, higher is better) and the
            standard error of that paired difference.
        at_once: recipes of one round.
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
        expected: Float64[np.ndarray, " k"] | None = None
        leaders = np.arange(min(at_once, len(plain)))
        while left.any():
            if expected is not None:
                chosen = enumerate(leaders.tolist(), start=len(seen))
                problem.report({EXPECTED.format(number): expected[leader] for number, leader in chosen})
            yield as_rows(recipes[leader] for leader in leaders)
            for leader in leaders.tolist():
                left[leader] = False
                gap, error = observe(recipes[leader])
                seen, gaps, errors = [*seen, leader], [*gaps, gap], [*errors, error]
            if scaled is None:
                scaled = scale(features(np.array([one.weights for one in recipes])))
            expected = expected_gaps(scaled, np.array(seen), np.array(gaps), np.array(errors))
            untried = np.flatnonzero(left)
            best = np.argsort(-(plain + expected)[untried], kind="stable")  # equals as listed
            leaders = untried[best[:at_once]]

    return calibrated_verification


def foretold(verified: Shortlist) -> dict[Recipe, float]:
    """The gaps that soups were expected to have at the moment when they were chosen.

    Soups that were chosen before any other was known are not in it; nor is any, where nothing was calibrated.

    Arguments:
        verified: what a search by `calibrated` found.
    """
    known = verified.reported
    names = [(one.recipe, EXPECTED.format(one.number)) for one in verified]
    return {recipe: known[name] for recipe, name in names if name in known}


def as_rows(recipes: Iterable[Recipe]) -> Proposal:
    """Recipes as one batch of proposals: masks if all are subsets, else weights."""
    chosen = list(recipes)
    rows = [recipe.row for recipe in chosen]
    if len({row.dtype for row in rows}) > 1:
        rows = [np.asarray(recipe.weights, dtype=np.float64) for recipe in chosen]
    return np.stack(rows)


def dispersions(verifier: Verifier) -> Callable[[Proposal], Float64[np.ndarray, "k f"]]:
    """The features of a verifier's recipes: of weights, and of logits; NaN where too many members are compared."""

    def features(rows: Proposal) -> Float64[np.ndarray, "k f"]:
        members = compared(verifier, rows > 0)
        if members is None:
            return np.full((len(rows), 2), np.nan)
        grams = stored_weight_gram(verifier, members), stored_logit_gram(verifier, members)
        return np.stack([gram.dispersion(rows[:, list(members)]) for gram in grams], axis=1)

    return features


@dataclass(frozen=True)
class Observed:
    """A real soup beside its averaged logits, on the same samples.

    Attributes:
        statistics: the metric's per-sample statistics of the soup.
        score: of the soup; higher is better.
        ensemble: score of the averaged logits, without a prior.
        error: standard error of the paired difference of the two.
    """

    statistics: Any
    score: float
    ensemble: float
    error: float


def observe(
    recipe: Recipe,
    surrogate: Surrogate,
    logits: np.ndarray,
    metric: Metric | None = None,
    averages: Float64[np.ndarray, "m ..."] | None = None,
) -> Observed:
    """Compares a soup with its ensemble.

    Arguments:
        recipe: of the soup.
        surrogate: scores ensembles; its prior is left out.
        logits: `[m, C]` of the soup, on the samples of the surrogate's bank.
        metric: by which they are compared; by default that of the surrogate, whose scores are exact. Any other one is
            computed from averages in float64.
        averages: the averaged logits, where they are known already, see `radin.scoring.averages`.
    """
    bank, labels, metric = surrogate.bank, np.asarray(surrogate.bank.labels), metric or surrogate.metric
    average = averaged(recipe, bank) if averages is None else averages
    mine, other = metric.measure(logits, labels), metric.measure(average, labels)
    if metric == surrogate.metric:
        promised = float(surrogate.metric_scores(recipe.row[None])[0])
    else:
        promised = metric.score_of(other, labels)
    error = paired_error(metric, mine, other, labels, groups=getattr(bank, "groups", None))
    return Observed(mine, metric.score_of(mine, labels), promised, error)


def gap_of(surrogate: Surrogate, logits: Callable[[Recipe], np.ndarray]) -> Callable[[Recipe], tuple[float, float]]:
    """Gap of a recipe and its standard error, from a soup's logits and the bank of the surrogate.

    Arguments:
        surrogate: scores ensembles; its prior is left out.
        logits: `[m, C]` of the soup of a recipe, on the samples of the surrogate's bank.
    """

    def gap(recipe: Recipe) -> tuple[float, float]:
        seen = observe(recipe, surrogate, logits(recipe))
        return seen.score - seen.ensemble, seen.error

    return gap


def scale(features: Float64[np.ndarray, "k f"]) -> Float64[np.ndarray, "k f"]:
    """Features over their means, so that β is the gap of a typical recipe; those that are 0 everywhere stay so.

    A recipe whose dispersion is not known, as a member holds NaN in a tensor that its logits do not depend on, counts
    as typical.
    """
    known = np.isfinite(features)
    means = np.where(known, features, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.where(known, features / np.where(means > 0, means, 1.0), np.where(means > 0, 1.0, 0.0))


def expected_gaps(
    features: Float64[np.ndarray, "k f"],
    seen: Int64[np.ndarray, " s"],
    gaps: Float64[np.ndarray, " s"],
    errors: Float64[np.ndarray, " s"],
    grid: tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]] = (WIDTHS, MISFITS, OPTIMISMS),
) -> Float64[np.ndarray, " k"]:
    """Posterior means of `β · x` for all candidates, given the gaps of `s` verified ones.

    With Φ = (X, 1) the features of the verified ones beside a column for the optimism, y their gaps, D the diagonal of
    error² + τ² and S that of (σ, …, σ, ω): `y ~ N(0, D + ΦS²Φᵀ)`, and the coefficients are expected at
    `S (I + SΦᵀD⁻¹ΦS)⁻¹ SΦᵀD⁻¹y`; averaged over the grid with the densities of y as weights.

    Arguments:
        features: of all candidates, scaled.
        seen: indices of the verified ones.
        gaps: theirs. One that is not finite, as where a perplexity is infinite, teaches nothing.
        errors: standard errors of these, ≥ 0.
        grid: values of σ, τ and ω, in units of the root mean square of the errors.
    """
    measured = np.isfinite(gaps) & np.isfinite(errors)
    if not measured.any():
        return np.zeros(len(features))
    seen, gaps, errors = seen[measured], gaps[measured], errors[measured]
    x, unit = features[seen], float(np.sqrt(np.square(errors).mean()))
    if unit == 0.0:  # a metric without noise: the gaps themselves are the scale
        unit = float(np.sqrt(np.square(gaps).mean())) or 1.0
    noise = np.square(np.maximum(errors, 0.01 * unit))  # keeps D regular
    width, misfit, optimism = (unit * values.reshape(-1, 1) for values in np.meshgrid(*grid, indexing="ij"))
    deviations = np.concatenate([np.repeat(width, x.shape[1], axis=1), optimism], axis=1)  # S of each grid point
    precisions = 1 / (noise + np.square(misfit))
    design = np.column_stack([x, np.ones(len(gaps))])
    inner = np.einsum("gi,si,gs,sj,gj->gij", deviations, design, precisions, design, deviations, optimize=True)
    inner += np.eye(design.shape[1])
    projected = deviations * ((precisions * gaps) @ design)
    solved = np.linalg.solve(inner, projected[..., None])[..., 0]
    squares = precisions @ np.square(gaps) - (projected * solved).sum(axis=1)
    evidence = 0.5 * (np.log(precisions).sum(axis=1) - np.linalg.slogdet(inner)[1] - squares)
    weights = np.exp(evidence - evidence.max())
    coefficients = weights / weights.sum() @ (deviations * solved)
    return np.asarray(features @ coefficients[:-1])
