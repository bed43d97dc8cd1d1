"""Outputs as people store them: every block is looked at, and probabilities are told from logits."""

import numpy as np
import pytest

from radin.errors import DataError
from radin.scoring import stored_outputs
from radin.scoring.kinds import CLASSES, KINDS
from radin.scoring.kinds.choices import ABSENT
from radin.scoring.stored_outputs import check_shapes, two_logit_arrays


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


def test_one_logit_a_sample_stands_for_two_classes():
    z = np.linspace(-3, 3, 12, dtype=np.float32)
    for one in (z, z[:, None], z.astype(np.float16)):
        (made,) = two_logit_arrays([one], ["a"], "refuse")
        np.testing.assert_allclose(made, np.stack([np.zeros(12), z], axis=1), atol=1e-3)
    pair = np.zeros((12, 2), np.float32)
    assert two_logit_arrays([pair], ["a"], "refuse")[0] is pair


def test_probabilities_of_one_class_are_refused_or_become_logits():
    z = np.linspace(-3, 3, 12, dtype=np.float32)
    with pytest.raises(DataError, match=r"^b: expected logits of class 1, .* \[0, 1\]") as caught:
        two_logit_arrays([z, 1 / (1 + np.exp(-z))], ["a", "b"], "refuse")
    assert caught.value.mend == {"probabilities": "log"}
    np.testing.assert_allclose(two_logit_arrays([1 / (1 + np.exp(-z))], ["b"], "log")[0][:, 1], z, atol=1e-5)
    assert np.isfinite(two_logit_arrays([np.repeat([0.0, 1.0], 6)], ["b"], "log")[0]).all()


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_one_number_a_sample_is_no_row_of_logits(shape):
    with pytest.raises(
        DataError, match=r"^a: expected logits \[samples, classes\], got \[4.*the logit of class 1"
    ) as caught:
        check_shapes(CLASSES, np.array([0, 1, 1, 0]), [np.zeros(shape, np.float32)], ["a"])
    assert caught.value.mend == {"outputs": "one-logit"}
    with pytest.raises(DataError, match="there is a label 2"):
        check_shapes(CLASSES, np.array([0, 1, 2, 0]), [np.zeros(shape, np.float32)], ["a"])
