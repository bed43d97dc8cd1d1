"""The fingerprint of data changes with contents, types and structure, and not with the size of batches."""

import pytest
import torch

from radin.tasks.batches import Column, cut
from radin.tasks.content_fingerprint import ContentFingerprint

X = torch.arange(40.0).reshape(20, 2)

STRUCTURES = [
    X,
    X.double(),
    X.reshape(20, 1, -1),
    {"a": X},
    {"b": X},
    [X, X],
    {"a": X, "b": X + 1},
    {"a": X + 1, "b": X},
    {"a": Column([{"b": i} for i in range(20)])},
    {"a": Column([[i] for i in range(20)])},
]


def fingerprint(inputs: object, size: int = 20) -> str:
    found = ContentFingerprint()
    for start in range(0, 20, size):
        found.feed(cut(inputs, slice(start, start + size)))
    return found.value()


def test_contents_types_and_structure_are_told_apart() -> None:
    assert len({fingerprint(one) for one in STRUCTURES}) == len(STRUCTURES)


@pytest.mark.parametrize("size", [1, 6, 7])
def test_the_size_of_batches_does_not_matter(size: int) -> None:
    assert [fingerprint(one, size) for one in STRUCTURES] == [fingerprint(one) for one in STRUCTURES]


def test_several_sizes_of_one_input_are_noticed() -> None:
    found = ContentFingerprint()
    found.feed({"a": torch.zeros(2, 3), "b": torch.zeros(2, 4)})
    assert found.several_sizes is None
    found.feed({"a": torch.zeros(2, 5), "b": torch.zeros(2, 4)})
    assert found.several_sizes == ([3], [5])
