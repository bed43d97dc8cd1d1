"""A replicate: a random sub-pool, a random split and a search seed, as an objective for the methods."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64, Int64

import radin
from benchmarks.comparison.store import Store
from radin.evaluation.gram import Gram, logit_gram
from radin.recipe import as_proposals
from radin.scoring.criterion import behind, chosen_name, criterion_of
from radin.scoring.criterion_default import limited_by_metric
from radin.scoring.likelihood import losses
from radin.scoring.logit_bank import LogitBank
from radin.tasks.split import split_rows

#: The smallest sub-pool: with fewer ingredients there is little to search.
SMALLEST = 4


@dataclass(frozen=True)
class Replicate:
    """All random choices of a replicate, from one number.

    Attributes:
        number: the replicate's; also the seed of searches and of the split.
        part: share of the pool that takes part.
        held_out: share of the samples that report and select nothing.
    """

    number: int
    part: float = 0.75
    held_out: float = 0.5

    def members(self, pool_size: int) -> list[int]:
        """The sub-pool, in pool order; that of a smaller part is within that of a larger one."""
        size = min(pool_size, max(SMALLEST, round(self.part * pool_size)))
        return sorted(np.random.default_rng(self.number).permutation(pool_size)[:size].tolist())


class Trial:
    """One replicate of one pool. As an `Objective` it scores real soups of the sub-pool on the samples that select.

    Arguments:
        store: the pool.
        replicate: its sub-pool, split and seed.
        criterion: by what methods rank and choose, see `radin.make_soup`; results are reported by the pool's metric.
    """

    unit: Literal["soup"] = "soup"

    def __init__(self, store: Store, replicate: Replicate, criterion: str = "metric") -> None:
        self.store, self.replicate, self.metric = store, replicate, store.metric
        self.criterion, self.rule = criterion_of(criterion, store.metric), chosen_name(criterion, store.metric)
        self.members = replicate.members(len(store.pool))
        self.names = tuple(store.names[i] for i in self.members)
        self.selecting, self.reporting = split_rows(store.labels, replicate.held_out, replicate.number)
        arrays = [store.ingredient(i) for i in self.members]
        self.all_rows = LogitBank(self.names, arrays, store.labels)
        self.bank = self.all_rows.take(self.selecting)
        self.seed = replicate.number
        self.shortlists: dict[Any, radin.Shortlist] = {}

    @property
    def n(self) -> int:
        """Ingredients in the sub-pool."""
        return len(self.names)

    @property
    def pool(self) -> radin.Pool:
        """The sub-pool's files."""
        return radin.Pool([self.store.pool.paths[i] for i in self.members], self.names)

    @cached_property
    def singles(self) -> list[radin.Recipe]:
        """Every ingredient by itself."""
        return [radin.Recipe.subset(self.names, [i]) for i in range(self.n)]

    @cached_property
    def solo(self) -> Float64[np.ndarray, " n"]:
        """Each ingredient's own score, by the criterion, on the samples that select."""
        return np.array([self.score(single) for single in self.singles])

    @cached_property
    def by_solo(self) -> Int64[np.ndarray, " n"]:
        """The ingredients, best first; equal ones in pool order."""
        return np.argsort(-self.solo, kind="stable")

    @cache  # noqa: B019 -- a trial lives as long as its replicate
    def surrogate(self, lam: float) -> radin.Surrogate:
        """The surrogate at a λ, its kernel made already, so that no searcher pays for it."""
        made = radin.Surrogate(self.bank, self.criterion, lam)
        _ = made.solo, made.se
        return made

    def whole(self, recipe: radin.Recipe) -> radin.Recipe:
        """A recipe over the sub-pool as one over the whole pool."""
        weights = np.zeros(len(self.store.names))
        weights[self.members] = recipe.weights
        return radin.Recipe(self.store.names, tuple(weights.tolist()))

    def logits(self, recipe: radin.Recipe) -> np.ndarray:
        """Logits of one recipe on all samples."""
        return self.store.logits(self.whole(recipe))

    def averaged(self, recipe: radin.Recipe) -> np.ndarray:
        """Averaged logits of a recipe's members on all samples: those of the ensemble."""
        rows = [weight * self.all_rows.read(i, 0, len(self.store.labels)) for i, weight in recipe.parts]
        return np.sum(rows, axis=0, dtype=np.float64)

    def selection_logits(self, recipe: radin.Recipe) -> np.ndarray:
        """Logits of one recipe on the samples that select."""
        return self.logits(recipe)[self.selecting]

    @cache  # noqa: B019 -- a trial lives as long as its replicate
    def merit(self, recipe: radin.Recipe) -> tuple[Any, ...]:
        """Sort key of a recipe on the samples that select; the largest is best, as in `radin.make_soup`.

        The criterion, the metric, lower negative log-likelihood, then more ingredients, then pool order.
        """
        logits, labels = self.selection_logits(recipe), self.bank.labels
        scores = self.criterion.score(logits, labels), self.metric.score(logits, labels)
        return *scores, -losses(logits, labels).mean(), recipe.size, [-member for member in recipe.members]

    def score(self, recipe: radin.Recipe) -> float:
        """The criterion of one recipe on the samples that select; higher is better."""
        return float(self.merit(recipe)[0])

    def metric_score(self, recipe: radin.Recipe) -> float:
        """Score by the metric of one recipe on the samples that select; higher is better."""
        return float(self.merit(recipe)[1])

    def dispersions(self, weights: Any) -> Float64[np.ndarray, "k 2"]:
        """Dispersions of `k` recipes, of weights and of logits."""
        apart = self.store.weight_gram.matrix[np.ix_(self.members, self.members)]
        return np.stack([gram.dispersion(weights) for gram in (Gram(self.names, apart), self._logit_gram)], axis=1)

    @cached_property
    def _logit_gram(self) -> Gram:
        return logit_gram(self.bank)

    def __call__(self, weights: Any, /) -> Float64[np.ndarray, " k"]:
        """Scores of `k` recipes, one real soup each."""
        recipes = [radin.Recipe.of(self.names, row) for row in as_proposals(weights, self.n)]
        return np.array([self.score(recipe) for recipe in recipes])

    def best(self, tried: Iterable[radin.Recipe]) -> radin.Recipe:
        """The winner among some soups and all single ingredients."""
        recipes = [*tried, *self.singles]
        if not limited_by_metric(self.rule):
            return max(recipes, key=self.merit)

        def statistics(i: int) -> Any:
            return self.metric.measure(self.selection_logits(recipes[i]), self.bank.labels)

        beaten = behind(self.metric, [self.metric_score(one) for one in recipes], statistics, self.bank.labels)
        return max((one for one, lost in zip(recipes, beaten, strict=True) if not lost), key=self.merit)

    def seconds(self, tried: Sequence[radin.Recipe]) -> float:
        """Seconds that the first evaluation of these soups took."""
        return self.store.seconds(self.whole(recipe) for recipe in tried)


def overlap(recipes: Sequence[radin.Recipe]) -> float | None:
    """Mean share of members that two of these recipes have in common, of those that either has; None below two."""
    sets = [set(recipe.members) for recipe in recipes]
    pairs = [len(a & b) / len(a | b) for i, a in enumerate(sets) for b in sets[:i]]
    return float(np.mean(pairs)) if pairs else None
