"""Every part of a batch is cut by samples, or refused."""

from collections import namedtuple

import numpy as np
import pytest
import torch

from radin.errors import DataError
from radin.tasks.batches import Column, concatenate, cut, n_samples, one_row_a_sample

X = torch.arange(12.0).reshape(6, 2)
WORDS = ["a", "b", "c", "d", "e", "f"]
Inputs = namedtuple("Inputs", ["points", "words"])


@pytest.mark.parametrize(
    "inputs",
    [X, X.numpy()[::-1].copy()[::-1], {"x": X, "words": WORDS}, (X, WORDS), [X, None, 0.5], Inputs(X, WORDS), WORDS],
    ids=["tensor", "array", "dict", "tuple", "constants", "named tuple", "strings"],
)
def test_structures_are_cut_by_samples_and_put_together_again(inputs: object) -> None:
    whole = one_row_a_sample(inputs, 6, "data")
    assert n_samples(whole) == 6
    parts = [cut(whole, slice(0, 4)), cut(whole, torch.tensor([4, 5]))]
    assert [n_samples(part) for part in parts] == [4, 2]
    again = concatenate(parts)
    assert type(again) is type(whole)
    assert str(again) == str(whole)


def test_named_tuples_stay_what_they_are() -> None:
    part = cut(one_row_a_sample(Inputs(X, WORDS), 6, "data"), slice(1, 3))
    assert part.words == ["b", "c"]
    assert torch.equal(part.points, X[1:3])


def test_tensors_of_several_sizes_in_a_list_are_one_a_sample() -> None:
    ragged = [torch.zeros(3, i + 1) for i in range(6)]
    assert isinstance(one_row_a_sample(ragged, 6, "data"), Column)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ((X, torch.zeros(2, 900)), r"inputs\[1\] have shape \[2, 900\], but there are 6 samples"),
        ({"edges": torch.zeros(2, 9), "x": X}, r"inputs\['edges'\] have shape \[2, 9\]"),
        ((X, WORDS[:5]), r"inputs\[1\] are a list of 5, but there are 6 samples"),
        ((X, torch.tensor(1.0)), r"inputs\[1\] have shape \[\]"),
        (X.to_sparse(), "sparse tensor"),
        (torch.nested.nested_tensor([X, X], layout=torch.jagged), "nested tensor"),
        ((X, object()), r"inputs\[1\] are of type object"),
        (X[:5], "5 inputs but 6 labels"),
        (None, "got None"),
        ((x for x in X), "of type generator"),
    ],
)
def test_what_has_no_row_a_sample_is_refused(inputs: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        one_row_a_sample(inputs, 6, "data")


def test_arrays_in_other_layouts_are_tensors() -> None:
    for array in (np.arange(6.0)[::-1], np.arange(6.0).astype(">f4"), np.arange(6)):
        assert one_row_a_sample(array, 6, "data").tolist() == array.tolist()
