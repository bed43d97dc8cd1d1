"""`python -m benchmarks.speed.values`: scoring recipes by the squared error of averages, from moments and densely.

Both methods score the same random subsets in this process, alternating; the dense one is a product of weights and
values in float64, in blocks. Seconds are per recipe, medians over the rounds. One row is printed as JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import radin
from benchmarks.speed.kernels import random_subsets

#: Recipes of a block of the dense product.
BLOCK = 64


def values_bank(n: int, m: int) -> radin.LogitBank:
    """Predictions that share a part of their errors."""
    rng = np.random.default_rng(0)
    labels = rng.normal(size=m)
    outputs = labels + 0.5 * rng.normal(size=m) + 0.3 * rng.normal(size=(n, m))
    return radin.LogitBank.from_arrays(outputs.astype(np.float32)[:, :, None], labels)


def dense_scores(outputs: np.ndarray, labels: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Negated mean squared errors of averages, `outputs` being `[n, m]` in float64."""
    weights = masks / masks.sum(axis=1, keepdims=True)
    blocks = (weights[start : start + BLOCK] for start in range(0, len(weights), BLOCK))
    return -np.concatenate([np.square(block @ outputs - labels).mean(axis=1) for block in blocks])


def measure(n: int, m: int, recipes: int, rounds: int) -> dict[str, Any]:
    """Seconds per recipe of both methods, their ratio, and their largest difference relative to the score."""
    bank, masks = values_bank(n, m), random_subsets(recipes, n)
    outputs = np.stack([bank.logits(i)[:, 0] for i in range(n)]).astype(np.float64)
    begun = time.perf_counter()
    surrogate = radin.Surrogate(bank, "mse")
    surrogate(masks[:1])
    prepared = time.perf_counter() - begun
    methods: dict[str, Callable[[], np.ndarray]] = {
        "moments": lambda: surrogate(masks),
        "dense": lambda: dense_scores(outputs, bank.labels[:, 0], masks),
    }
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    scores: dict[str, np.ndarray] = {}
    for _ in range(rounds):
        for name, work in methods.items():
            begun = time.process_time()
            scores[name] = work()
            seconds[name].append((time.process_time() - begun) / recipes)
    each = {name: statistics.median(found) for name, found in seconds.items()}
    apart = float(np.abs(scores["moments"] / scores["dense"] - 1).max())
    return {
        "bench": "values", "n": n, "m": m, "recipes": recipes, "cpu_seconds": each,
        "ratio": each["dense"] / each["moments"], "preparation": prepared, "difference": apart,
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints one row."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.values", description=__doc__)
    parser.add_argument("--n", type=int, default=32, help="ingredients (32)")
    parser.add_argument("--m", type=int, default=10_000, help="samples (10 000)")
    parser.add_argument("--recipes", type=int, default=4096, help="recipes (4096)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (5)")
    given = parser.parse_args(arguments)
    print(json.dumps(measure(given.n, given.m, given.recipes, given.rounds), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
