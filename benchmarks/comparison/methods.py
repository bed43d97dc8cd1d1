"""The methods of a comparison: searchers on the surrogate, and baselines. Each is charged for its soups."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from typing import Any, Literal

import numpy as np

import radin
from benchmarks.comparison.model_stock import write_model_stock
from benchmarks.comparison.trial import Trial, overlap
from radin.evaluation.calibration import calibrated, gap_of
from radin.evaluation.settings import SHORTLIST
from radin.searching.plugins import Searcher

#: Seeds the random subsets of random-B apart from everything else that a replicate draws.
_SUBSETS = 1


@dataclass(frozen=True)
class Found:
    """The result of a method at one budget.

    Attributes:
        soups: the cap B on real soups, or None where there is none.
        logits: of the winner, on all samples.
        size: ingredients in it.
        charged: real soups that the method has spent, as if nobody had evaluated them before.
        passes: forward passes that the winner takes at inference.
        seconds: in those soups, as they were when they were evaluated first.
        about: further facts: candidates charged, seconds of the search, its end.
    """

    soups: int | None
    logits: np.ndarray
    size: int
    charged: int
    seconds: float = 0.0
    passes: int = 1
    about: Mapping[str, Any] = field(default_factory=dict)


class SkippedError(radin.errors.RadinError):
    """A method cannot be used on this pool, for the reason in the message; this is not a failure."""


Play = Callable[[Trial, Sequence[int]], Iterator[Found]]


@dataclass(frozen=True)
class Method:
    """A way to get one model from a pool.

    Attributes:
        name: in tables and pictures.
        kind: `searcher` or `baseline`.
        play: yields one result for each budget, the capped ones first, in ascending order.
        capped: whether there is a result for each B.
        whole: whether there is one without B.
        settings: λ, K, options and owner, where it has any; they tell its rows from others of the same name.
    """

    name: str
    kind: Literal["searcher", "baseline"]
    play: Play
    capped: bool = True
    whole: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)

    def budgets(self, soups: Sequence[int]) -> list[int | None]:
        """The budgets for which it gives results."""
        return [*(sorted(soups) if self.capped else []), *([None] if self.whole else [])]


def searcher(name: str, lam: float, candidates: int, options: Mapping[str, Any]) -> list[Method]:
    """A searcher on the surrogate; its shortlist is verified best first, or as the calibrated surrogate decides.

    Raises:
        PluginError: no such searcher or option.
    """
    chosen = radin.searchers()[name]
    settings = {"lam": lam, "candidates": candidates, "options": chosen.validate(options), "owner": chosen.owner}
    return [
        Method(name, "searcher", partial(_ranked, chosen, settings), settings=settings),
        Method(f"calibrated {name}", "searcher", partial(_calibrated, chosen, settings), settings=settings),
    ]


def baselines() -> list[Method]:
    """The methods beside the searchers."""
    return [
        Method("best single", "baseline", _best_single, capped=False, whole=True),
        Method("uniform", "baseline", _uniform, capped=False, whole=True),
        Method("greedy soup", "baseline", _greedy_soup, whole=True),
        Method("random soups", "baseline", _random_soups),
        Method("top-k", "baseline", _top_k),
        Method("model stock", "baseline", _model_stock, capped=False, whole=True),
        Method("ensemble", "baseline", _ensemble, capped=False, whole=True),
        Method("chosen ensemble", "baseline", _chosen_ensemble, capped=False, whole=True),
    ]


def prefixes(
    trial: Trial, order: Sequence[radin.Recipe], soups: Sequence[int], about: Mapping[str, Any]
) -> Iterator[Found]:
    """Soups verified in this order, up to each B; the winner is chosen among them and all single ingredients."""
    for cap in sorted(soups):
        tried = order[:cap]
        best = trial.best(tried)
        yield Found(
            cap, trial.logits(best), best.size, len(tried), trial.seconds(tried), about=about | of(trial, tried)
        )


def of(trial: Trial, tried: Sequence[radin.Recipe]) -> dict[str, Any]:
    """Mean gap of verified soups to their ensembles, their mean overlap and size."""
    if not tried:
        return {"gap": None, "overlap": None, "sizes": None}
    predicted = trial.surrogate(0.0).metric_scores(np.array([recipe.weights for recipe in tried]))
    real = np.array([trial.score(recipe) for recipe in tried])
    sizes = float(np.mean([recipe.size for recipe in tried]))
    return {"gap": float((real - predicted).mean()), "overlap": overlap(tried), "sizes": sizes}


def _ranked(chosen: Searcher, settings: Mapping[str, Any], trial: Trial, soups: Sequence[int]) -> Iterator[Found]:
    """RADIN: search on the surrogate, then verify the shortlist, best first."""
    shortlist = _shortlist(chosen, settings, trial)
    yield from prefixes(trial, [candidate.recipe for candidate in shortlist[: max(soups)]], soups, _cost(shortlist))


def _calibrated(chosen: Searcher, settings: Mapping[str, Any], trial: Trial, soups: Sequence[int]) -> Iterator[Found]:
    """The same search, with calibration: every verified soup helps to choose the next."""
    shortlist = _shortlist(chosen, settings, trial)
    order = calibrated(shortlist, trial.dispersions, gap_of(trial.surrogate(settings["lam"]), trial.selection_logits))
    most = max(soups)
    verified = radin.search(order, trial, radin.Budget(soups=most), top=most)
    in_turn = sorted(verified, key=attrgetter("number"))
    yield from prefixes(trial, [candidate.recipe for candidate in in_turn], soups, _cost(shortlist))


def _shortlist(chosen: Searcher, settings: Mapping[str, Any], trial: Trial) -> radin.Shortlist:
    """The shortlist of a searcher on a trial; searched once for both orders of verification."""
    key = chosen.name, repr(settings)
    if key not in trial.shortlists:
        try:
            trial.shortlists[key] = radin.search(
                chosen,
                trial.surrogate(settings["lam"]),
                radin.Budget(candidates=settings["candidates"]),
                seed=trial.seed,
                top=SHORTLIST,
                options=settings["options"],
            )
        except radin.errors.PluginError as error:
            if _refuses(chosen, error.__cause__):
                raise SkippedError(str(error.__cause__)) from error
            raise
    return trial.shortlists[key]


def _refuses(chosen: Searcher, cause: BaseException | None) -> bool:
    """Whether the searcher itself refused the pool, as one that scores all subsets refuses a large pool."""
    if not isinstance(cause, radin.errors.InputError):
        return False
    return traceback.extract_tb(cause.__traceback__)[-1].filename == inspect.getsourcefile(
        inspect.unwrap(chosen.function)
    )


def _cost(shortlist: radin.Shortlist) -> dict[str, Any]:
    return {
        "candidates_charged": shortlist.charged,
        "seconds_search": shortlist.seconds,
        "stopped": shortlist.stopped,
    }


def _best_single(trial: Trial, soups: Sequence[int]) -> Iterator[Found]:
    """The best ingredient by the metric, whatever the criterion of the others."""
    best = max(trial.singles, key=lambda single: (trial.metric_score(single), *trial.merit(single)))
    yield Found(None, trial.logits(best), 1, 0)


def _uniform(trial: Trial, soups: Sequence[int]) -> Iterator[Found]:
    everything = radin.Recipe.uniform(trial.names)
    about = of(trial, [everything])
    yield Found(None, trial.logits(everything), trial.n, 1, trial.seconds([everything]), about=about)


def _greedy_soup(trial: Trial, soups: Sequence[int]) -> Iterator[Found]:
    """Algorithm 1 of Wortsman et al. 2022, on real soups; cut off at B it is what has been kept by then.

    It decides by the metric, as published, whatever the criterion of the others.
    """
    solo = np.array([trial.metric_score(single) for single in trial.singles])
    first, *others = np.argsort(-solo, kind="stable").tolist()
    kept, best, tried = trial.singles[first], float(solo[first]), list[radin.Recipe]()
    for ingredient in others:
        soup = radin.Recipe.subset(trial.names, [*kept.members, ingredient])
        tried.append(soup)
        if (score := trial.metric_score(soup)) > best:
            kept, best = soup, score
        if len(tried) in soups:
            yield Found(len(tried), trial.logits(kept), kept.size, len(tried), trial.seconds(tried))
    for cap in sorted(soups):
        if cap > len(tried):
            yield Found(cap, trial.logits(kept), kept.size, len(tried), trial.seconds(tried))
    yield Found(None, trial.logits(kept), kept.size, len(tried), trial.seconds(tried))


def _random_soups(trial: Trial, soups: Sequence[int]) -> Iterator[Found]:
    """B random subsets of two ingredients or more, each ingredient in half of them."""
    rng, drawn = np.random.default_rng([trial.seed, _SUBSETS]), dict[bytes, np.ndarray]()
    while len(drawn) < min(max(soups), 2**trial.n - trial.n - 1):
        mask = rng.random(trial.n) < 0.5
        if mask.sum() >= 2:
            drawn.setdefault(mask.tobytes(), mask)
    yield from prefixes(trial, [radin.Recipe.subset(trial.names, mask) for mask in drawn.values()], soups, {})


def _top_k(trial: Trial, soups: Sequence[int]) -> Iterator[Found]:
    """Uniform soups of the k best ingredients; k halves the range again and again, see `halvings`."""
    order = [radin.Recipe.subset(trial.names, trial.by_solo[:k]) for k in halvings(trial.n)[: max(soups)]]
    yield from prefixes(trial, order, soups, {})


def halvings(n: int) -> list[int]:
    """The numbers 2 to n, ever finer: n/2, n, n/4, 3n/4, n/8, ..., so that the first few cover the range."""
    order, parts = dict[int, None](), 2
    while len(order) < n - 1:
        for i in range(1, parts + 1):
            if (k := max(2, round(i * n / parts))) <= n:
                order.setdefault(k)
        parts *= 2
    return list(order)


def _model_stock(trial: Trial, soups: Sequence[int]) -> Iterator[Found]:
    anchor, batchnorm = trial.store.anchor, trial.store.verifier.batchnorm
    if anchor is None:
        raise SkippedError("the pool keeps no pretrained checkpoint, from which the angles are seen")
    try:
        logits, seconds = trial.store.logits_of_file(
            f"model stock of {', '.join(trial.names)}",
            lambda path: write_model_stock(trial.pool, anchor, path, batchnorm),
        )
    except radin.errors.IncompatibleError as error:
        raise SkippedError(f"the pretrained checkpoint does not fit the pool: {error}") from error
    yield Found(None, logits, trial.n, 1, seconds)


def _ensemble(trial: Trial, soups: Sequence[int]) -> Iterator[Found]:
    """The averaged logits of everything: no soup at all, and N passes at inference."""
    yield Found(None, trial.averaged(radin.Recipe.uniform(trial.names)), trial.n, 0, passes=trial.n)


def _chosen_ensemble(trial: Trial, soups: Sequence[int]) -> Iterator[Found]:
    """Caruana's selection with replacement, kept as the ensemble that it selects."""
    (best,) = radin.search("caruana", trial.surrogate(0.0), seed=trial.seed, top=1)
    yield Found(None, trial.averaged(best.recipe), best.recipe.size, 0, passes=best.recipe.size)
