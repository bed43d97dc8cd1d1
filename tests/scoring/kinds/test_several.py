"""Several labels: a decision for each, with a logit of its own."""

import numpy as np
import pytest
import torch

from radin.errors import DataError, TaskError
from radin.scoring.kinds import SeveralLabels

KIND, PLACES = SeveralLabels(), np.arange(4)
LABELS = np.array([[0, 1, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]])


def test_labels_of_any_dtype_that_are_0_and_1_are_taken() -> None:
    for labels in (LABELS, LABELS.astype(np.float32), LABELS.astype(bool)):
        np.testing.assert_array_equal(KIND.keep(labels, "data", PLACES), LABELS)
    assert KIND.strata(LABELS).tolist() == [2, 0, 3, 1]


@pytest.mark.parametrize("labels", [LABELS * 2, LABELS.astype(float) / 2, LABELS[:, 0], LABELS[..., None]])
def test_other_labels_are_refused(labels: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"expected labels of several-labels, 0 or 1 \[m, L\], got"):
        KIND.keep(labels, "data", PLACES)


def test_outputs_have_the_shape_of_the_labels() -> None:
    assert KIND.outputs(torch.zeros(4, 3), LABELS, PLACES).shape == (4, 3)
    with pytest.raises(TaskError, match=r"got shape \[4, 2\]. There are 3 labels a sample"):
        KIND.outputs(torch.zeros(4, 2), LABELS, PLACES)
    with pytest.raises(TaskError, match="int64 numbers"):
        KIND.outputs(torch.zeros(4, 3, dtype=torch.long), LABELS, PLACES)


def test_losses_are_binary_cross_entropies() -> None:
    z = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    expected = torch.nn.functional.binary_cross_entropy_with_logits(z, torch.tensor(LABELS).float(), reduction="none")
    np.testing.assert_allclose(KIND.losses(z.numpy(), LABELS), expected.mean(1), rtol=1e-5)
