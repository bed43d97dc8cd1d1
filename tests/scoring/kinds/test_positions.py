"""Positions: tokens and pixels with a class each, ignored ones left out, some of them drawn on request."""

import numpy as np
import pytest
import torch

from radin.errors import DataError, NonFiniteError, TaskError
from radin.scoring.kinds import Positions

LABELS = np.array([[2, -100, 0, 1], [-100, -100, 1, -100], [0, 0, 2, 2]])
PLACES = np.arange(3)
KIND = Positions().sized([LABELS], "data")


def test_labelled_positions_are_kept_in_their_order() -> None:
    kept = KIND.keep(LABELS, "data", PLACES)
    assert kept.tolist() == [[2, 0, 1, -100], [1, -100, -100, -100], [0, 0, 2, 2]]
    assert kept.reshape(-1)[KIND.rows(kept)].tolist() == [2, 0, 1, 1, 0, 0, 2, 2]


@pytest.mark.parametrize("last", [True, False])
def test_logits_of_both_layouts_are_those_of_the_positions(last: bool) -> None:
    logits = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0))
    found = KIND.outputs(logits if last else logits.transpose(1, 2), LABELS, PLACES)
    rows = KIND.rows(KIND.keep(LABELS, "data", PLACES))
    torch.testing.assert_close(found.flatten(0, 1)[torch.from_numpy(rows)], logits[torch.from_numpy(LABELS != -100)])


def test_pixels_have_classes_first_or_last() -> None:
    labels = np.random.default_rng(0).integers(0, 3, (2, 3, 3))
    labels[0, 1] = 255
    kind = Positions(ignored=255).sized([labels], "data")
    logits = torch.randn(2, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    first, last = (kind.outputs(one, labels, PLACES[:2]) for one in (logits, logits.permute(0, 2, 3, 1)))
    torch.testing.assert_close(first, last)
    kept = kind.keep(labels, "data", PLACES[:2])
    losses = kind.losses(first.flatten(0, 1).numpy()[kind.rows(kept)], kept.reshape(-1)[kind.rows(kept)])
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor(labels), ignore_index=255)
    assert losses.mean() == pytest.approx(float(expected), rel=1e-6)


def test_where_both_layouts_fit_tokens_have_classes_last() -> None:
    labels = np.array([[0, 1, 2]])
    logits = torch.arange(9.0).reshape(1, 3, 3)
    found = Positions().sized([labels], "data").outputs(logits, labels, PLACES[:1])
    torch.testing.assert_close(found, logits)


def test_some_positions_are_the_same_for_all_networks_and_batches() -> None:
    labels = np.random.default_rng(0).integers(0, 3, (6, 40))
    kind = Positions(most=5).sized([labels], "data")
    kept = kind.keep(labels, "data", np.arange(6))
    assert kept.shape == (6, 5) and (kept >= 0).all()
    np.testing.assert_array_equal(kind.keep(labels[4:], "data", np.array([4, 5])), kept[4:])
    chosen = kind.places(labels, np.arange(6))
    assert (np.diff(chosen, axis=1) > 0).all() and len(np.unique(chosen, axis=0)) == 6
    assert kind.key != Positions().key


def test_bad_labels_and_outputs_are_refused() -> None:
    with pytest.raises(DataError, match=r"all labels are -100.*ignore_index="):
        Positions().sized([np.full((2, 3), -100)], "data")
    with pytest.raises(DataError, match=r"label -1 in sample 1: classes are numbered from 0.*ignore_index="):
        KIND.keep(np.where(LABELS == -100, -1, LABELS)[1:], "data", PLACES[1:])
    with pytest.raises(TaskError, match=r"\[3, 4, classes\] or \[3, classes, 4\].*got \[3, 5\]"):
        KIND.outputs(torch.zeros(3, 5), LABELS, PLACES)
    with pytest.raises(DataError, match="label 2 of sample 0 is out of range: run0 gives 2 classes"):
        KIND.check_labels(KIND.keep(LABELS, "data", PLACES), (4, 2), "run0")
    outputs = np.zeros((2, 4, 3))
    outputs[1, 2, 1] = -np.inf
    with pytest.raises(NonFiniteError, match="run0: its logits for sample 1 are not finite: class 1 has -inf"):
        KIND.check_outputs(outputs, "run0")
