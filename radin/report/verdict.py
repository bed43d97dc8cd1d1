"""The verdict of a run, in words: did a soup win, over what, and is the difference more than noise."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from operator import attrgetter

from radin.common.wording import counted, decimal, directed, enumerated, signed, told_apart
from radin.report.comparison import Comparison
from radin.report.findings import Finding
from radin.report.verified_soup import VerifiedSoup
from radin.scoring.criterion_default import CRITERIA

#: Metrics of which 1 is the most.
PERFECT = (
    *("accuracy", "top5", "balanced-accuracy", "macro-f1", "micro-f1", "binary-f1", "mcc", "auc"),
    *("subset-accuracy", "map", "miou", "r2", "pearson", "spearman"),
)

#: Findings that tell that an ingredient does not average with the others.
APART = ("diverged", "elsewhere", "barrier")


def verdict_of(
    leaderboard: Sequence[VerifiedSoup],
    findings: Sequence[Finding],
    comparison: Comparison,
    *,
    metric: str,
    control: float | None = None,
    criterion: str = "metric",
) -> str:
    """States whether a soup won, over what, and by how much; nothing is called better within noise.

    Arguments:
        leaderboard: verified soups and ingredients, best first.
        findings: of the run.
        comparison: of winner and best ingredient, on unseen data wherever there are such.
        metric: its name.
        control: value of the best ingredient with recomputed BatchNorm statistics on the selection data, if the winner
            has such.
        criterion: name of what the winner was chosen by. Where it is not the metric and the winner's metric is below
            that of the best ingredient, the verdict says so first.
    """
    best, single = leaderboard[0], best_ingredient(leaderboard)
    soups = [entry for entry in leaderboard if entry.recipe.size > 1]
    if undecided := _undecided(leaderboard, soups, findings, metric):
        return undecided
    if not soups:
        below = _below(best, single, metric)
        return f"{below}No soup was verified, so the best ingredient, {best.recipe.member_names[0]}, stands: " + (
            f"{metric} {decimal(best.value)}." if not below else f"it leads by {CRITERIA[criterion]}."
        )
    if best.recipe.size > 1:
        said = _a_soup(leaderboard, comparison, metric, control, criterion)
    elif criterion != "metric" and not (best is single and best.deciding == soups[0].deciding):
        said = _no_soup_by(CRITERIA[criterion], leaderboard, findings, metric)
    else:
        said = _no_soup(soups, single, findings, metric)
    return said + _likelier(leaderboard, metric)


def _undecided(
    leaderboard: Sequence[VerifiedSoup], soups: Sequence[VerifiedSoup], findings: Sequence[Finding], metric: str
) -> str:
    """States why the scores decide nothing; empty where they do."""
    best, single = leaderboard[0], best_ingredient(leaderboard)
    name, value = single.recipe.member_names[0], f"{metric} {decimal(single.value)}"
    if any(one.kind == "classes" for one in findings):
        return (
            "Nothing is decided: the outputs seem to stand for other classes than the labels, so these scores mean "
            f"little. The best ingredient, {name}, has {value} on the selection data."
        )
    if any(one.kind == "chance" and one.ingredient is None for one in findings):
        won = f"the winner {told_apart(best.value, single.value)[0]}" if best.recipe.size > 1 else "no soup is better"
        return (
            f"Nothing is decided: no ingredient can be told from chance. The best, {name}, has {value} on the "
            f"selection data, and {won}."
        )
    if soups and len({(entry.deciding, entry.score) for entry in leaderboard}) == 1:
        singles = counted(len(leaderboard) - len(soups), "ingredient")
        return (
            f"Nothing is decided: {singles} and {counted(len(soups), 'soup')} all have {value} on the selection data, "
            f"which cannot tell them apart. {_taken(best, single)}"
        )
    return ""


def _likelier(leaderboard: Sequence[VerifiedSoup], metric: str) -> str:
    """Says that some lead by the criterion that the metric rules out; empty where none does."""
    count = sum(one.behind and one.deciding > leaderboard[0].deciding for one in leaderboard)
    if not count:
        return ""
    which = "One other is likelier, but its" if count == 1 else f"{count} others are likelier, but their"
    return f" {which} {metric} is more than one standard error worse than the best."


def _a_soup(
    leaderboard: Sequence[VerifiedSoup],
    comparison: Comparison,
    metric: str,
    control: float | None,
    criterion: str,
) -> str:
    """States that a soup leads, by what, and whether it is better elsewhere."""
    best, single = leaderboard[0], best_ingredient(leaderboard)
    soup, name = f"A soup of {best.recipe.size} ingredients", single.recipe.member_names[0]
    wins, by = ("wins" if comparison.confirms else "leads"), ""
    if single.behind and best.deciding < single.deciding:
        by = f" by {metric}, more than one standard error ahead"
    elif criterion != "metric":
        alone = [entry for entry in leaderboard if entry.recipe.size == 1]
        likely = max([entry for entry in alone if not entry.behind] or [single], key=attrgetter("deciding"))
        whose = "" if likely.recipe == single.recipe else f" of {likely.recipe.member_names[0]}"
        ours, theirs = told_apart(best.deciding, likely.deciding)
        by = f" by {CRITERIA[criterion]}, {ours} against {theirs}{whose}" if best.deciding > likely.deciding else ""
    if best.score < single.score:
        return f"{_below(best, single, metric)}{soup} {wins}{by}. {_elsewhere(comparison)}"
    if best.score == single.score:
        ties = f"ties with the best ingredient, {name}, at"
        if by:
            also = f"{metric} {ties} {decimal(single.value)} on the selection data"
            return f"{soup} {wins}{by}; {also}. {_elsewhere(comparison)}"
        return f"{soup} {ties} {metric} {decimal(single.value)} on the selection data. {_taken(best, single)}"
    alike = "" if control is None else f", {decimal(control)} with its BatchNorm statistics recomputed like the soup's"
    ours, theirs = told_apart(best.value, single.value)
    found = f"{metric} {ours} on the selection data, {theirs} for the best ingredient, {name}{alike}."
    return f"{soup} {wins}{by}: {found} {_elsewhere(comparison)}"


def best_ingredient(leaderboard: Sequence[VerifiedSoup]) -> VerifiedSoup:
    """The single ingredient with the best metric; of equal ones the first on the leaderboard."""
    return max((entry for entry in leaderboard if entry.recipe.size == 1), key=attrgetter("score"))


def _elsewhere(comparison: Comparison) -> str:
    """The lead on data that selected nothing; over the control if there is one."""
    if comparison.data == "selection":
        return "No data are left that did not select, so whether it is better elsewhere is open."
    p_value = comparison.rival[1]
    apart, p = signed(comparison.difference), "" if p_value is None else f", p = {p_value:.2g}"
    rival = "" if comparison.control is None else f"{comparison.ingredient} with recomputed statistics"
    if comparison.is_noise:
        two = f"it and {rival}" if rival else "the two"
        apart = directed(comparison.difference, comparison.higher_is_better)
        return f"On {comparison.where} {two} differ by no more than noise ({apart}{p})."
    than = f" than {rival}" if rival else ""
    how = f"better{than}, too" if comparison.confirms else f"worse{than}"
    return f"On {comparison.where} it is {how} ({apart}{p})."


def _taken(best: VerifiedSoup, single: VerifiedSoup) -> str:
    if best is single:
        return f"The ingredient {single.recipe.member_names[0]} is taken, whose logits are the likeliest."
    ours, theirs = told_apart(best.nll, single.nll)
    return f"The soup is taken since its logits are no less likely (negative log-likelihood {ours} against {theirs})."


def _no_soup(soups: Sequence[VerifiedSoup], single: VerifiedSoup, findings: Sequence[Finding], metric: str) -> str:
    soup, name = soups[0], single.recipe.member_names[0]
    which = "the one soup" if len(soups) == 1 else f"the best of {len(soups)} soups"
    ours, theirs = told_apart(single.value, soup.value)
    return (
        f"No soup won: the best ingredient, {name}, has {metric} {ours} on the selection data, and {which} "
        f"{theirs}{_promised(soup)}. "
        f"{_why_not(soups, single, findings, metric)}"
    )


def _below(best: VerifiedSoup, single: VerifiedSoup, metric: str) -> str:
    """Says that the winner's metric is worse than that of the best ingredient; empty if it is not."""
    if best.score >= single.score:
        return ""
    ours, theirs = told_apart(best.value, single.value)
    return (
        f"The winner's {metric} on the selection data, {ours}, is worse than that of the best ingredient, "
        f"{single.recipe.member_names[0]}, {theirs}. "
    )


def _no_soup_by(criterion: str, leaderboard: Sequence[VerifiedSoup], findings: Sequence[Finding], metric: str) -> str:
    """An ingredient leads by a criterion that is not the metric."""
    best, single = leaderboard[0], best_ingredient(leaderboard)
    soups = [entry for entry in leaderboard if entry.recipe.size > 1]
    which = "the one soup" if len(soups) == 1 else f"the best of {len(soups)} soups"
    name, below = best.recipe.member_names[0], _below(best, single, metric)
    if soups[0].behind:  # as all soups are, so what they are behind is the best ingredient
        limit, theirs = told_apart(single.value, soups[0].value)
        return (
            f"{below}No soup won: {which} has {metric} {theirs} on the selection data, more than one "
            f"standard error worse than {limit} of the ingredient {single.recipe.member_names[0]}. "
            f"{_why_not(soups, single, findings, metric)}"
        )
    ours, theirs = told_apart(best.value, soups[0].value)
    leads, follows = told_apart(best.deciding, soups[0].deciding)
    found = (
        f"{below}No soup won: by {criterion} the ingredient {name} leads, {leads} against {follows} of {which}; "
        f"{metric} {ours} against {theirs} on the selection data."
    )
    return found if soups[0].score >= single.score else f"{found} {_why_not(soups, single, findings, metric)}"


def _promised(soup: VerifiedSoup) -> str:
    """The score of its averaged logits, in a clause; empty where that is not known."""
    return "" if isnan(soup.ensemble) else f", where its averaged logits promised {decimal(soup.ensemble_value)}"


def _why_not(soups: Sequence[VerifiedSoup], single: VerifiedSoup, findings: Sequence[Finding], metric: str) -> str:
    if single.score == 1.0 and metric in PERFECT:
        return "Nothing can be better on these data."
    if any(one.kind == "gap" for one in findings):
        return (
            "The soups fall short of their ensembles: the ingredients may lie too far apart in weight space for "
            "averaging; check that they were fine-tuned from one and the same model."
        )
    members = soups[0].recipe.member_names  # what the best soup does without is not what it failed by
    strange = [one.ingredient for one in findings if one.kind in APART and one.ingredient in members]
    apart = list(dict.fromkeys(map(str, strange)))
    if apart:
        which = f"{enumerated(apart)} {'lies' if len(apart) == 1 else 'lie'}"
        return f"{which} too far apart from the rest in weight space for averaging; leave out what does not belong."
    if any(one.ensemble > single.score for one in soups):
        whose = "Its" if soups[0].ensemble > single.score else "Another soup's"
        return f"{whose} averaged logits beat the best ingredient, but averaging the weights costs more than that."
    return "Even the averaged logits are no better: these ingredients make the same mistakes, or one leads by far."
