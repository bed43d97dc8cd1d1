"""Model Stock, beside its definition."""

from pathlib import Path

import numpy as np
import pytest
from helpers.tiny_zoo import TinyZoo
from safetensors.torch import load_file

import radin
from benchmarks.comparison.model_stock import layerwise, ratio


def test_model_stock_is_the_average_of_updates_in_one_direction_and_the_start_of_orthogonal_ones() -> None:
    assert ratio(1.0, 5) == 1.0
    assert ratio(0.0, 5) == ratio(-0.4, 5) == 0.0
    assert ratio(0.5, 2) == pytest.approx(2 / 3)


def test_model_stock_goes_by_the_angle_of_each_tensor(tmp_path: Path) -> None:
    paths = TinyZoo(tmp_path).build()
    pool, anchor = radin.Pool(paths[1:]), radin.Pool(paths[0])
    start, states = load_file(paths[0]), [load_file(path) for path in paths[1:]]
    n = len(states)
    for name, tensor in layerwise(pool, anchor).items():
        updates = [(state[name] - start[name]).double().flatten().numpy() for state in states]
        cosines = [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for i, a in enumerate(updates) for b in updates[:i]]
        moved = ratio(float(np.mean(cosines)), n) * np.mean(updates, axis=0)
        np.testing.assert_allclose(tensor.flatten(), start[name].double().flatten().numpy() + moved, atol=1e-9)
