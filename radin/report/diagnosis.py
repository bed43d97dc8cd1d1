"""`diagnose`: whether a pool soups at all. A verdict in one sentence, and its reasons."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64

from radin.common.arguments import check_arguments, expect
from radin.common.progress import SILENT, Progress
from radin.common.wording import counted, decimal, enumerated, signed
from radin.errors import InputError
from radin.evaluation.gram import Gram, compared, logit_gram, stored_logit_gram, stored_weight_gram, weight_gram
from radin.evaluation.workers import Workers
from radin.recipe import Recipe
from radin.report.class_order import described, reordering
from radin.report.column_order import exchange_text
from radin.report.findings import (
    LOST,
    Finding,
    falls_short,
    home_group,
    same_findings,
    score_findings,
    search_findings,
    soup_findings,
    state_findings,
    weight_findings,
)
from radin.report.probes import probes
from radin.report.verified_soup import SURE, VerifiedSoup, assess
from radin.searching.driver import check_whole
from radin.weights.merge_plan import has_statistics
from radin.weights.pool import Pool

if TYPE_CHECKING:
    from radin.evaluation.verifier import Verifier
    from radin.scoring.logit_bank import LogitBank
    from radin.scoring.metrics import Metric
    from radin.tasks.task import Task


@dataclass(frozen=True)
class Diagnosis:
    """The evidence for and against souping a pool.

    Attributes:
        names: the ingredients, in pool order.
        weights: inner products of their updates, seen from the pretrained model or from their mean.
        logits: inner products of their logits on the selection data; None without a task. After a race, on the part of
            these data that all ingredients ran on.
        values: each one's value of the metric on the same data; None without a task.
        metric: the metric's name; empty without a task.
        verified: the verified soups in the run folder.
        findings: evidence against the pool or its ingredients, each a sentence.
        soups: real soups that were evaluated for this diagnosis.
        notes: sentences about stored results that were damaged and are lost, or adopted from an earlier version, and
            about ingredients that a race dropped.
    """

    names: tuple[str, ...]
    weights: Gram
    findings: tuple[Finding, ...]
    logits: Gram | None = None
    values: Float64[np.ndarray, " n"] | None = None
    metric: str = ""
    verified: tuple[VerifiedSoup, ...] = ()
    soups: int = 0
    notes: tuple[str, ...] = ()

    @property
    def suspects(self) -> tuple[str, ...]:
        """Ingredients that should be left out, in pool order."""
        named = {one.ingredient for one in self.findings if one.kind != "far"}
        return tuple(name for name in self.names if name in named)

    @property
    def sound(self) -> list[VerifiedSoup]:
        """The verified soups without suspects."""
        return [one for one in self.verified if not set(self.suspects) & set(one.recipe.member_names)]

    @property
    def verdict(self) -> str:
        """Whether this pool soups, in one sentence."""
        about_all = [one for one in self.findings if one.kind in ("classes", "chance") and not one.ingredient]
        if about_all:
            return f"Nothing can be said of this pool yet. {about_all[0].text}"
        without = f" once {enumerated(self.suspects)} {_is(self.suspects)} left out" if self.suspects else ""
        if len(self.names) - len(self.suspects) < 2:
            return "This pool does not soup: no two of its ingredients belong together."
        if not self.sound:
            ask = "have some real soups evaluated" if self.values is not None else "give a task"
            if not self.suspects:
                return f"Nothing in the weights speaks against souping this pool, but no soup shows it yet: {ask}."
            return f"Leave out {enumerated(self.suspects)}; whether the rest soups is not shown yet: {ask}."
        mean = float(np.mean([one.lost for one in self.sound]))
        if not np.isfinite(mean):
            gap, soups = float(np.mean([one.gap for one in self.sound])), counted(len(self.sound), "real soup")
            return f"This pool soups{without}: {soups} minus averaged logits score {signed(gap)}, {self._lead()}."
        if falls_short(self.sound):
            also = f", even{without}" if without else ""
            return f"This pool does not soup{also}: real soups lose {mean:.0%} of what their averaged logits know."
        soups = counted(len(self.sound), "real soup keeps", "real soups keep")
        kept = f"{1 - mean:.1%} of what averaged logits know"
        if mean < -LOST:  # then it is not averaging that makes the difference
            soups, kept = counted(len(self.sound), "real soup knows", "real soups know"), "more than averaged logits"
        return f"This pool soups{without}: {soups} {kept}, {self._lead()}."

    def _lead(self) -> str:
        """The best sound soup against the best ingredient; nothing is called better within noise."""
        best = max(self.sound, key=lambda one: one.score)
        if self.values is not None and len({*self.values.tolist(), *(one.value for one in self.sound)}) == 1:
            value = decimal(float(self.values[0]))
            return f"but these data cannot tell them from the ingredients: all have {self.metric} {value}"
        if best.ahead == 0:
            return "and the best of them ties with the best ingredient"
        if abs(best.ahead) <= SURE * best.ahead_error:
            return (
                f"and the best of them differs from the best ingredient by less than {SURE:g} standard errors "
                f"({signed(best.ahead)} ± {decimal(best.ahead_error)}), too little to be sure on data that chose it"
            )
        return (
            "and the best of them beats the best ingredient" if best.ahead > 0 else "but none beats the best ingredient"
        )

    @property
    def reasons(self) -> list[str]:
        """The reasons for the verdict, a sentence each."""
        return [one.text for one in self.findings] or ["No ingredient and no verified soup stands out."]

    def ingredients(self) -> list[dict[str, Any]]:
        """One row for each ingredient: lengths, distances, angles, disagreement, score."""
        n = len(self.names)
        rows = []
        for i, name in enumerate(self.names):
            others = np.arange(n) != i
            rows.append(
                {
                    "name": name,
                    "value": None if self.values is None else float(self.values[i]),
                    "update": _number(self.weights.norms[i]),
                    "distance": _middle(self.weights.distances[i, others]),
                    "angle": _middle(self.weights.angles[i, others]),
                    "disagreement": None if self.logits is None else _middle(self.logits.distances[i, others]),
                    "suspect": name in self.suspects,
                }
            )
        return rows

    def dispersion(self, soup: VerifiedSoup) -> float:
        """The dispersion of a soup's ingredients in weight space; after a race, soups are of those that ran in full."""
        recipe = Recipe.of(self.names, soup.recipe.to_json())
        return float(self.weights.dispersion(recipe.row[None])[0])

    def to_json(self) -> dict[str, Any]:
        """The whole diagnosis as JSON holds it."""
        return {
            "verdict": self.verdict,
            "reasons": self.reasons,
            "findings": [one.to_json() for one in self.findings],
            "origin": self.weights.origin,
            "metric": self.metric,
            "ingredients": self.ingredients(),
            "soups": [
                {
                    "recipe": one.recipe.to_json(),
                    "value": one.value,
                    "score": one.score,
                    "gap": one.gap,
                    "lost": _number(one.lost),
                    "dispersion": _number(self.dispersion(one)),
                }
                for one in self.verified
            ],
            "evaluated": self.soups,
            "notes": list(self.notes),
        }


def diagnose(
    pool: Pool,
    task: Task | None = None,
    *,
    run_dir: str | os.PathLike[str] = "radin-run",
    pretrained: Pool | None = None,
    soups: int = 0,
    batchnorm: str = "recompute",
    workers: int | str | Workers | None = None,
    progress: Progress = SILENT,
) -> Diagnosis:
    """Diagnoses whether a pool soups at all, and which ingredients do not belong in it.

    Weights alone tell which ingredients come from another start, have diverged, or lie far out. With a task, the
    ingredients are run once (or read from the run folder), and every soup that was verified in that folder is
    compared with its averaged logits. If one has diverged to NaN, no network is run. Where the last run in the folder
    dropped ingredients in a race, all are compared on the samples that all ran on, and soups are of those that ran in
    full.

    Arguments:
        pool: the ingredients.
        task: the network, the data and the metric; without it the weights alone are looked at.
        run_dir: the run folder, with the same inputs as `radin.make_soup`; made if there is a task.
        pretrained: a pool of one, the model that all were fine-tuned from. Updates and their angles are seen from it;
            by default from the mean of those that belong together. Distances do not depend on it.
        soups: real soups that may be evaluated in addition, each charged: all that nothing speaks against in equal
            parts, then midpoints of the central ingredient with the others, the most distant first.
        batchnorm: policy for BatchNorm statistics of soups: `average`, `recompute` or `keep`.
        workers: processes that run the networks, as for `radin.make_soup`.
        progress: watches the stages.

    Raises:
        InputError: an argument of a wrong type, soups below 0, or soups without a task.
        IncompatibleError: the pretrained model has other tensors.
        RunDirError, CheckpointError, DataError, TaskError, StorageError: see `radin.make_soup`.
    """
    expect("pool", pool, (Pool,), "a radin.Pool")
    expect("pretrained", pretrained, (Pool, type(None)), "a radin.Pool of one, or None")
    check_arguments(run_dir=run_dir, progress=progress)
    check_whole("soups", soups, 0)
    if task is not None:
        from radin.evaluation.arguments import check_inputs

        check_inputs(pool, task)
    elif soups:
        raise InputError(f"verifying soups takes a task; got soups={soups} and no task")
    gram = weight_gram(pool, pretrained, progress=progress)
    home = home_group(gram)
    if pretrained is None and home.any():  # the mean of all would be where a single outlier puts it
        gram = gram.seen_from(home)
    findings = weight_findings(gram)
    if task is None or not gram.finite.all():
        return Diagnosis(pool.names, gram, tuple(findings))
    from radin.evaluation.verifier import Verifier

    how: dict[str, Any] = {"batchnorm": batchnorm, "workers": Workers.of(workers), "progress": progress}
    with Verifier(pool, task, run_dir, race="recorded", **how) as verifier:
        return _with_outputs(verifier, gram, findings, soups)


def _with_outputs(verifier: Verifier, gram: Gram, findings: list[Finding], soups: int) -> Diagnosis:
    """The diagnosis by weights and outputs.

    Arguments:
        verifier: has run the ingredients.
        gram: of the weights of the whole pool.
        findings: by the weights.
        soups: real soups that may be evaluated.
    """
    from radin.scoring.surrogate import Surrogate

    task, common = verifier.task, verifier.common
    surrogate = Surrogate(verifier.bank, task.metric)
    findings = [*findings, *_logit_findings(verifier, common)]
    recipes, before = verifier.evaluated(), verifier.ledger.count("soup")
    planned = [one for one in probes(gram, _suspects(findings), verifier.names) if one not in recipes]
    verified = assess([*recipes, *planned[:soups]], verifier, surrogate)
    findings += _soup_findings(verifier, verified, findings)
    findings += search_findings(verifier.folder.last_search)
    return Diagnosis(
        names=verifier.whole.names,
        weights=gram,
        findings=tuple(findings),
        logits=logit_gram(common) if verifier.dropped else stored_logit_gram(verifier),
        values=_values(common, task.scored_by),
        metric=task.scored_by.name,
        verified=tuple(verified),
        soups=verifier.ledger.count("soup") - before,
        notes=(*verifier.folder.notes, *_about_race(verifier)),
    )


def _values(bank: LogitBank, metric: Metric) -> Float64[np.ndarray, " n"]:
    """Each ingredient's value of the metric."""
    logits = [bank.read(i, 0, bank.n_samples) for i in range(len(bank))]
    return np.array([metric.value(one, bank.labels) for one in logits], dtype=np.float64)


def _about_race(verifier: Verifier) -> list[str]:
    """The ingredients that a race dropped, and the samples that all are compared on, in a sentence."""
    if not verifier.dropped:
        return []
    names, samples = enumerated([one.name for one in verifier.dropped]), verifier.common.n_samples
    return [f"a race dropped {names}, so all are compared on the {samples:,} samples that all ran on"]


def findings_of(verifier: Verifier, verified: Sequence[VerifiedSoup], search: Mapping[str, Any]) -> tuple[Finding, ...]:
    """The findings of a run, as the diagnosis has them: of its ingredients, its soups, its search.

    Arguments:
        verifier: of the run.
        verified: its soups.
        search: facts of the search on the surrogate, see `search_facts`.
    """
    rows = np.array([one.recipe.weights for one in verified]).reshape(-1, len(verifier.names)) > 0
    members = compared(verifier, rows)
    findings = weight_findings(stored_weight_gram(verifier, members)) if members else []
    findings += _logit_findings(verifier, verifier.bank)
    findings += _soup_findings(verifier, verified, findings)
    return (*findings, *search_findings(search), *state_findings(verifier.pool.extra_state))


def _suspects(findings: Sequence[Finding]) -> list[str]:
    """Ingredients that should be left out, by these findings."""
    return [one.ingredient for one in findings if one.ingredient and one.kind != "far"]


def _soup_findings(verifier: Verifier, verified: Sequence[VerifiedSoup], known: Sequence[Finding]) -> list[Finding]:
    """Finds evidence in soups; none where no ingredient is better than chance."""
    if any(one.kind in ("classes", "chance") and not one.ingredient for one in known):
        return []
    statistics = verifier.batchnorm if has_statistics(verifier.pool) else None
    return soup_findings(verified, _suspects(known), statistics)


def logit_findings(bank: LogitBank, metric: Metric, class_names: Sequence[str] | None = None) -> list[Finding]:
    """Finds evidence in logits. Where the labels do not match the order of the outputs, this is the only finding.

    Arguments:
        bank: the ingredients' logits.
        metric: scores them.
        class_names: in the order of the labels, if they are known.
    """
    order = reordering(bank)
    if order is None:
        return [*_exchange_findings(bank, class_names), *score_findings(bank, metric), *same_findings(bank)]
    return [Finding("classes", None, described(order, class_names), {"classes": "FILE"})]


def _exchange_findings(bank: LogitBank, class_names: Sequence[str] | None) -> list[Finding]:
    """Finds that some of many classes, or of several labels, are exchanged."""
    text = exchange_text(bank, class_names)
    mend = {"classes": "FILE"} if bank.kind.has_columns else {}
    return [Finding("exchanged", None, text, mend)] if text else []


def _logit_findings(verifier: Verifier, bank: LogitBank) -> list[Finding]:
    names = next(iter(verifier.task.rows.class_names), None)
    return logit_findings(bank, verifier.task.scored_by, names)


def _middle(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else None


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _is(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"
