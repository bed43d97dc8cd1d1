"""Classes have a logit each, or one logit tells two apart."""

import numpy as np
import pytest
import torch

from radin.errors import DataError, TaskError
from radin.scoring.kinds import CLASSES, OneLogit

PLACES = np.arange(6) + 10
LABELS = np.array([0, 1, 1, 0, 1, 0])


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (torch.zeros(6, 5, 3), "several positions"),
        (torch.zeros(5, 3), r"shape \[5, 3\]"),
        (torch.zeros(6, 0), "without a class"),
        (torch.zeros(6, 3, dtype=torch.long), "int64 numbers"),
    ],
)
def test_what_is_no_logits_says_what_it_seems_to_be(output: torch.Tensor, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        CLASSES.outputs(output, LABELS, PLACES)


@pytest.mark.parametrize("shape", [(6,), (6, 1)])
@pytest.mark.parametrize("kind", [CLASSES, OneLogit()])
def test_one_number_a_sample_is_the_logit_of_class_1(kind: object, shape: tuple[int, ...]) -> None:
    z = torch.tensor([-2.0, 0.5, 3.0, 0.0, -1.0, 1.0])
    found = kind.outputs(z.reshape(shape), LABELS, PLACES)
    torch.testing.assert_close(found, torch.stack([torch.zeros(6), z], dim=1))
    expected = torch.nn.functional.binary_cross_entropy_with_logits(z, torch.tensor(LABELS).float(), reduction="none")
    np.testing.assert_allclose(kind.losses(found.numpy(), LABELS), expected, rtol=1e-6)


def test_one_number_cannot_tell_three_classes_apart() -> None:
    with pytest.raises(TaskError, match="one number a sample, but there is a label 2"):
        CLASSES.outputs(torch.zeros(6), LABELS * 2, PLACES)


def test_values_are_no_classes() -> None:
    with pytest.raises(DataError, match=r"expected labels of classes, whole numbers \[m\], got float32 of shape \[2\]"):
        CLASSES.keep(np.array([0.5, 1.2], dtype=np.float32), "data", PLACES[:2])


def test_one_logit_takes_labels_of_any_dtype_that_are_0_and_1() -> None:
    for labels in (LABELS, LABELS.astype(np.float32), LABELS.astype(bool), LABELS[:, None]):
        kept = OneLogit().keep(labels, "data", PLACES)
        assert kept.dtype == np.int64 and kept.tolist() == LABELS.tolist()
    with pytest.raises(DataError, match=r"expected labels of one-logit, 0 or 1 \[m\], got 2 as the label of sample 11"):
        OneLogit().keep(LABELS * 2, "data", PLACES)
    with pytest.raises(TaskError, match=r"expected one logit a sample.*got shape \[6, 2\].*outputs="):
        OneLogit().outputs(torch.zeros(6, 2), LABELS, PLACES)


@pytest.mark.parametrize(("label", "reason"), [(-100, "PyTorch's losses ignore it"), (-1, "numbered from 0 on")])
def test_negative_labels_are_refused(label: int, reason: str) -> None:
    with pytest.raises(DataError, match=f"{label} as the label of sample 12: .*{reason}"):
        CLASSES.keep(np.where(np.arange(6) == 2, label, LABELS), "data", PLACES)


def test_labels_beyond_the_outputs_are_refused() -> None:
    with pytest.raises(DataError, match=r"label 1 of sample 1 is out of range: run0 gives 1 classes"):
        CLASSES.check_labels(LABELS, (1,), "run0")
