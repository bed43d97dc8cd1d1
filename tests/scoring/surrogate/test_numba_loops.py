"""The compiled loops against the same sums in numpy."""

import math

import numpy as np
import pytest

pytest.importorskip("numba")

from radin.scoring.surrogate import numba_loops as loops


def test_the_power_of_two_is_within_five_parts_in_ten_million():
    totals = -np.arange(0, 126_000, 37, dtype=np.int32)
    scale = np.float32(2.0**-10)
    found = np.array([loops.power_of_two(np.int32(t), scale) for t in totals], dtype=np.float64)
    np.testing.assert_allclose(found, np.exp2(totals * 2.0**-10), rtol=5e-7)
    assert loops.power_of_two(np.int32(-(2**30)), np.float32(1)) == pytest.approx(2.0**-126, rel=5e-7)


def test_members_are_numbered_by_groups_of_bits():
    masks = np.array([[1, 0, 1, 1, 0], [0, 0, 0, 0, 1]], dtype=np.uint8)
    entries, sizes = np.empty((2, 3), dtype=np.int64), np.zeros(2, dtype=np.int64)
    loops.number(masks, 2, entries, sizes)
    assert entries.tolist() == [[0b01, 0b11, 0b0], [0b00, 0b00, 0b1]]
    assert sizes.tolist() == [3, 1]


def test_a_table_holds_the_sums_of_all_subsets_of_its_group():
    matrix = np.random.default_rng(0).integers(-9, 9, size=(6, 4)).astype(np.float32)
    sums = np.empty((2, 8, 4), dtype=np.float32)
    loops.tabulate(matrix, sums)
    for g in range(2):
        for entry in range(8):
            members = [3 * g + b for b in range(3) if entry >> b & 1]
            assert sums[g, entry].tolist() == matrix[members].sum(axis=0).tolist()


def test_samples_are_tallied_by_their_least_margin():
    rng = np.random.default_rng(1)
    sums = rng.integers(-4, 9, size=(4, 2, 2 * 5)).astype(np.float32)  # five samples with two rivals each
    entries = rng.integers(2, size=(30, 4))
    hits, near = np.zeros(30, dtype=np.int64), np.zeros(30, dtype=bool)
    loops.tally(sums, entries, 2, np.full(30, 0.5, dtype=np.float32), hits, near)
    margins = sums[np.arange(4), entries].sum(axis=1).reshape(30, 2, 5).min(axis=1)
    assert near.tolist() == (margins == 0).any(axis=1).tolist()
    assert hits[~near].tolist() == (margins > 0).sum(axis=1)[~near].tolist()
    assert not hits[near].any()


@pytest.mark.parametrize("depth", [1, 2, 3, 5, 8])
def test_partitions_are_the_logs_of_sums_over_classes(depth):
    terms = np.random.default_rng(depth).random((depth, 16)).astype(np.float32)
    constants = np.linspace(0.1, 2, 16)
    truth = sum(math.log(constants[s] + float(terms[:, s].astype(np.float64).sum())) for s in range(11))
    found = loops.log_of_partitions(terms.ravel().copy(), constants.astype(np.float64), 11)
    assert found == pytest.approx(truth, rel=1e-6)


def test_subsets_and_moves_add_the_logs_of_their_partitions():
    rng = np.random.default_rng(2)
    matrix = -rng.integers(0, 2**16, size=(4, 8)).astype(np.int32)  # 4 ingredients, 8 samples of one class
    constants, unit = np.full(8, 0.25), 2.0**-14
    tables = np.zeros((4, 2, 8), dtype=np.int32)
    tables[:, 1] = matrix
    masks = np.array([[1, 1, 0, 0], [1, 0, 1, 1], [0, 1, 1, 0]])
    scales = (unit / masks.sum(axis=1)).astype(np.float32)
    out = np.zeros(3)
    loops.add_subsets(tables, masks.astype(np.int64), scales, constants, 8, out)
    truth = np.log(0.25 + np.exp2(masks @ matrix * unit / masks.sum(axis=1, keepdims=True))).sum(axis=1)
    np.testing.assert_allclose(out, truth, rtol=1e-5)
    moved = np.zeros(2)
    steps = np.array([[-1, 3], [0, 2]])  # from {0, 1} to {0, 1, 3} and to {1, 2}
    after = np.array([[1, 1, 0, 1], [0, 1, 1, 0]])
    loops.add_moves(matrix, np.array([0, 1]), steps, (unit / after.sum(axis=1)).astype(np.float32), constants, 8, moved)
    truth = np.log(0.25 + np.exp2(after @ matrix * unit / after.sum(axis=1, keepdims=True))).sum(axis=1)
    np.testing.assert_allclose(moved, truth, rtol=1e-5)
