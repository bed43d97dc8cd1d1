"""Probes: the soups that tell most about a pool, for a diagnosis to have evaluated."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from radin.evaluation.gram import Gram
from radin.recipe import Recipe
from radin.report.findings import medoid


def probes(gram: Gram, suspects: Collection[str], names: Sequence[str]) -> list[Recipe]:
    """The sound ingredients together, then midpoints with the central one, the most distant first.

    Arguments:
        gram: of the pool's weights.
        suspects: ingredients that had better be left out.
        names: those that soups may be made of, in pool order.
    """
    n, centre = len(gram.names), medoid(gram)
    sound = [i for i, name in enumerate(gram.names) if name in names and name not in suspects]
    found = [Recipe.subset(gram.names, sound)] if len(sound) > 2 else []
    order = np.argsort(-gram.distances[centre], kind="stable")
    found += [Recipe.subset(gram.names, sorted((centre, int(i)))) for i in order if i != centre and n > 1]
    return [Recipe.of(names, one.to_json()) for one in found if set(one.member_names) <= set(names)]
