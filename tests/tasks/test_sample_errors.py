"""Errors of a dataset and of collation name the sample and the remedy."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from radin.errors import DataError
from radin.tasks.data import Rows


class Data(Dataset):
    """Forty samples by a function."""

    def __init__(self, get: Callable[[int], Any], n: int = 40) -> None:
        self.get, self.n = get, n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, i: int) -> Any:
        return self.get(i)


def raising(error: BaseException, at: int = 27) -> Callable[[int], Any]:
    def get(i: int) -> Any:
        if i == at:
            raise error
        return torch.zeros(8), i % 3

    return get


class Missing:
    """As a dataset that a worker process is sent."""

    def __call__(self, i: int) -> Any:
        if i == 27:
            raise KeyError("images/27.png")
        return torch.zeros(8), i % 3


CASES: dict[str, tuple[Callable[[int], Any], str]] = {
    "a missing file": (raising(FileNotFoundError("27.png")), r"sample 27 raised FileNotFoundError: 27\.png .*line \d+"),
    "a missing key": (raising(KeyError("x")), "sample 27 raised KeyError: 'x'"),
    "an exit": (raising(SystemExit(3)), "sample 27 raised SystemExit: 3"),
    "an early end": (raising(StopIteration()), "sample 27, of .*, raised StopIteration"),
    "text among numbers": (lambda i: (torch.zeros(8), "cat" if i == 5 else 0), "sample 5: its label is 'cat', .* 0 0"),
    "several sizes": (lambda i: (torch.zeros(8 + (i == 5)), 0), r"sample 5: .*shape \[9\], that of sample 0 \[8\]"),
    "lists of several lengths": (lambda i: ([0] * (3 + (i == 5)), 0), "sample 5: its input is a list of 4"),
    "objects": (lambda i: (object(), 0), r"sample 0: its input is an object of type builtins\.object.*transform"),
    "nothing": (lambda i: (None if i == 5 else torch.zeros(8), 0), "sample 5: its input is None"),
    "no label": (lambda i: (torch.zeros(8), None if i == 5 else 0), "sample 5: its label is None"),
    "other keys": (lambda i: ({"a" if i else "b": torch.zeros(8)}, 0), r"sample 1: its input has the keys \['a'\]"),
    "a dict": (lambda i: {"x": torch.zeros(8), "y": 0}, "got a dict with 'x', 'y'"),
    "three parts": (lambda i: (torch.zeros(8), torch.zeros(8), 0), "got list of 3"),
    "inputs alone": (lambda i: torch.zeros(8), "got Tensor"),
    "a negative label": (lambda i: (torch.zeros(8), -100 if i == 27 else 0), "-100 as the label of sample 27"),
}


@pytest.mark.parametrize("form", ["dataset", "loader"])
@pytest.mark.parametrize("case", CASES)
def test_the_sample_is_named(case: str, form: str) -> None:
    get, message = CASES[case]
    data: Any = Data(get) if form == "dataset" else DataLoader(Data(get), batch_size=7)
    with pytest.raises(DataError, match=f"^validation data: .*{message}"):
        _ = Rows(data, batch_size=16, what="validation data").labels


def test_images_without_a_transform_are_called_images() -> None:
    image = pytest.importorskip("PIL.Image")
    data = Data(lambda i: (image.new("RGB", (4, 4)), 0))
    with pytest.raises(DataError, match=r"sample 0: its input is an image of type PIL\.Image\.Image.*transform"):
        _ = Rows(data, batch_size=16).labels


def test_errors_of_worker_processes_name_the_sample() -> None:
    with pytest.raises(DataError, match=r"sample 27 raised KeyError: 'images/27\.png'"):
        _ = Rows(Data(Missing()), batch_size=16, loaders=1).labels


def test_a_collate_function_that_raises_is_named_with_its_samples() -> None:
    def collate(samples: list[Any]) -> Any:
        raise ValueError("no padding")

    data = DataLoader(Data(lambda i: (torch.zeros(8), 0)), batch_size=7, collate_fn=collate)
    with pytest.raises(DataError, match=r"samples 0 to 6 raised ValueError: no padding .*line \d+"):
        _ = Rows(data, batch_size=16).labels


def test_an_early_end_that_does_not_come_again_is_explained_all_the_same() -> None:
    ended: list[int] = []

    def once(i: int) -> Any:
        if i == 27 and not ended:
            ended.append(i)
            raise StopIteration
        if ended:
            raise OSError("the file is closed")
        return torch.zeros(8), i % 3

    with pytest.raises(DataError, match=r"sample 21 or one after it, of .*, raised StopIteration"):
        _ = Rows(DataLoader(Data(once), batch_size=7), batch_size=16).labels
