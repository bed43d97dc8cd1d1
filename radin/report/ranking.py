"""Ranks recipes by their averaged logits alone, and checks the labels. No network is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from radin.common.arguments import check_arguments
from radin.common.progress import SILENT, Progress
from radin.errors import InputError
from radin.recipe import Recipe
from radin.report.comparison import Comparison
from radin.report.diagnosis import logit_findings
from radin.report.findings import Finding
from radin.report.ranked_comparison import compare_averages, loss_excess, split_bank
from radin.scoring.criterion import criterion_name, criterion_of
from radin.scoring.criterion_default import CRITERION
from radin.scoring.logit_bank import LogitBank
from radin.scoring.metrics import Metric, get_metric
from radin.scoring.surrogate import Surrogate
from radin.searching.budget import Budget
from radin.searching.driver import check_whole, search
from radin.searching.plugins import Searcher, SearchFunction
from radin.searching.shortlist import Shortlist


@dataclass(frozen=True)
class RankedRecipe:
    """A recipe of a ranking.

    Attributes:
        recipe: the recipe.
        value: the metric of its averaged logits, as it is read: a negative log-likelihood is positive.
        score: the score of the ranking: the criterion with the prior, higher is better.
    """

    recipe: Recipe
    value: float
    score: float


@dataclass(frozen=True)
class Ranking:
    """The result of `radin.rank`.

    Attributes:
        recipes: the best recipes of at least two ingredients, best first.
        best_ingredient: the best single ingredient.
        metric: the metric's name.
        criterion: by what the recipes are ranked; `metric` for the metric.
        higher_is_better: whether a larger value of it is better.
        findings: evidence against the logits or the labels.
        n_samples: number of samples that the recipes are ranked on.
        n_ingredients: number of ingredients.
        shortlist: the search: charges, time, and the reason for its end.
        excess: nats by which the mean loss of the first recipe may be too high, as of tokens not all outputs are kept.
        report: the first recipe against the best ingredient on the samples that were held back; None where none were,
            or where there is no recipe.
        lam: strength of the prior for larger subsets; 0 is none.
    """

    recipes: tuple[RankedRecipe, ...]
    best_ingredient: RankedRecipe
    metric: str
    higher_is_better: bool
    findings: tuple[Finding, ...]
    n_samples: int
    n_ingredients: int
    shortlist: Shortlist
    criterion: str = "metric"
    report: Comparison | None = None
    excess: float = 0.0
    lam: float = 0.0

    @property
    def warnings(self) -> tuple[str, ...]:
        """The findings, a sentence each."""
        return tuple(one.text for one in self.findings)

    @property
    def note(self) -> str:
        """The reason why there is no recipe, in a sentence; empty if there is one."""
        return self.shortlist.note

    def to_json(self) -> dict[str, Any]:
        """Recipes, findings and totals as JSON holds them."""
        single = self.best_ingredient
        return {
            "shortlist": [
                {
                    "recipe": one.recipe.to_json(),
                    "size": one.recipe.size,
                    self.metric: one.value,
                    "score": one.score,
                }
                for one in self.recipes
            ],
            "best_ingredient": {"name": single.recipe.member_names[0], self.metric: single.value},
            "criterion": self.criterion,
            "note": self.note,
            "warnings": list(self.warnings),
            "charged": self.shortlist.charged,
            "proposed": self.shortlist.proposed,
            "stopped": self.shortlist.stopped,
            "samples": self.n_samples,
            "models": self.n_ingredients,
            "excess": self.excess,
            "report": None if self.report is None else self.report.to_json(),
        }


def rank(
    bank: LogitBank,
    searcher: str | Searcher | SearchFunction = "forward",
    *,
    metric: str | Metric | None = None,
    criterion: str = CRITERION,
    options: Mapping[str, Any] | None = None,
    budget: Budget | None = None,
    lam: float = 0.0,
    seed: int = 0,
    top: int = 10,
    holdback: float = 0.0,
    split_seed: int = 0,
    progress: Progress = SILENT,
) -> Ranking:
    """Ranks recipes by the score of their averaged logits.

    The models may be of several architectures: their recipes are then ensembles of outputs, and no soups.

    Arguments:
        bank: logits of the models, and labels.
        searcher: a searcher's name, or a generator function.
        metric: the metric that is shown, and ranked by unless a criterion says otherwise; by default that of the kind
            of outputs, which is accuracy for classes.
        criterion: by what recipes are ranked, see `radin.make_soup`.
        options: the searcher's options.
        budget: `candidates` and `seconds` apply.
        lam: strength of the prior for larger subsets, see `radin.make_soup`.
        seed: seed of the searcher's randomness.
        top: number of recipes to list, at least 1.
        holdback: share of the samples that ranks nothing, in `[0, 1)`; the first recipe is compared with the best
            ingredient on them, with an interval and a paired test. By default all samples rank.
        split_seed: draws the samples that are held back.
        progress: receives the progress of the search.

    Raises:
        InputError: an argument out of range, no such criterion, or a bank of another type.
        UnknownSearcherError, PluginError: no such searcher or option, or the searcher failed.
        AbilityError: the searcher needs a gradient, and the metric has none.
    """
    if not isinstance(bank, LogitBank):
        raise InputError(f"expected a radin.LogitBank, got {type(bank).__name__}")
    check_arguments(holdback=holdback, progress=progress)
    check_whole("split_seed", split_seed, 0)
    held_back = None
    if holdback != 0:
        bank, held_back = split_bank(bank, holdback, split_seed)
    shown = get_metric(metric, bank.kind)
    surrogate = Surrogate(bank, criterion_of(criterion, shown, bank.kind), lam)
    found = search(searcher, surrogate, budget, seed=seed, top=top, options=options, progress=progress)
    return _ranking(found, surrogate, shown, bank, held_back)


def _ranking(
    found: Shortlist, surrogate: Surrogate, shown: Metric, bank: LogitBank, held_back: LogitBank | None
) -> Ranking:
    """The ranking of what a search found.

    Arguments:
        found: by the search.
        surrogate: scores by the criterion.
        shown: the metric.
        bank: what was ranked on.
        held_back: what ranked nothing.
    """
    by = criterion_name(surrogate.metric, shown)
    plain = surrogate if by == "metric" else Surrogate(bank, shown)
    sign = 1 if shown.higher_is_better else -1
    values = [sign * float(plain.metric_scores(one.recipe.row[None])[0]) for one in found]
    best = int(plain.solo.argmax())
    single, winner = Recipe.subset(bank.names, [best]), next((one.recipe for one in found), None)
    return Ranking(
        recipes=tuple(RankedRecipe(one.recipe, value, one.score) for one, value in zip(found, values, strict=True)),
        best_ingredient=RankedRecipe(single, sign * float(plain.solo[best]), float(surrogate.solo[best])),
        metric=shown.name,
        higher_is_better=shown.higher_is_better,
        findings=tuple(logit_findings(bank, shown)),
        n_samples=bank.n_samples,
        n_ingredients=len(bank),
        shortlist=found,
        criterion=by,
        lam=surrogate.lam,
        report=None if held_back is None or winner is None else compare_averages(winner, single, held_back, shown),
        excess=0.0 if winner is None else loss_excess(bank, winner),
    )
