"""Values are predicted as they are, one or several a sample."""

import numpy as np
import pytest
import torch

from radin.errors import DataError, TaskError
from radin.scoring.kinds import Values

KIND, PLACES = Values(), np.arange(4) + 20


def test_one_value_a_sample_is_a_column() -> None:
    assert KIND.keep(np.array([1.5, 2, 3, 4], dtype=np.float32), "data", PLACES).shape == (4, 1)
    for shape in ((4,), (4, 1)):
        assert KIND.outputs(torch.zeros(shape), np.zeros(4), PLACES).shape == (4, 1)
    assert KIND.outputs(torch.zeros(4, 2), np.zeros((4, 2)), PLACES).shape == (4, 2)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_targets_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(DataError, match=rf"got {bad} as that of sample 22; leave out the samples without a value"):
        KIND.keep(np.array([1.0, 2.0, bad, 4.0]), "data", PLACES)


@pytest.mark.parametrize("shape", [(4, 2), (5,), (4, 1, 1)])
def test_outputs_of_another_shape_say_which_kinds_there_may_be(shape: tuple[int, ...]) -> None:
    with pytest.raises(TaskError, match=r"expected values of the labels' shape.*The labels have shape \[4\].*outputs="):
        KIND.outputs(torch.zeros(shape), np.zeros(4), PLACES)


def test_values_that_overflow_are_refused_by_name() -> None:
    with pytest.raises(DataError, match="run1: its outputs for sample 7 are not finite"):
        KIND.check_outputs(np.array([[1.0], [2.0], [np.nan]]), "run1", 5)


def test_losses_are_squared_errors() -> None:
    outputs, labels = np.array([[1.0, 2.0]]), np.array([[0.0, 5.0]])
    assert KIND.losses(outputs, labels).tolist() == [5.0]
