"""Labels become arrays of numbers, whatever holds them; what is no number says what it seems to be."""

import numpy as np
import pytest
import torch

from radin.errors import DataError
from radin.tasks.labels import is_pair, raw_labels, refuse_listed_labels


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["cat", "dog"], "'cat' as the label of sample 10; number the classes"),
        ([None, 1], "None as the label"),
        ([[0], [1, 2]], "several lengths.* -100, in a collate_fn"),
        (torch.sparse_coo_tensor([[0]], [1], (3,), check_invariants=False), "no dense tensor"),
    ],
)
def test_what_is_no_number_is_refused(labels: object, message: str) -> None:
    with pytest.raises(DataError, match=f"^data: .*{message}"):
        raw_labels(labels, "data", first=10)


@pytest.mark.parametrize(
    "labels",
    [
        [2, 0, 1],
        (2, 0, 1),
        np.array([2, 0, 1], np.uint8),
        torch.tensor([2, 0, 1]),
        [torch.tensor(2), 0, 1],
        np.array([2, 0, 1], object),
    ],
)
def test_integers_are_taken_wherever_they_stand(labels: object) -> None:
    assert raw_labels(labels, "data").tolist() == [2, 0, 1]


def test_values_and_lists_of_tensors_are_taken_as_they_are() -> None:
    assert raw_labels(torch.tensor([0.5, 1.25], dtype=torch.bfloat16), "data").tolist() == [0.5, 1.25]
    assert raw_labels([torch.tensor([1, 2]), torch.tensor([3, 4])], "data").tolist() == [[1, 2], [3, 4]]


def test_a_pair_is_told_from_two_samples() -> None:
    x = torch.zeros(3, 2)
    assert is_pair((x, [0, 1, 2])) and is_pair(({"a": x}, torch.arange(3))) and is_pair((["a", "b"], [0, 1]))
    assert not is_pair([(x, 0), (x, 1)]) and not is_pair([(0.5, 1), (0.3, 0)]) and not is_pair((x, x, x))


@pytest.mark.parametrize("inputs", [torch.zeros(3, 2), {"a": torch.zeros(3, 2)}, ["a", "b", "c"]])
def test_labels_in_a_list_are_refused_with_the_remedy(inputs: object) -> None:
    with pytest.raises(DataError, match=r"a list of 3 \(7 is that of sample 0\); make it one: torch\.tensor\(labels\)"):
        refuse_listed_labels((inputs, [7, 0, 1]), "data")
    refuse_listed_labels((inputs, torch.tensor([7, 0, 1])), "data")
    refuse_listed_labels([(torch.zeros(2), 0), (torch.zeros(2), 1)], "data")  # two samples
