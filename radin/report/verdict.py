"""What a run found, in words: did a soup win, over what, and is the difference more than noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radin.common.wording import counted

if TYPE_CHECKING:
    from radin.report.result import Result, VerifiedSoup

#: A soup that is so much worse than its ensemble says that its ingredients do not average, whatever the ensemble is
#: worth.
FAR_OFF = 0.05

#: Two-sided p-value of the paired test from which on a difference is called noise.
NOISE = 0.05

#: Metrics of which 1 is the most.
PERFECT = ("accuracy", "top5", "balanced-accuracy", "macro-f1")

WHERE = {"test": "the test set", "held-back": "the held-back data", "selection": "the selection data"}


def verdict(result: Result) -> str:
    """Did a soup win, over what, and by how much; nothing is said to be better within noise."""
    single = result.best_ingredient
    name, best = single.recipe.member_names[0], result.best
    value = f"{result.metric} {single.score:.4f}"
    if any(one.kind == "classes" for one in result.findings):
        return (
            "Nothing is decided: the outputs seem to stand for other classes than the labels, so these scores mean "
            f"little. The best ingredient, {name}, has {value} on the selection data."
        )
    if any(one.kind == "chance" and one.ingredient is None for one in result.findings):
        won = f"the winner {best.score:.4f}" if result.soup_won else "no soup is better"
        return (
            f"Nothing is decided: no ingredient can be told from chance. The best, {name}, has {value} on the "
            f"selection data, and {won}."
        )
    if not result.verified:
        return f"No soup was verified, so the best ingredient, {name}, stands: {value}."
    if len({entry.score for entry in result.leaderboard}) == 1:
        singles = counted(len(result.leaderboard) - len(result.verified), "ingredient")
        return (
            f"Nothing is decided: {singles} and {counted(len(result.verified), 'soup')} all have {value} on the "
            f"selection data, which cannot tell them apart. {_taken(result)}"
        )
    if not result.soup_won:
        return _no_soup(result, name, value)
    size = best.recipe.size
    if best.score == single.score:
        tied = f"ties with the best ingredient, {name}, at {value} on the selection data"
        return f"A soup of {size} ingredients {tied}. {_taken(result)}"
    alike = f", {result.control:.4f} with its BatchNorm statistics recomputed like the soup's" if result.control else ""
    found = (
        f"{result.metric} {best.score:.4f} on the selection data, {single.score:.4f} for the best ingredient, "
        f"{name}{alike}."
    )
    how, confirmed = _elsewhere(result)
    return f"A soup of {size} ingredients {'wins' if confirmed else 'leads'}: {found} {how}"


def _elsewhere(result: Result) -> tuple[str, bool]:
    """What data that selected nothing say of the lead, and whether they confirm it; over the control if there is."""
    report = result.report
    where = WHERE[report.data] if len(result.tests) < 2 else f"the test set {next(iter(result.tests))}"
    if report.data == "selection":
        return "No data are left that did not select, so whether it is better elsewhere is open.", False
    rival, p_value = report.rival
    difference = report.winner.value - rival.value
    p = f"{difference:+.4f}, p = {p_value:.2g}"
    against = "" if report.control is None else f" than {report.ingredient} with recomputed statistics"
    if p_value is None or p_value >= NOISE:
        two = "the two" if report.control is None else f"it and {report.ingredient} with recomputed statistics"
        return f"On {where} {two} differ by no more than noise ({p}).", False
    better = (difference > 0) == result.higher_is_better
    how = f"better{against}, too" if better else f"worse{against}"
    return f"On {where} it is {how} ({p}).", better


def _taken(result: Result) -> str:
    best, single = result.best, result.best_ingredient
    if best is single:
        return f"The ingredient {single.recipe.member_names[0]} is taken, whose logits are the likeliest."
    return (
        "The soup is taken since its logits are no less likely "
        f"(negative log-likelihood {best.nll:.4f} against {single.nll:.4f})."
    )


def _no_soup(result: Result, name: str, value: str) -> str:
    soup = next(entry for entry in result.leaderboard if entry.recipe.size > 1)
    many = len(result.verified)
    which = "the one verified soup" if many == 1 else f"the best of {many} verified soups"
    return (
        f"No soup won: the best ingredient, {name}, has {value} on the selection data, and {which} {soup.score:.4f}, "
        f"where its averaged logits promised {soup.ensemble:.4f}. {_why_not(result, soup)}"
    )


def _why_not(result: Result, soup: VerifiedSoup) -> str:
    sign = 1 if result.higher_is_better else -1
    single = result.best_ingredient
    if single.score == 1.0 and result.metric in PERFECT:
        return "Nothing can be better on these data."
    gap = sum(sign * one.gap for one in result.verified) / len(result.verified)
    if min(gap, sign * soup.gap) < -FAR_OFF or any(one.kind == "gap" for one in result.findings):
        other = "" if result.batchnorm == "recompute" else "; or try --batchnorm recompute, where there is BatchNorm"
        return (
            "The soups fall short of their ensembles: the ingredients may lie too far apart in weight space for "
            f"averaging; check that they were fine-tuned from one and the same model{other}."
        )
    if any(sign * one.ensemble > sign * single.score for one in result.verified):
        whose = "The" if sign * soup.ensemble > sign * single.score else "Other"
        return f"{whose} averaged logits were better, by less than the soup lost against them."
    return "Even the averaged logits are no better: these ingredients make the same mistakes, or one leads by far."
