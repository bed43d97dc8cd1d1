"""Tiles of margins: every open sample in one of them, with its margins scaled by powers of two."""

import numpy as np
import pytest
import torch
from helpers.surrogate_oracle import CASES, hard
from hypothesis import given
from hypothesis import strategies as st

from radin.scoring.logit_bank import LogitBank
from radin.scoring.surrogate.margin_tiles import cut, make_tiles, scaled_margins
from radin.scoring.surrogate.margins import prepare


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_rows_are_margins_times_a_power_of_two(name, dtype):
    _, logits, labels = hard(name, dtype, (5, 12, 4))
    live = prepare(LogitBank.from_arrays(logits, labels))
    depths = np.diff(live.starts)
    members = np.arange(len(depths))
    depth = int(depths.max(initial=1))
    rows = scaled_margins(live, members, depth).reshape(depth, len(members), 5)
    for j in members:
        assert (rows[depths[j] :, j] == 1).all()  # rivals that every recipe beats
        for r in range(depths[j]):
            margins = live.own[j].astype(np.float64) - live.rivals[live.starts[j] + r].astype(np.float64)
            largest = np.abs(margins).max()
            assert 0.5 <= np.abs(rows[r, j]).max() <= 1
            scale = np.exp2(np.floor(np.log2(largest)) + 1)
            np.testing.assert_allclose(rows[r, j] * scale, margins, rtol=2**-23, atol=largest * 2.0**-40)


def test_margins_beyond_float64_are_rows_of_zeros():
    logits = np.array([[[1.7e308, -1.7e308]], [[-1.0, 1.0]]])
    live = prepare(LogitBank.from_arrays(logits, np.array([0])))
    assert scaled_margins(live, np.array([0]), 1).tolist() == [[0, 0]]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60), st.integers(1, 200))
def test_runs_hold_each_sample_once_and_do_not_overflow(depths, rows):
    depths = np.array(depths)
    order = np.argsort(depths, kind="stable")
    runs = cut(order, depths, rows)
    assert np.concatenate(runs).tolist() == order.tolist()
    assert all(len(run) == 1 or len(run) * depths[run].max() <= rows for run in runs)


@pytest.mark.parametrize("top", [1, 2])
def test_a_tile_counts_the_rivals_that_are_beaten(top):
    _, logits, labels = hard("correlated", np.float32, (12, 8, 6))
    live = prepare(LogitBank.from_arrays(logits, labels), top)
    weights = np.random.default_rng(0).random((12, 3))
    for tile in make_tiles(live, None, torch.device("cpu")):
        assert tile.rows == tile.depth * tile.samples == len(tile.matrix)
        right = tile.right(tile.deciding(tile.matrix @ torch.from_numpy(weights).float()))
        for j, sample in enumerate(tile.members):
            rivals = slice(live.starts[sample], live.starts[sample + 1])
            lost = ((live.own[sample].astype(float) - live.rivals[rivals]) @ weights <= 0).sum(axis=0)
            assert right[j].tolist() == (lost < live.places[sample]).astype(float).tolist()
