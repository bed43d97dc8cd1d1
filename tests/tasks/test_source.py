"""Data come in three forms; others are refused, with what was expected."""

import re

import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from radin.errors import DataError
from radin.tasks.data import Rows
from radin.tasks.source import Source, dataset_of

X, Y = torch.arange(40.0).reshape(20, 2), torch.arange(20) % 3


class Endless(IterableDataset):
    """A stream, which has no length."""

    def __iter__(self):
        return iter([])


def test_a_source_is_read_again_and_again_and_in_parts() -> None:
    dataset = TensorDataset(X, Y)
    forms = [(X, Y), dataset, DataLoader(dataset, batch_size=6)]
    for source in (Source(form, "data", batch_size=6) for form in forms):
        for _ in range(2):
            assert [len(labels) for _, labels in source.batches()] == [6, 6, 6, 2]
        ((inputs, labels),) = source.some(torch.tensor([3, 19]).numpy())
        assert inputs.tolist() == X[[3, 19]].tolist() and list(labels) == [0, 1]
    assert dataset_of(forms[2]) is dataset and dataset_of(dataset) is dataset


def test_a_loader_that_says_it_shuffles_is_refused() -> None:
    with pytest.raises(DataError, match="shuffles"):
        Rows(DataLoader(TensorDataset(X, Y), batch_size=5, shuffle=True), batch_size=5)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((X[:0], Y[:0]), "got none"),
        ([], "empty dataset"),
        (TensorDataset(X, (Y > 0).float()), "may be classes or values"),
        ((X, Y[:, None]), "one integer label"),
        ((X, Y[:7]), "20 inputs but 7 labels"),
        (TensorDataset(X, Y, Y), "(inputs, labels)"),
        ("somewhere", "map-style dataset"),
        (None, "map-style dataset"),
        (Endless(), "map-style dataset"),
    ],
)
def test_unusable_data_are_refused(data: object, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        _ = Rows(data, batch_size=5, what="validation data").labels


class Unmeasured:
    """Has samples, and says not how many."""

    def __getitem__(self, i: int) -> object:
        return X[i], 0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (Endless(), r"got Endless.*DataLoader\(dataset"),
        (iter([(X[0], 0)]), "can be read only once. Make it a list"),
        (Unmeasured(), "got Unmeasured, which has no __len__. Give it one"),
    ],
)
def test_data_that_nearly_can_be_read_say_what_is_lacking(data: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Rows(data, batch_size=5)


def test_the_error_names_the_data() -> None:
    with pytest.raises(DataError, match=r"^validation data: "):
        Rows([], batch_size=5, what="validation data")


def as_dicts(samples: list[dict[str, object]]) -> dict[str, torch.Tensor]:
    return {name: torch.tensor([one[name] for one in samples]) for name in samples[0]}


@pytest.mark.parametrize("name", ["labels", "label"])
def test_batches_may_be_dicts_with_the_labels_among_them(name: str) -> None:
    given = [{"a": i, name: i % 3, "b": -i} for i in range(20)]
    forms = [given, as_dicts(given), DataLoader(given, batch_size=7)]
    for rows in (Rows(form, batch_size=6) for form in forms):
        assert rows.labels.tolist() == [i % 3 for i in range(20)] and rows.kind.name == "classes"
        batch = next(rows.batches())
        assert batch.keys() == {"a", "b"} and batch["b"][:3].tolist() == [0, -1, -2]


def test_a_dict_without_labels_says_what_it_holds() -> None:
    with pytest.raises(DataError, match=r"dicts with 'labels' or 'label', got a dict with 'a', 'y'. Rename"):
        _ = Rows([{"a": 1, "y": 0}], batch_size=6).labels


def test_samples_of_unequal_length_are_named_with_the_remedy_and_padded_by_a_collate_fn() -> None:
    given = [{"ids": torch.arange(2 + i % 3), "labels": i % 2} for i in range(6)]
    with pytest.raises(
        DataError, match=r"sample 1: its entry 'ids' has shape \[3\], that of sample 0 \[2\].*collate_fn"
    ):
        _ = Rows(given, batch_size=6).labels

    def pad(samples):
        ids = torch.nn.utils.rnn.pad_sequence([one["ids"] for one in samples], batch_first=True)
        return {"ids": ids, "labels": torch.tensor([one["labels"] for one in samples])}

    rows = Rows(given, batch_size=2, collate=pad)
    assert [list(batch["ids"].shape) for batch in rows.batches()] == [[2, 3], [2, 4], [2, 4]]
    assert not rows.can_choose and len(rows) == 6
