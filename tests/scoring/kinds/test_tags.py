"""Tags: a sequence is a row, with the logits of all its positions."""

import numpy as np
import pytest
import torch

import radin
from radin.errors import DataError, InputError
from radin.scoring.kinds import KINDS, Asked, Positions, Tags

LABELS = np.array([[2, -100, 0, 1], [-100, -100, 1, -100], [0, 0, 2, 2]])
PLACES = np.arange(3)
KIND = Asked("tags").kind([LABELS], "data")


def test_a_row_is_a_sequence_with_all_its_labelled_positions() -> None:
    assert isinstance(KIND, Tags) and (KIND.width, KIND.entries) == (4, 1)
    kept = KIND.keep(LABELS, "data", PLACES)
    assert KIND.rows(kept) is None
    logits = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0))
    found = KIND.outputs(logits, LABELS, PLACES)
    torch.testing.assert_close(found, Positions(width=4).outputs(logits, LABELS, PLACES).flatten(1))
    losses = KIND.losses(found.numpy(), kept)
    expected = torch.nn.functional.cross_entropy(
        logits.transpose(1, 2), torch.tensor(LABELS), ignore_index=-100, reduction="none"
    )
    np.testing.assert_allclose(losses, expected.sum(dim=1), rtol=1e-5)


def test_labels_out_of_range_and_some_positions_alone_are_refused() -> None:
    kept = KIND.keep(LABELS, "data", PLACES)
    KIND.check_labels(kept, (12,), "net")
    with pytest.raises(DataError, match="label 2 of sample 0 is out of range: net gives 2 classes"):
        KIND.check_labels(kept, (8,), "net")
    with pytest.raises(InputError, match="positions=3 takes some positions of a sample, and spans of tags need all"):
        Asked("tags", positions=3)
    assert KIND.key != Positions().key and KINDS["tags"].name == "tags"


def test_a_bank_of_tags_takes_logits_of_all_positions_and_ids_of_groups() -> None:
    logits = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    bank = radin.LogitBank.from_arrays(logits, LABELS, outputs="tags", groups=[0, 0, 1])
    assert (bank.n_samples, bank.n_classes) == (3, 20)
    np.testing.assert_array_equal(bank.logits(1), logits[1].reshape(3, 20))
    assert bank.groups is not None and bank.groups.tolist() == [0, 0, 1]
    flat = radin.LogitBank.from_arrays(logits.reshape(2, 3, 20), LABELS, outputs="tags")
    np.testing.assert_array_equal(flat.logits(0), bank.logits(0))
    with pytest.raises(DataError, match=r"expected logits of 4 positions a sample, .* got shape \[3, 15\]"):
        radin.LogitBank.from_arrays(logits[:, :, :3].reshape(2, 3, 15), LABELS, outputs="tags")
