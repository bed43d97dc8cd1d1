"""Logits of ingredients of known worth, and a race over them."""

import numpy as np

from radin.evaluation.race_settings import RaceSettings
from radin.evaluation.racing import race
from radin.scoring.metrics import get_metric


def logits(labels, strength, seed, classes=5):
    """Noise in which the label stands out by `strength`."""
    noise = np.random.default_rng(seed).normal(size=(len(labels), classes))
    return (noise + strength * np.eye(classes)[labels]).astype(np.float32)


def labels_of(m, classes=5, seed=0):
    return np.random.default_rng(seed).integers(classes, size=m)


def run_of(arrays, asked=None):
    """What a caller of `race` hands over; notes what was asked for."""

    def run(ingredients, rows):
        if asked is not None:
            asked.append((ingredients.tolist(), rows.copy()))
        return [arrays[i][rows] for i in ingredients]

    return run


def raced(arrays, labels, metric="accuracy", rule=None, seed=0):
    rule = rule or RaceSettings()
    return race(len(arrays), labels, get_metric(metric), run_of(arrays), rule, seed)
