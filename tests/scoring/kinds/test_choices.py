"""Choices: alternatives of each sample's own, absent ones of no weight."""

import numpy as np
import pytest
import torch

from radin.errors import DataError
from radin.scoring.kinds import Choices
from radin.scoring.kinds.choices import ABSENT
from radin.scoring.logit_bank import LogitBank
from radin.scoring.surrogate import Surrogate

KIND, PLACES = Choices(), np.arange(2)


def test_absent_choices_have_no_probability() -> None:
    scores = torch.tensor([[1.0, -float("inf"), 2.0], [0.0, 1.0, 3.0]])
    found = KIND.outputs(scores, np.array([2, 1]), PLACES).numpy()
    assert found[0, 1] == ABSENT and np.isfinite(found).all()
    expected = torch.nn.functional.cross_entropy(scores, torch.tensor([2, 1]), reduction="none")
    np.testing.assert_allclose(KIND.losses(found, np.array([2, 1])), expected, rtol=1e-6)


def test_a_label_of_an_absent_choice_is_refused() -> None:
    scores = torch.tensor([[1.0, 0.0, 2.0], [0.0, -float("inf"), 3.0]])
    with pytest.raises(DataError, match="the label of sample 8 is choice 1, for which the network gives -inf"):
        KIND.outputs(scores, np.array([2, 1]), np.array([7, 8]))


def test_a_label_beyond_all_choices_is_refused_with_the_place_of_its_sample_in_the_data() -> None:
    scores = torch.zeros(2, 3)
    with pytest.raises(DataError, match=r"label 5 of sample 8 is out of range: .* between 0 and 2;"):
        KIND.outputs(scores, np.array([2, 5]), np.array([7, 8]))


def test_batches_of_several_numbers_of_choices_are_filled_up() -> None:
    one, other = np.zeros((2, 3), dtype=np.float32), np.ones((1, 4), dtype=np.float32)
    (joined,) = KIND.batches(iter([one, other]))
    assert joined.shape == (3, 4) and joined[:2, 3].tolist() == [ABSENT, ABSENT]


def test_networks_that_were_asked_about_several_numbers_of_choices_make_one_bank() -> None:
    narrow, wide = np.array([[1.0, 0.0], [0.0, 1.0]], dtype=np.float32), np.zeros((2, 3), dtype=np.float32)
    wide[:, 2] = 5
    bank = LogitBank.of_samples(["a", "b"], [wide, narrow], np.array([2, 1]), KIND)
    assert bank.logits(1).tolist() == [[1, 0, ABSENT], [0, 1, ABSENT]]
    scores = Surrogate(bank, "accuracy", lam=0.0)(np.array([[True, False], [False, True], [True, True]]))
    assert scores.tolist() == [0.5, 0.5, 0.5]


def test_a_score_that_is_taken_for_absent_is_refused() -> None:
    with pytest.raises(DataError, match="run0: a choice of sample 1 has the score -5e"):
        KIND.check_outputs(np.array([[0.0, 1.0], [0.0, -5e5]]), "run0")


def test_shuffled_labels_are_choices_that_are_there() -> None:
    outputs = np.zeros((500, 3))
    outputs[:250, 2] = ABSENT
    drawn = KIND.shuffled(outputs, np.zeros(500, dtype=np.int64), np.random.default_rng(0))
    assert drawn[:250].max() == 1 and np.bincount(drawn[250:]).min() > 50
