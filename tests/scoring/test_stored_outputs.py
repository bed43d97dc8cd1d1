"""Outputs as people store them: every block is looked at, and probabilities are told from logits."""

import numpy as np
import pytest

from radin.errors import DataError
from radin.scoring import stored_outputs
from radin.scoring.kinds import CLASSES, KINDS
from radin.scoring.kinds.choices import ABSENT


def test_every_block_is_checked(monkeypatch):
    monkeypatch.setattr(stored_outputs, "BLOCK", 4)
    outputs = np.zeros((11, 3))
    outputs[9, 1] = np.nan
    with pytest.raises(DataError, match="model1: its logits for sample 9"):
        stored_outputs.check_finite(CLASSES, outputs, "model1")
    with pytest.raises(DataError, match="model1: its outputs for sample 109"):
        stored_outputs.check_finite(KINDS["values"], outputs, "model1", first=100)


def test_logits_that_only_resemble_probabilities_are_told_from_them(monkeypatch):
    monkeypatch.setattr(stored_outputs, "BLOCK", 4)
    for few in (np.full((9, 1), 1.0), np.full((9, 2), 0.4), np.tile([1.5, -0.5], (9, 1))):
        assert not stored_outputs.are_probabilities(few)
    chances = np.full((9, 2), 0.5, dtype=np.float16)
    assert stored_outputs.are_probabilities(chances)
    chances[8, 0] = 0.4
    assert not stored_outputs.are_probabilities(chances)


def test_absent_choices_are_filled_up_to_the_largest_number():
    whole, short = np.array([[1.0, -np.inf, 2.0]], dtype=">f4"), np.array([[3.0, 4.0]], dtype=np.float16)
    found = stored_outputs.with_absent([whole, short])
    assert [one.tolist() for one in found] == [[[1.0, ABSENT, 2.0]], [[3.0, 4.0, ABSENT]]]
    plain = [np.zeros((2, 3)), np.ones((2, 3))]
    assert stored_outputs.with_absent(plain)[0] is plain[0]


def test_numbers_are_native_and_bfloat16_is_widened():
    assert stored_outputs.native(np.array([0x3FC0], dtype=np.uint16)).tolist() == [1.5]
    swapped = stored_outputs.native(np.array([1.5, 2.5], dtype=">f8"))
    assert swapped.dtype.isnative and swapped.tolist() == [1.5, 2.5]
