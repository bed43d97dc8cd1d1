"""Carries out the runs of a plan that are not in the file yet."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

import radin
from benchmarks import zoos
from benchmarks.comparison.methods import Found, Method, SkippedError
from benchmarks.comparison.rows import IDENTITY, Row, Rows
from benchmarks.comparison.store import Store
from benchmarks.comparison.trial import Replicate, Trial
from benchmarks.speed.processes import machine
from radin.common.progress import SILENT, Progress
from radin.scoring.criterion_default import CRITERION


@dataclass(frozen=True)
class Plan:
    """The runs of a comparison.

    Attributes:
        zoos: names of pools.
        methods: searchers and baselines.
        soups: the budgets B.
        replicates: sub-pool, split and seed of each.
        limit: samples of each pool, None for all.
        batchnorm: policy for BatchNorm statistics of soups.
        workers: processes that run the networks, see `radin.Workers`; None for this one. Replicates share each pool's
            run folder, in which nothing is evaluated twice, so they follow one another, and the rows of each network
            are what is shared out.
        criterion: by what methods rank and choose, see `radin.make_soup`.
    """

    zoos: Sequence[str]
    methods: Sequence[Method]
    soups: Sequence[int]
    replicates: Sequence[Replicate]
    limit: int | None = None
    batchnorm: str = "recompute"
    workers: int | None = None
    criterion: str = CRITERION


def carry_out(plan: Plan, rows: Rows, progress: Progress = SILENT) -> int:
    """Carries out the missing runs and writes each row at once; a run that fails becomes a row, too.

    Returns:
        how many runs have failed.
    """
    failed = 0
    for zoo in plan.zoos:
        try:
            how: dict[str, Any] = {"limit": plan.limit, "batchnorm": plan.batchnorm, "workers": plan.workers}
            with Store(zoos.get(zoo), **how, progress=progress) as store:
                failed += _on_pool(plan, store, zoo, rows, progress)
        except Exception as error:
            # A fault of one pool must not cost the others.
            nothing = dict.fromkeys(IDENTITY) | {"zoo": zoo, "batchnorm": plan.batchnorm, "skipped": None}
            rows.add(nothing | {"versions": versions(), "error": described(error)})
            failed += 1
    return failed


def _on_pool(plan: Plan, store: Store, zoo: str, rows: Rows, progress: Progress) -> int:
    missing = [
        (replicate, method)
        for replicate in plan.replicates
        for method in plan.methods
        if any(not rows.has(row) for row in _headings(plan, store, zoo, replicate, method))
    ]
    failed = 0
    with progress.stage(f"{zoo}: runs", len(missing), "run") as advance:
        for replicate, group in groupby(missing, key=lambda pair: pair[0]):
            trial = Trial(store, replicate, plan.criterion)
            for _, method in group:
                headings = [row for row in _headings(plan, store, zoo, replicate, method) if not rows.has(row)]
                for row in _run(trial, method, plan.soups, headings):
                    rows.add(row)
                    failed += row["error"] is not None
                advance(1)
    return failed


def _headings(plan: Plan, store: Store, zoo: str, replicate: Replicate, method: Method) -> list[Row]:
    """The identity of each row of one method, and its settings."""
    return [
        {
            "zoo": zoo,
            "store": store.key,
            "batchnorm": store.verifier.batchnorm,
            "replicate": replicate.number,
            "part": replicate.part,
            "held_out_share": replicate.held_out,
            "criterion": plan.criterion,
            "method": method.name,
            "kind": method.kind,
            **{name: method.settings.get(name) for name in ("lam", "candidates", "options")},
            "soups": soups,
        }
        for soups in method.budgets(plan.soups)
    ]


def _run(trial: Trial, method: Method, soups: Sequence[int], headings: Sequence[Row]) -> Iterator[Row]:
    """The missing rows of one method; if it failed, at least one of them has the error."""
    setting = {
        "pool_size": len(trial.store.pool),
        "n": trial.n,
        "samples_selecting": len(trial.selecting),
        "samples_reporting": len(trial.reporting),
        "metric": trial.metric.name,
        "search_seed": trial.seed,
        "versions": versions() | {"searcher": method.settings.get("owner")},
        "machine": machine(),
    }
    wanted = {row["soups"]: row for row in headings}
    try:
        for found in method.play(trial, soups):
            if found.soups in wanted:
                yield wanted.pop(found.soups) | setting | outcome(trial, found) | {"skipped": None, "error": None}
    except SkippedError as reason:
        yield from (row | setting | {"skipped": str(reason), "error": None} for row in wanted.values())
    except Exception as error:
        # A searcher may fail in any way; it costs its own rows, and nobody else's.
        yield from (row | setting | {"skipped": None, "error": described(error)} for row in wanted.values())


def outcome(trial: Trial, found: Found) -> Row:
    """Scores and costs of one result, as a row holds them. Scores are higher for better models."""
    metric, labels = trial.metric, trial.store.labels

    def score(logits: np.ndarray, rows: np.ndarray) -> float:
        return metric.score(logits[rows], labels[rows])

    best = trial.averaged(trial.singles[int(trial.by_solo[0])])[trial.reporting]
    held_out = labels[trial.reporting]
    return {
        "selection": score(found.logits, trial.selecting),
        "held_out": score(found.logits, trial.reporting),
        "standard_error": metric.standard_error(metric.measure(best, held_out), held_out),
        "size": found.size,
        "soups_charged": found.charged,
        "seconds_soups": found.seconds,
        "inference_passes": found.passes,
        **found.about,
    }


@cache
def versions() -> dict[str, str]:
    """Versions on which the numbers may depend."""
    import torch

    root = Path(__file__).resolve().parents[2]
    asked = ["git", "-C", str(root), "describe", "--always", "--dirty"]
    try:
        commit = subprocess.run(asked, capture_output=True, text=True).stdout.strip()
    except OSError:
        commit = ""
    return {
        "radin": radin.__version__,
        "commit": commit or "unknown",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
    }


def described(error: BaseException) -> str:
    """An error in one line."""
    return f"{type(error).__name__}: {error}".replace("\n", " ")
