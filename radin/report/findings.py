"""What speaks against souping a pool, from weights, logits and verified soups: each finding is one sentence.

A run warns in the same words as `radin.report.diagnosis`, since both take them from here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float64

from radin.common.wording import counted
from radin.evaluation.gram import Gram
from radin.report.soup_gaps import Measured, against_chance, chance_samples
from radin.scoring.logit_bank import LogitBank
from radin.scoring.metrics import Metric
from radin.searching.driver import Shortlist

#: An ingredient that lies further from the others than this times the usual distance is an outlier. In the sweeps of
#: `benchmarks/zoos`, with learning rates that span a factor of up to 30, no sound one exceeds 3.3.
FAR = 4.0

#: A soup that loses more than this share of what its parts know has left their basin. In linear mode connectivity
#: (Frankle et al. 2020, arXiv 1912.05671) 2 points of error count as stable, about 2.5 % of what those networks know;
#: independent starts lose nearly everything.
LOST = 0.05

#: Standard deviations above chance that show that a network knows something: one in 30 000 that knows nothing passes.
ABOVE_CHANCE = 4.0

#: One that is no further above it than this, where others are, is called no better than chance.
AT_CHANCE = 2.0

#: A search that found its best candidate within this last share of its evaluations may have found better ones later. An
#: undirected search that is going nowhere does so in one run of ten.
LATE = 0.1

Kind = Literal["diverged", "elsewhere", "far", "classes", "chance", "barrier", "gap", "statistics", "search"]


@dataclass(frozen=True)
class Finding:
    """One thing that speaks against souping this pool, or one of its ingredients.

    Attributes:
        kind: `diverged`, `elsewhere`, `far`, `chance` and `barrier` are about one ingredient, `classes`, `gap`,
            `statistics` and `search` about the pool; so is `chance` where it holds for all.
        ingredient: its name, or None.
        text: the whole sentence.
    """

    kind: Kind
    ingredient: str | None
    text: str


def weight_findings(gram: Gram) -> list[Finding]:
    """Ingredients whose weights do not belong with the others'.

    Two networks of one start agree in most of what they are, so they lie nearer to one another than to zero. Where
    that fails, as between independent starts (which are orthogonal, but for chance), they are in different regions.
    The largest group that is connected by nearness is home.
    """
    found = []
    home, finite = home_group(gram), gram.finite
    usual = _typical(gram, home)
    middle = float(np.median(usual[home])) if home.any() else 0.0
    for i, name in enumerate(gram.names):
        if not finite[i]:
            text = f"{name} has diverged: its weights hold NaN or infinities."
            found.append(Finding("diverged", name, text))
        elif not home[i]:
            text = (
                f"{name} lies in another region: its weights are as far from the others' as from zero, as those of a "
                "network from another start, or of one that has diverged."
            )
            found.append(Finding("elsewhere", name, text))
        elif home.sum() > 2 and usual[i] > FAR * middle > 0:
            text = f"{name} lies {usual[i] / middle:.1f} times as far from the others as they do from one another."
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


def chance_findings(bank: LogitBank, metric: Metric) -> list[Finding]:
    """Ingredients that do not score clearly better on the true labels than on shuffled ones; one finding if all."""
    above = []  # chance, in standard deviations
    for i in range(len(bank)):
        score, mean, spread = against_chance(bank, metric, i)
        above.append((score - mean) / max(spread, 1e-9 * max(1.0, abs(mean))))
    known = counted(chance_samples(bank, metric), "sample")
    if len(bank) > 1 and max(above) <= ABOVE_CHANCE:
        text = (
            f"No ingredient can be told from chance: on {known} none of {len(bank)} scores clearly better than on "
            "shuffled labels. Check the labels, the order of the classes and how the inputs are prepared."
        )
        return [Finding("chance", None, text)]
    return [
        Finding(
            "chance", name, f"{name} is no better than chance: on {known} it scores no better than on shuffled labels."
        )
        for name, deviations in zip(bank.names, above, strict=True)
        if deviations <= (AT_CHANCE if len(bank) > 1 else ABOVE_CHANCE)
    ]


def soup_findings(
    measured: Sequence[Measured], suspects: Sequence[str] = (), statistics: str | None = None
) -> list[Finding]:
    """What verified soups say against the pool: parts whose midpoint is worse than both, and soups far from ensembles.

    Arguments:
        measured: the verified soups.
        suspects: ingredients that something else speaks against; soups with them say nothing about the rest.
        statistics: the policy for the soups' BatchNorm statistics; None where there are none.
    """
    found = []
    walls = [m for m in measured if m.barrier is not None and m.barrier_sure and m.barrier > LOST]
    for wall in walls:
        one, other = wall.recipe.member_names
        for name, partner in ((one, other), (other, one)):
            if _blamed(name, partner, walls, suspects):
                text = (
                    f"{name} is in another basin than {partner}: their midpoint, a real soup, loses "
                    f"{wall.barrier:.0%} of what the two know."
                )
                found.append(Finding("barrier", name, text))
    outside = {*suspects, *(finding.ingredient for finding in found)}
    rest = [m for m in measured if not outside & set(m.recipe.member_names)]
    if falls_short(rest):
        lost = float(np.mean([m.lost for m in rest]))
        text = (
            f"Soups fall short of their ensembles: {counted(len(rest), 'verified one loses', 'verified ones lose')} "
            f"{lost:.0%} of what the averaged logits know, so the ingredients lie too far apart for averaging; check "
            "that they were fine-tuned from one and the same model, and try lower learning rates or shorter training."
        )
        if statistics not in (None, "recompute"):
            text += " Or it is their BatchNorm statistics: try --batchnorm recompute first."
        found.append(Finding("gap", None, text))
    if statistics == "recompute" and exceeds(measured):
        gain = float(np.mean([m.gap for m in measured]))
        text = (
            f"Soups score {gain:+.4f} beside their averaged logits, more than averaging explains: their BatchNorm "
            "statistics were recomputed on this data, and those that the ingredients were saved with do not fit it. "
            "Only an ingredient with recomputed statistics is a fair comparison."
        )
        found.append(Finding("statistics", None, text))
    return found


def exceeds(measured: Sequence[Measured]) -> bool:
    """Whether soups know more than their ensembles by over `LOST`, on average, and most of them surely do."""
    return _differs(measured, +1)


def falls_short(measured: Sequence[Measured]) -> bool:
    """Whether soups lose more than `LOST` of what their ensembles know, on average, and most of them surely lose."""
    return _differs(measured, -1)


def _differs(measured: Sequence[Measured], sign: int) -> bool:
    if not measured:
        return False
    surely = sum(m.sure and sign * m.gap > 0 for m in measured)
    return -sign * float(np.mean([m.lost for m in measured])) > LOST and 2 * surely > len(measured)


def _blamed(name: str, partner: str, walls: Sequence[Measured], suspects: Sequence[str]) -> bool:
    """Which side of a wall is called the other basin: the suspect, else the one with more walls, else the second."""
    if (name in suspects) != (partner in suspects):
        return name in suspects
    mine, theirs = (sum(one in wall.recipe.member_names for wall in walls) for one in (name, partner))
    return mine > theirs or (mine == theirs and _comes_second(name, partner, walls))


def _comes_second(name: str, partner: str, walls: Sequence[Measured]) -> bool:
    """Whether a name comes after its partner in pool order."""
    names = walls[0].recipe.names
    return names.index(name) > names.index(partner)


def shortage_findings(found: Shortlist, verified: Shortlist, soups: int, n: int) -> list[Finding]:
    """Whether fewer soups were verified than the budget allows, since the search had listed no more.

    Arguments:
        found: what the search listed.
        verified: what was verified of it.
        soups: how many the budget allows.
        n: size of the pool, which has no more than 2ⁿ - n - 1 subsets of two or more.
    """
    if len(verified) >= min(soups, 2**n - n - 1) or "seconds" in (found.stopped, verified.stopped):
        return []
    if found.stopped == "budget":
        why = f"{counted(found.charged, 'candidate')} held no more; allow {found.searcher} more of them"
    else:
        why = f"{found.searcher} proposed no more; try another searcher, or other options of this one"
    text = f"Only {len(verified):,} of the {counted(soups, 'soup')} that the budget allows could be verified: {why}."
    return [Finding("search", None, text)]


def search_findings(search: dict[str, Any] | None) -> list[Finding]:
    """Whether the search was still finding better candidates when its budget ended it.

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
