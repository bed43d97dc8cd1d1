"""The race: drops ingredients that can no longer matter after a part of the selecting rows.

A pass of one ingredient over all selecting rows is what collecting costs, N times. Most ingredients show after a few
hundred rows that no good soup holds them. So the rows are run in stages over one fixed order, and after each stage but
the last an ingredient stays if one of these is true:

- its mean log-likelihood is the best, or within `z` paired standard errors of the best one's (by default `z` is 0): it
  may still be the best ingredient;
- stepwise selection, by likelihood or by the metric, takes it on one of several random halves of the rows seen: a soup
  may still need it, however poor it is by itself. Chance alone decides between ingredients of equal worth, and halves
  show by how much.

A race runs samples and judges rows: of positions and tokens a sample holds many. Samples that belong together, and rows
of one sample, are groups: stages end between groups, halves hold whole ones, and errors are those of sums over groups.

All decisions are a pure function of the outputs on the rows seen, the labels, the settings and a seed. Nothing here
runs a network or writes a file: `race` asks its caller for the outputs of those that are still in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, Shaped

from radin.errors import InputError
from radin.evaluation.judging import Standing, race_measures, standings
from radin.evaluation.race_rows import Given, SeenRows, race_order
from radin.evaluation.race_settings import RaceSettings
from radin.scoring.kinds import CLASSES, Kind
from radin.scoring.metrics import Metric

#: Labels of the samples, as they are stored.
Labels = Shaped[np.ndarray, "m ..."]

#: Outputs of some ingredients on the first samples of the order: `(ingredients[k], samples[m]) -> k arrays [m, ...]`.
Run = Callable[[Int64[np.ndarray, " k"], Int64[np.ndarray, " m"]], Sequence[Given]]


@dataclass(frozen=True)
class RaceResult:
    """The course of a race.

    Attributes:
        order: all selecting samples, in the order in which they were run.
        stages: standings after each stage but the last, those of the ingredients that ran in it.
        survivors: the ingredients that ran on all samples, ascending.
        rows: the number of samples that each ingredient ran on, `int64[n]`.
    """

    order: Int64[np.ndarray, " m"]
    stages: tuple[tuple[Standing, ...], ...]
    survivors: Int64[np.ndarray, " s"]
    rows: Int64[np.ndarray, " n"]

    @property
    def passes(self) -> float:
        """The bill in passes: samples that were run over those that select."""
        return float(self.rows.sum()) / len(self.order)

    @property
    def dropped(self) -> tuple[Standing, ...]:
        """The last standings of those that were dropped, in the order of stages."""
        return tuple(one for stage in self.stages for one in stage if not one.stays)


def race_course(
    settings: RaceSettings,
    n: int,
    strata: Int64[np.ndarray, " m"],
    seed: int,
    groups: Int64[np.ndarray, " m"] | None,
) -> tuple[Int64[np.ndarray, " m"], tuple[int, ...]]:
    """The order in which the selecting samples are run, and the numbers of samples after which each stage ends.

    Arguments:
        settings: the rule.
        n: ingredients.
        strata: of the samples, of which every beginning has its share.
        seed: the split seed.
        groups: the group of each sample; None where each is one of its own.
    """
    order = race_order(strata, seed, groups)
    return order, settings.ends(n, len(strata), None if groups is None else groups[order])


def race(
    n: int,
    labels: Labels,
    metric: Metric,
    run: Run,
    settings: RaceSettings,
    seed: int,
    *,
    kind: Kind = CLASSES,
    strata: Int64[np.ndarray, " m"] | None = None,
    groups: Int64[np.ndarray, " m"] | None = None,
) -> RaceResult:
    """Runs ingredients over the selecting samples in stages and drops those that can no longer matter.

    Arguments:
        n: ingredients.
        labels: of the selecting samples, as they are stored.
        metric: of the run; where it allows no race, see `race_measures`, all ingredients run in full.
        run: gives outputs of the ingredients that are still in the race, on the samples of the order that are named.
            It is asked for longer and longer beginnings of one order, and runs what it has not stored. The survivors
            are asked for all samples.
        settings: the rule.
        seed: the split seed; draws order and halves.
        kind: of the outputs.
        strata: of the samples, of which every beginning has its share; by default the labels, as classes.
        groups: the group of each sample; None where each is one of its own.

    Raises:
        InputError: no ingredients or no samples.
    """
    if n < 1 or not len(labels):
        raise InputError(f"expected at least 1 ingredient and 1 selecting row, got {n} and {len(labels)}")
    order, ends = race_course(settings, n, labels if strata is None else strata, seed, groups)
    alive, counts, stages = np.arange(n), np.zeros(n, dtype=np.int64), list[tuple[Standing, ...]]()
    for end in ends:
        samples = order[:end]
        outputs = run(alive, samples)
        counts[alive] = end
        if end == len(labels):
            break
        seen = SeenRows.of(kind, labels[samples], None if groups is None else groups[samples])
        if seen.n_groups > 1 and (measures := race_measures(metric, seen.outputs(outputs[0]), seen.labels, kind)):
            stages.append(standings(alive, outputs, seen, end, measures, settings, seed))
            alive = np.array([one.ingredient for one in stages[-1] if one.stays])
    return RaceResult(order, tuple(stages), alive, counts)
