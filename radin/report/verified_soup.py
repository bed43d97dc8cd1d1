"""Verified recipes compared with their averaged logits, their parts and chance: the evidence of findings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from radin.evaluation.calibration import Observed, observe
from radin.recipe import Recipe
from radin.report.entries import Promise
from radin.report.ranked_comparison import loss_excess
from radin.scoring.averages import averaged
from radin.scoring.criterion import behind, criterion_name
from radin.scoring.criterion_default import limited_by_metric
from radin.scoring.logit_bank import LogitBank
from radin.scoring.metrics import Metric
from radin.scoring.scored import Scored
from radin.scoring.significance import Paired, paired_error

if TYPE_CHECKING:
    from radin.evaluation.verifier import Verifier
    from radin.scoring.surrogate import Surrogate

#: A paired difference of more standard errors than this is more than noise. Chosen by hand.
SURE = 3.0

#: Decimal digits of the criterion that choose a winner; likelihoods that are equal in these are equal.
DIGITS = 8

#: The gaps that are expected of soups where nothing is learnt.
NOTHING: Mapping[Recipe, float] = MappingProxyType({})

#: Number of samples, and of shufflings of their labels, that estimate the score of a network by chance. Chosen by hand.
CHANCE_SAMPLES, CHANCE_SHUFFLES = 1_000, 20


@dataclass(frozen=True)
class VerifiedSoup(Scored):
    """A recipe with its real score on the selection data. Scores are better when higher, values are the metric's own.

    Attributes:
        recipe: the recipe; of size 1, it is an ingredient.
        score: of the network.
        ensemble: score of the averaged logits, which the surrogate ranked it by, without the prior; NaN where the
            logits of some members are not complete.
        nll: the mean smooth loss of the kind of outputs, such as the negative log-likelihood; it decides between equal
            scores.
        criterion: score by which the winner is chosen, where that is not the metric's, see `radin.scoring.criterion`.
        excess: nats by which the mean loss of the averaged logits may be too high, as of tokens not all are kept.
        higher_is_better: whether larger values of the metric are better.
        gap_error: standard error of the paired difference between score and ensemble.
        chance: score of a network that knows nothing; NaN where it is unknown.
        parts: of two ingredients in equal parts, their mean score; else None.
        parts_error: the larger paired error against either.
        ahead: the score minus that of the best ingredient.
        ahead_error: standard error of that paired difference.
        promise: what the soup was chosen for, beside what it is, in the criterion; None for ingredients.
        behind: whether its metric is below the best one's by more than one standard error, so that it cannot win by
            `one-se`, however likely its outputs are.
    """

    ensemble: float
    nll: float
    higher_is_better: bool = True
    gap_error: float = 0.0
    chance: float = math.nan
    parts: float | None = None
    parts_error: float = 0.0
    ahead: float = 0.0
    ahead_error: float = 0.0
    criterion: float | None = None
    excess: float = 0.0
    promise: Promise | None = None
    behind: bool = False

    @property
    def deciding(self) -> float:
        """The score by which the winner is chosen."""
        return self.score if self.criterion is None else self.criterion

    @property
    def value(self) -> float:
        """The metric's value; a negative log-likelihood is positive."""
        return self.score if self.higher_is_better else -self.score

    @property
    def ensemble_value(self) -> float:
        """The metric's value of the averaged logits."""
        return self.ensemble if self.higher_is_better else -self.ensemble

    @property
    def gap(self) -> float:
        """Score minus the ensemble's; 0 for an ingredient."""
        return self.score - self.ensemble

    @property
    def lost(self) -> float:
        """Share of what the ensemble knows beyond chance that the soup does not; negative if it knows more."""
        return -self.gap / max(self.ensemble - self.chance, 1e-12) if self.gap else 0.0

    @property
    def sure(self) -> bool:
        """Whether the gap is more than noise."""
        return abs(self.gap) > SURE * self.gap_error

    @property
    def barrier(self) -> float | None:
        """Share of what two parts know on average beyond chance that their midpoint does not; None for other soups."""
        if self.parts is None:
            return None
        return (self.parts - self.score) / max(self.parts - self.chance, 1e-12)

    @property
    def barrier_sure(self) -> bool:
        """Whether the midpoint is worse than its parts by more than noise."""
        return self.parts is not None and self.parts - self.score > SURE * self.parts_error

    def to_json(self) -> dict[str, Any]:
        """Values, scores and recipe as JSON holds them."""
        chosen_by = {} if self.criterion is None else {"criterion": self.criterion}
        chosen_by |= {"excess": self.excess} if self.excess else {}
        promise = {} if self.promise is None else {"promise": self.promise.to_json()}
        return {
            "kind": "ingredient" if self.recipe.size == 1 else "soup",
            "value": self.value,
            "score": self.score,
            "ensemble_value": None if math.isnan(self.ensemble) else self.ensemble_value,
            "ensemble": None if math.isnan(self.ensemble) else self.ensemble,
            "nll": self.nll,
            "gap_error": self.gap_error,
            "ahead": self.ahead if self.recipe.size > 1 else None,
            "ahead_error": self.ahead_error if self.recipe.size > 1 else None,
            "size": self.recipe.size,
            "recipe": self.recipe.to_json(),
        } | (chosen_by | promise | ({"behind": True} if self.behind else {}))


def ranked(entries: Iterable[VerifiedSoup]) -> list[VerifiedSoup]:
    """Best first: by the criterion, then the metric, lower negative log-likelihood, more ingredients, pool order.

    Those that are `behind` come last.
    """

    def merit(one: VerifiedSoup) -> tuple[Any, ...]:
        return (
            not one.behind,
            one.deciding,
            one.score,
            -one.nll,
            one.recipe.size,
            [-member for member in one.recipe.members],
        )

    return sorted(entries, key=merit, reverse=True)


def marked(entries: Sequence[VerifiedSoup], verifier: Verifier, criterion: str) -> list[VerifiedSoup]:
    """The same entries, those marked that the criterion lets not win, see `radin.scoring.criterion.behind`.

    Arguments:
        entries: verified recipes and ingredients.
        verifier: gives their logits, which are stored.
        criterion: name of what chooses.
    """
    if not limited_by_metric(criterion):
        return list(entries)
    metric, bank = verifier.task.scored_by, verifier.bank

    def statistics(i: int) -> Any:
        return metric.measure(verifier.selection_logits(entries[i].recipe), bank.labels)

    beaten = behind(metric, [one.score for one in entries], statistics, bank.labels, bank.groups)
    return [replace(one, behind=bool(lost)) for one, lost in zip(entries, beaten, strict=True)]


def assess(
    recipes: Sequence[Recipe],
    verifier: Verifier,
    surrogate: Surrogate,
    expected: Mapping[Recipe, float] = NOTHING,
) -> list[VerifiedSoup]:
    """Compares verified recipes with their averaged logits.

    Logits in the run folder are read. Soups that are not there are evaluated and charged.

    Arguments:
        recipes: over the pool; those over the whole pool, before a race, have no ensemble.
        verifier: gives real logits.
        surrogate: on the verifier's bank; its prior is left out. Where its metric is another than the task's, it is the
            criterion by which the winner is chosen.
        expected: the gaps that soups were expected to have when they were chosen, in the criterion, see
            `radin.evaluation.calibration.foretold`; none by default.
    """
    assessor = _Assessor(verifier, surrogate, expected)
    return [assessor.assess(one) for one in recipes]


class _Assessor:
    """Assesses recipes, and keeps the numbers that all of them are compared with."""

    def __init__(self, verifier: Verifier, surrogate: Surrogate, expected: Mapping[Recipe, float]) -> None:
        self.expected = expected
        self.verifier, self.bank, self.metric = verifier, verifier.bank, verifier.task.scored_by
        self.surrogate, self.labels = surrogate, verifier.bank.labels
        own = criterion_name(surrogate.metric, self.metric) == "metric"
        self.criterion = None if own else surrogate.metric

    def assess(self, recipe: Recipe) -> VerifiedSoup:
        if recipe.names != self.verifier.names:
            return self.beyond(recipe)
        return self.ingredient(recipe) if recipe.size == 1 else self.soup(recipe)

    def ingredient(self, recipe: Recipe) -> VerifiedSoup:
        logits = self._read(recipe.members[0])
        score, higher = self.metric.score(logits, self.labels), self.metric.higher_is_better
        nll = float(self.bank.kind.losses(logits, self.labels).mean())
        return VerifiedSoup(
            recipe, score, ensemble=score, nll=nll, higher_is_better=higher, criterion=self._deciding(logits)
        )

    def soup(self, recipe: Recipe) -> VerifiedSoup:
        logits = self.verifier.selection_logits(recipe)
        averages = averaged(recipe, self.bank)
        seen = observe(recipe, self.surrogate, logits, self.metric, averages)
        parts, parts_error = self._parts(recipe, seen.statistics)
        best, with_best = self._leader
        return VerifiedSoup(
            recipe,
            seen.score,
            ensemble=seen.ensemble,
            nll=float(self.bank.kind.losses(logits, self.labels).mean()),
            higher_is_better=self.metric.higher_is_better,
            gap_error=seen.error,
            chance=self._chance,
            parts=parts,
            parts_error=parts_error,
            ahead=seen.score - best,
            ahead_error=with_best.error(seen.statistics),
            criterion=self._deciding(logits),
            excess=loss_excess(self.bank, recipe),
            promise=self._promise(
                recipe, seen if self.criterion is None else self._in_criterion(recipe, logits, averages)
            ),
        )

    def _in_criterion(self, recipe: Recipe, logits: np.ndarray, averages: np.ndarray) -> Observed:
        return observe(recipe, self.surrogate, logits, averages=averages)

    def _promise(self, recipe: Recipe, seen: Observed) -> Promise:
        gap = self.expected.get(recipe)
        return Promise(seen.ensemble, seen.score, seen.error, None if gap is None else seen.ensemble + gap)

    def _deciding(self, logits: np.ndarray) -> float | None:
        # Digits beyond the fit of a temperature are noise, and would decide where all samples are right.
        return None if self.criterion is None else round(self.criterion.score(logits, self.labels), DIGITS)

    def beyond(self, recipe: Recipe) -> VerifiedSoup:
        """A recipe over the whole pool: some members have no logits on all rows, so there is no ensemble."""
        logits, higher = self.verifier.selection_logits(recipe), self.metric.higher_is_better
        nll = float(self.bank.kind.losses(logits, self.labels).mean())
        return VerifiedSoup(
            recipe,
            self.metric.score(logits, self.labels),
            ensemble=math.nan,
            nll=nll,
            higher_is_better=higher,
            criterion=self._deciding(logits),
        )

    def _parts(self, recipe: Recipe, measured: Any) -> tuple[float | None, float]:
        if recipe.size != 2 or not recipe.is_subset:
            return None, 0.0
        parts = [self.metric.measure(self._read(i), self.labels) for i in recipe.members]
        of_soup = Paired(self.metric, measured, self.labels, groups=self.bank.groups)
        errors = [of_soup.error(part) for part in parts]
        return float(np.mean([self.metric.score_of(part, self.labels) for part in parts])), max(errors)

    @cached_property
    def _solo(self) -> np.ndarray:
        return self.verifier.solo

    @cached_property
    def _leader(self) -> tuple[float, Paired]:
        """The best ingredient's score, and its errors beside others."""
        leader = int(self._solo.argmax())
        measured = self.metric.measure(self._read(leader), self.labels)
        return float(self._solo[leader]), Paired(self.metric, measured, self.labels, groups=self.bank.groups)

    @cached_property
    def _chance(self) -> float:
        versus = against_chance(self.bank, self.metric, int(self._solo.argmax()))
        return versus.mean if versus.tells else math.nan

    def _read(self, i: int) -> np.ndarray:
        return self.bank.read(i, 0, self.bank.n_samples)


def chance_samples(bank: LogitBank, metric: Metric) -> int:
    """Number of samples that `against_chance` uses."""
    # A metric of one's own may be undefined on a part, as an area under the ROC curve is without positives.
    return min(CHANCE_SAMPLES, bank.n_samples) if metric.defined_on_parts else bank.n_samples


@dataclass(frozen=True)
class AgainstChance:
    """One ingredient's score on some samples beside its scores on shuffled labels.

    Attributes:
        score: on the true labels.
        mean, spread: mean and standard deviation of its scores on shuffled labels; of values the score of the best
            constant, and the standard error of the difference from it.
        tells: whether shuffling the labels can change the score. It cannot where all labels are the same, or where a
            metric does not look at labels.
    """

    score: float
    mean: float
    spread: float
    tells: bool

    @property
    def deviations(self) -> float:
        """Standard deviations of the score above chance."""
        return (self.score - self.mean) / max(self.spread, 1e-9 * max(1.0, abs(self.mean)))


def against_chance(bank: LogitBank, metric: Metric, i: int) -> AgainstChance:
    """Compares one ingredient's score with chance: its scores on shuffled labels, or the score of the best constant."""
    rng, m = np.random.default_rng(0), chance_samples(bank, metric)
    some = bank.take(np.sort(rng.permutation(bank.n_samples)[:m]))
    logits, labels, kind = some.read(i, 0, m), some.labels, bank.kind
    score = metric.score(logits, labels)
    constant = metric.constant(labels)
    if constant is not None:
        return _against_constant(some, metric, metric.measure(logits, labels), metric.measure(constant, labels))
    shuffled = [metric.score(logits, kind.shuffled(logits, labels, rng)) for _ in range(CHANCE_SHUFFLES)]
    fixed = all(one == score for one in shuffled)
    # A network that predicts one class alone keeps its score, too; but that is all that can be known by chance.
    one_class = bool((labels == labels[0]).all())
    predicted = logits.argmax(1)[:, None] if kind.softmax else logits > 0
    tells = not fixed or not (one_class or bool((predicted != predicted[0]).any()))
    return AgainstChance(score, float(np.mean(shuffled)), float(np.std(shuffled, ddof=1)), tells)


def _against_constant(bank: LogitBank, metric: Metric, own: Any, constant: Any) -> AgainstChance:
    """Compares statistics of an ingredient with those of a constant."""
    labels = bank.labels
    score, chance = (metric.score_of(one, labels) for one in (own, constant))
    error = paired_error(metric, own, constant, labels, groups=bank.groups)
    return AgainstChance(score, chance, error, tells=not bool((labels == labels[0]).all()))
