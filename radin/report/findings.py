"""Findings: evidence against souping a pool, from weights, logits and verified soups, each in a sentence.

A run and a diagnosis use the same findings, so they warn in the same words.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float64

from radin.common.wording import counted, shown, signed, told_apart
from radin.evaluation.gram import Gram
from radin.report.verified_soup import SURE, AgainstChance, VerifiedSoup, against_chance, chance_samples
from radin.scoring.kinds import CLASSES, Values
from radin.scoring.kinds import Kind as OutputKind
from radin.scoring.logit_bank import LogitBank
from radin.scoring.metrics import Metric
from radin.scoring.significance import paired_error
from radin.searching.shortlist import Shortlist

#: An ingredient that lies further from the others than this times the usual distance is an outlier. In the sweeps of
#: `benchmarks/zoos`, with learning rates that span a factor of up to 30, no sound one exceeds 3.3.
FAR = 4.0

#: A soup that loses more than this share of what its parts know has left their basin. In linear mode connectivity
#: (Frankle et al. 2020, arXiv 1912.05671) 2 points of error count as stable, about 2.5 % of what those networks know;
#: independent starts lose nearly everything.
LOST = 0.05

#: Standard deviations above chance that show that a network knows something: one in 30 000 that knows nothing passes.
ABOVE_CHANCE = 4.0

#: Standard deviations above chance below which an ingredient is called no better than chance, if others are better.
#: Chosen by hand.
AT_CHANCE = 2.0

#: An ingredient that knows less than this share of what the others know, by their median, is far worse than the rest.
#: Chosen by hand: sweeps of learning rates end in ingredients a few points apart, or in failures.
WORSE = 0.5

#: Samples whose outputs are compared before all of them are.
GLANCE = 64

#: A search that found its best candidate within this last share of its evaluations may have found better ones later. An
#: undirected search that is going nowhere does so in one run of ten.
LATE = 0.1

Kind = Literal[
    "diverged",
    "elsewhere",
    "far",
    "classes",
    "exchanged",
    "chance",
    "worse",
    "same",
    "barrier",
    "gap",
    "statistics",
    "search",
    "extra-state",
    "race",
    "test",
]


@dataclass(frozen=True)
class Finding:
    """A piece of evidence against souping this pool, or against one of its ingredients.

    Attributes:
        kind: `diverged`, `elsewhere`, `far`, `worse` and `barrier` are about one ingredient, `classes`, `exchanged`,
            `same`, `gap`, `statistics`, `search`, `extra-state` and `race` about the pool or the run, `test` about a
            test set; `chance` is about one, or about all.
        ingredient: its name, or None.
        message: the whole sentence, without the parameters that would mend it.
        mend: parameters with the values that would mend it; empty where there are none.
    """

    kind: Kind
    ingredient: str | None
    message: str
    mend: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The message with the parameters in `mend` as Python arguments."""
        if not self.mend:
            return self.message
        return f"{self.message} Try {', '.join(f'{name}={value!r}' for name, value in self.mend.items())}."

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON holds it, and the text."""
        about = {"kind": self.kind, "ingredient": self.ingredient, "text": self.text}
        return about | {"message": self.message, "mend": dict(self.mend)}


def state_findings(extra_state: Collection[str]) -> list[Finding]:
    """Says that a soup's file, read as plain tensors, lacks the state that modules keep beside their tensors.

    Arguments:
        extra_state: its names, `radin.Pool.extra_state`.
    """
    if not extra_state:
        return []
    text = (
        f"The networks keep state beside their tensors ({', '.join(map(shown, sorted(extra_state)[:3]))}), which "
        "safetensors holds as metadata only: load the soup's file by radin.Pool(path).state_dict(0), not by load_file."
    )
    return [Finding("extra-state", None, text)]


def race_findings(reason: str) -> list[Finding]:
    """Says that a race that was asked for was not held.

    Arguments:
        reason: why not; empty where it was held.
    """
    if not reason:
        return []
    return [Finding("race", None, f"All ingredients ran in full, though a race was asked for: {reason}.")]


def weight_findings(gram: Gram) -> list[Finding]:
    """Finds ingredients whose weights do not belong with the others'.

    Two networks of one start differ by little beside their size, so they lie nearer to one another than to zero. Where
    that fails, as between independent starts (which are orthogonal, but for chance), they are in different regions.
    The largest group that is connected by nearness is home.
    """
    found = []
    home, finite = home_group(gram), gram.finite
    usual = _typical(gram, home)
    middle = float(np.median(usual[home])) if home.any() else 0.0
    for i, name in enumerate(gram.names):
        if not finite[i]:
            text = f"{name} has diverged: its weights hold NaN or infinities. Leave it out."
            found.append(Finding("diverged", name, text))
        elif not home[i]:
            text = (
                f"{name} lies in another region: its weights are as far from the others' as from zero, as those of a "
                "network from another start, or of one that has diverged. Leave it out, or train it from the others' "
                "start."
            )
            found.append(Finding("elsewhere", name, text))
        elif home.sum() > 2 and usual[i] > FAR * middle > 0:
            text = (
                f"{name} lies {usual[i] / middle:.1f} times as far from the others as they do from one another. That "
                "alone is no reason to leave it out."
            )
            found.append(Finding("far", name, text))
    return found


def home_group(gram: Gram) -> Bool[np.ndarray, " n"]:
    """The largest group of ingredients connected by pairs that lie nearer to one another than to zero."""
    n, finite = len(gram.names), gram.finite
    near = finite[:, None] & finite[None, :]
    if gram.absolute is not None:
        squares = np.diag(gram.absolute)
        with np.errstate(invalid="ignore"):
            apart = squares[:, None] + squares[None, :] - 2 * gram.absolute
            near &= (apart < np.minimum(squares[:, None], squares[None, :])) | (apart <= 0)
    best = np.zeros(n, dtype=bool)
    for i in range(n):
        group = np.arange(n) == i
        while finite[i] and (grown := group | near[group].any(axis=0)).sum() > group.sum():
            group = grown
        if finite[i] and group.sum() > best.sum():
            best = group
    return best


def _typical(gram: Gram, home: Bool[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """Each ingredient's median distance from the others that are at home."""
    typical = np.full(len(home), np.nan)
    for i in range(len(home)):
        others = home & (np.arange(len(home)) != i)
        if others.any():
            typical[i] = np.median(gram.distances[i, others])
    return typical


def medoid(gram: Gram) -> int:
    """The ingredient with the smallest median distance from the others, among those at home."""
    home = home_group(gram)
    return int(np.where(home, np.nan_to_num(_typical(gram, home), nan=0.0), np.inf).argmin())


def score_findings(bank: LogitBank, metric: Metric) -> list[Finding]:
    """Finds ingredients that know nothing, and ingredients that are far worse than the rest.

    Finds nothing where shuffling the labels cannot change a score.
    """
    versus = [against_chance(bank, metric, i) for i in range(len(bank))]
    if not any(one.tells for one in versus):
        return []
    found = chance_findings(bank.names, versus, chance_samples(bank, metric), bank.kind)
    if any(one.ingredient is None for one in found):
        return found
    return found + _worse_findings(bank, metric, versus, {one.ingredient for one in found})


def same_findings(bank: LogitBank) -> list[Finding]:
    """Finds ingredients that give exactly the outputs of an earlier one: one model under two names, most likely."""
    found, seen = [], dict[bytes, list[int]]()
    for i, name in enumerate(bank.names):
        alike = seen.setdefault(bank.read(i, 0, min(bank.n_samples, GLANCE)).tobytes(), [])
        twin = next((j for j in alike if np.array_equal(bank.logits(i), bank.logits(j))), None)
        if twin is None:
            alike.append(i)
            continue
        known = counted(bank.n_samples, "sample")
        text = (
            f"{bank.names[twin]} and {name} give exactly the same outputs on {known}: one model under two names counts "
            "double in every average. Leave one out."
        )
        found.append(Finding("same", None, text))
    return found


def chance_findings(
    names: Sequence[str], versus: Sequence[AgainstChance], samples: int, kind: OutputKind = CLASSES
) -> list[Finding]:
    """Finds ingredients that do not score clearly better on the true labels than on shuffled ones, or than a constant.

    Arguments:
        names: of the ingredients.
        versus: each against chance.
        samples: that were looked at.
        kind: of the outputs; of values a constant is what can be known by chance.
    """
    constant = isinstance(kind, Values)
    told = [(name, one.deviations) for name, one in zip(names, versus, strict=True) if one.tells]
    known = counted(samples, "sample")
    if len(names) > 1 and max(deviations for _, deviations in told) <= ABOVE_CHANCE:
        than, check = "on shuffled labels", "the labels, the order of the classes"
        if constant:
            than, check = "a constant", "the labels, their scale"
        elif not kind.has_columns:
            check = "the labels, their order"
        text = (
            f"No ingredient can be told from chance: on {known} none of {len(told)} scores clearly better than {than}. "
            f"Check {check} and how the inputs are prepared."
        )
        return [Finding("chance", None, text)]
    than = "a constant" if constant else "on shuffled labels"
    said = f"is no better than chance: on {known} it scores no better than {than}. Check its training, or leave it out."
    least = AT_CHANCE if len(names) > 1 else ABOVE_CHANCE
    return [Finding("chance", name, f"{name} {said}") for name, deviations in told if deviations <= least]


def _worse_findings(
    bank: LogitBank, metric: Metric, versus: Sequence[AgainstChance], known: Collection[str | None]
) -> list[Finding]:
    """Finds ingredients that know less than `WORSE` of what the others know, by more than noise."""
    knows = np.array([one.score - one.mean for one in versus])
    left = [i for i, name in enumerate(bank.names) if name not in known and versus[i].tells]
    found = []
    for i in left:
        others = sorted((j for j in left if j != i), key=lambda j: knows[j])
        if not others or not knows[i] < WORSE * float(np.median(knows[others])):
            continue
        usual = others[len(others) // 2]
        mine, theirs = (metric.measure(bank.read(j, 0, bank.n_samples), bank.labels) for j in (i, usual))
        values = [metric.value_of(one, bank.labels) for one in (mine, theirs)]
        error = paired_error(metric, mine, theirs, bank.labels, groups=bank.groups)
        if abs(values[0] - values[1]) > SURE * error:
            own, other = told_apart(*values)
            text = (
                f"{bank.names[i]} is far worse than the rest: it has {metric.name} {own}, and "
                f"{bank.names[usual]}, the median of the others, {other}. Check its training, and its classes."
            )
            found.append(Finding("worse", bank.names[i], text))
    return found


def soup_findings(
    verified: Sequence[VerifiedSoup], suspects: Sequence[str] = (), statistics: str | None = None
) -> list[Finding]:
    """Evidence of verified soups against the pool: midpoints worse than both parts, and soups far from ensembles.

    Arguments:
        verified: the verified soups.
        suspects: ingredients with other findings; their soups are no evidence about the rest.
        statistics: the policy for the soups' BatchNorm statistics; None where there are none.
    """
    found = []
    walls = [one for one in verified if one.barrier is not None and one.barrier_sure and one.barrier > LOST]
    for wall in walls:
        one, other = wall.recipe.member_names
        for name, partner in ((one, other), (other, one)):
            if _blamed(name, partner, walls, suspects):
                text = (
                    f"{name} is in another basin than {partner}: their midpoint, a real soup, loses "
                    f"{wall.barrier:.0%} of what the two know. Leave it out, or train it from the others' start."
                )
                found.append(Finding("barrier", name, text))
    outside = {*suspects, *(finding.ingredient for finding in found)}
    rest = [one for one in verified if not outside & set(one.recipe.member_names)]
    if falls_short(rest):
        lost = float(np.mean([one.lost for one in rest]))
        text = (
            f"Soups fall short of their ensembles: {counted(len(rest), 'verified one loses', 'verified ones lose')} "
            f"{lost:.0%} of what the averaged logits know, so the ingredients lie too far apart for averaging; check "
            "that they were fine-tuned from one and the same model, and try lower learning rates or shorter training."
        )
        mend = {}
        if statistics not in (None, "recompute"):
            text += " Or it is their BatchNorm statistics."
            mend = {"batchnorm": "recompute"}
        found.append(Finding("gap", None, text, mend))
    if statistics == "recompute" and exceeds(verified):
        gain = float(np.mean([one.gap for one in verified]))
        text = (
            f"Soups score {signed(gain)} beside their averaged logits, more than averaging explains: their BatchNorm "
            "statistics were recomputed on this data, and those that the ingredients were saved with do not fit it. "
            "Only an ingredient with recomputed statistics is a fair comparison."
        )
        found.append(Finding("statistics", None, text))
    return found


def exceeds(verified: Sequence[VerifiedSoup]) -> bool:
    """Whether soups know more than their ensembles by over `LOST`, on average, and most of them surely do."""
    return _differs(verified, +1)


def falls_short(verified: Sequence[VerifiedSoup]) -> bool:
    """Whether soups lose more than `LOST` of what their ensembles know, on average, and most of them surely lose."""
    return _differs(verified, -1)


def _differs(verified: Sequence[VerifiedSoup], sign: int) -> bool:
    if not verified:
        return False
    surely = sum(one.sure and sign * one.gap > 0 for one in verified)
    return -sign * float(np.mean([one.lost for one in verified])) > LOST and 2 * surely > len(verified)


def _blamed(name: str, partner: str, walls: Sequence[VerifiedSoup], suspects: Sequence[str]) -> bool:
    """Whether this side of a wall is in the other basin: the suspect, else that with more walls, else the second."""
    if (name in suspects) != (partner in suspects):
        return name in suspects
    mine, theirs = (sum(one in wall.recipe.member_names for wall in walls) for one in (name, partner))
    return mine > theirs or (mine == theirs and _comes_second(name, partner, walls))


def _comes_second(name: str, partner: str, walls: Sequence[VerifiedSoup]) -> bool:
    """Whether a name comes after its partner in pool order."""
    names = walls[0].recipe.names
    return names.index(name) > names.index(partner)


def shortage_findings(found: Shortlist, verified: Shortlist, soups: int, n: int, elsewhere: int = 0) -> list[Finding]:
    """Finds that fewer soups were verified than the budget allows, since the search had listed no more.

    Arguments:
        found: the shortlist of the search.
        verified: the part of it that was verified.
        soups: the number that the budget allows.
        n: size of the pool, which has no more than 2ⁿ - n - 1 subsets of two or more.
        elsewhere: those of these subsets that baselines have evaluated, outside the budget.
    """
    if len(verified) >= min(soups, 2**n - n - 1 - elsewhere) or "seconds" in (found.stopped, verified.stopped):
        return []
    if found.stopped == "budget":
        why = f"{counted(found.charged, 'candidate')} held no more; allow {found.searcher} more of them"
    else:
        why = f"{found.searcher} proposed no more; try another searcher, or other options of this one"
    text = f"Only {len(verified):,} of the {counted(soups, 'soup')} that the budget allows could be verified: {why}."
    return [Finding("search", None, text)]


def search_facts(shortlist: Shortlist) -> dict[str, Any]:
    """Facts of a search that tell whether it had converged, as `search_findings` takes them."""
    improved = int(shortlist.trace[0][-1]) if len(shortlist.trace[0]) else 0
    about = {"searcher": shortlist.searcher, "charged": shortlist.charged, "stopped": shortlist.stopped}
    return about | {"improved": improved}


def search_findings(search: Mapping[str, Any] | None) -> list[Finding]:
    """Finds that the search was still improving when its budget ended it.

    Arguments:
        search: `searcher`, `charged`, `improved` (evaluations at the last improvement) and `stopped`; None if unknown.
    """
    if not search or search["stopped"] not in ("budget", "seconds"):
        return []
    if search["improved"] <= (1 - LATE) * search["charged"]:
        return []
    text = (
        f"The search was still finding better candidates when it ended: {search['searcher']} found its best one at "
        f"evaluation {search['improved']:,} of {search['charged']:,}; allow it more candidates."
    )
    return [Finding("search", None, text)]
