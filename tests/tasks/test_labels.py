"""Labels are one class a sample; other kinds of labels are told what they seem to be."""

import numpy as np
import pytest
import torch

from radin.errors import DataError
from radin.tasks.labels import is_pair, label_array, refuse_listed_labels

EYE = torch.eye(3, dtype=torch.long)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (torch.zeros(4, dtype=torch.bfloat16), r"bfloat16 labels of shape \[4\]; whole numbers .*long\(\)"),
        (torch.tensor([0.5, 1.2]), "values to predict"),
        (torch.tensor([0.0, float("nan")]), "values to predict"),
        (torch.zeros(4, 1, dtype=torch.long), r"labels\[:, 0\]"),
        (EYE, r"one-hot labels, which become integers by labels\.argmax\(1\)"),
        (torch.tensor([[1, 1, 0], [0, 0, 0]]), "multi-hot"),
        (torch.full((2, 3), 1 / 3), "probabilities"),
        (torch.zeros(2, 5, 5, dtype=torch.long), "positions"),
        (torch.tensor([True, False]), r"labels\.long\(\)"),
        (torch.tensor([0, 2, -100]), "-100 as the label of sample 12: .*ignore"),
        (torch.tensor([0, -1]), "-1 as the label of sample 11: classes are numbered from 0"),
        (["cat", "dog"], "'cat' as the label of sample 10; number the classes"),
        ([None, 1], "None as the label"),
        ([[0], [1, 2]], "several lengths"),
        (torch.tensor(3), "list of labels"),
    ],
)
def test_each_kind_has_its_own_message(labels: object, message: str) -> None:
    with pytest.raises(DataError, match=f"^data: expected one integer label per sample.*{message}"):
        label_array(labels, "data", first=10)


@pytest.mark.parametrize(
    "labels", [[2, 0, 1], (2, 0, 1), np.array([2, 0, 1], np.uint8), torch.tensor([2, 0, 1]), [torch.tensor(2), 0, 1]]
)
def test_integers_are_taken_wherever_they_stand(labels: object) -> None:
    assert label_array(labels, "data").tolist() == [2, 0, 1]


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
