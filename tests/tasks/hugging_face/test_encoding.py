"""Batches of like length: the same logits as one by one, and little padding."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from radin.tasks.hugging_face.encoding import PADDING, ByLength, EncodedTexts, parts_of_like_length

IDS = [[5, 6], [7], [5, 6, 7, 8], [9, 5, 9]]


def encoded(ids: list[list[int]], **settings: Any) -> EncodedTexts:
    texts = {"input_ids": ids, "attention_mask": [[1] * len(one) for one in ids]}
    labels = settings.pop("labels", np.arange(len(ids)))
    return EncodedTexts(texts, labels, padding=3, **settings)


class Summing(torch.nn.Module):
    """Gives the sum of a text's tokens, and takes note of the shapes that it is called with."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
        self.shapes.append(tuple(input_ids.shape))
        assert bool((input_ids[attention_mask == 0] == 3).all())
        return SimpleNamespace(logits=(input_ids * attention_mask).sum(-1, keepdim=input_ids.ndim == 2).float())


@pytest.mark.parametrize("left", [False, True])
def test_padding_changes_nothing(left: bool) -> None:
    data = encoded(IDS, left=left)
    inputs, labels = default_collate([data[i] for i in range(len(data))])
    assert inputs["input_ids"].shape == (4, 4)
    assert labels.tolist() == [0, 1, 2, 3]
    logits = ByLength(left=left)(Summing(), inputs)
    assert logits[:, 0].tolist() == [sum(one) for one in IDS]


def test_parts_hold_every_sample_once_and_little_padding() -> None:
    draw = np.random.default_rng(0)
    lengths = draw.integers(1, 200, 256).tolist()
    parts = parts_of_like_length(lengths)
    assert sorted(i for part in parts for i in part) == list(range(256))
    padded = sum(len(part) * max(lengths[i] for i in part) for part in parts)
    assert padded < (1 + 2 * PADDING) * sum(lengths)
    assert len(parts) < 30
    assert parts == parts_of_like_length(lengths)


def test_texts_are_cut_to_the_longest_of_their_part() -> None:
    network = Summing()
    data = encoded([[5] * 20] * 10 + [[5]] * 10)
    inputs, _ = default_collate([data[i] for i in range(20)])
    ByLength()(network, inputs)
    assert network.shapes == [(11, 20), (9, 1)]  # one short text is less padding than a part of its own


def test_choices_that_a_sample_lacks_are_minus_infinity() -> None:
    data = encoded(IDS, labels=np.array([1, 0]), choices=[3, 1])
    inputs, _ = default_collate([data[i] for i in range(2)])
    assert inputs["input_ids"].shape == (2, 3, 4)
    logits = ByLength()(Summing(), inputs)
    assert logits.tolist() == [[11.0, 7.0, 26.0], [23.0, -torch.inf, -torch.inf]]


@pytest.mark.parametrize("left", [False, True])
def test_logits_of_tokens_stand_at_their_places(left: bool) -> None:
    class Echo(torch.nn.Module):
        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
            return SimpleNamespace(logits=torch.stack([input_ids, -input_ids], dim=2).float())

    ids = [[5] * 9] * 8 + IDS
    data = encoded(ids, left=left)
    inputs, _ = default_collate([data[i] for i in range(len(ids))])
    logits = ByLength(left=left, by_token=True)(Echo(), inputs)
    assert logits.shape == (12, 9, 2)
    real = inputs["attention_mask"] == 1
    assert torch.equal(logits[..., 0][real], inputs["input_ids"][real].float())


def test_fingerprints_tell_texts_and_labels_apart() -> None:
    first = encoded(IDS).fingerprint()
    assert encoded(IDS).fingerprint() == first
    others = [
        encoded(IDS[::-1]),
        encoded(IDS, labels=np.ones(4)),
        encoded(IDS, left=True),
        encoded([[5, 6, 7], *IDS[1:]]),
    ]
    assert len({first, *(one.fingerprint() for one in others)}) == 5
