"""Classes in another order are seen where both sides say what they are called."""

from pathlib import Path

import numpy as np
import pytest
from helpers.layouts import paint
from safetensors.torch import save_file
from torch import nn

import radin
from radin.errors import DataError
from radin.tasks.classes import absent_classes, check_class_order
from radin.tasks.readers import open_data


@pytest.mark.parametrize(
    ("stated", "names"),
    [
        (None, [("cat", "dog")]),
        (("cat", "dog"), [None]),
        (("cat", "dog"), [("cat", "dog")]),
        (("cat", "dog", "emu"), [("cat", "dog")]),
        (("tench", "goldfish"), [("n01440764", "n01443537"), ("tench", "goldfish")]),
        (("crane", "gull", "crane"), [("crane", "gull", "crane")]),  # ImageNet has two cranes: a bird and a machine
    ],
)
def test_what_agrees_or_says_nothing_passes(stated, names) -> None:
    check_class_order(stated, names)


@pytest.mark.parametrize(
    ("stated", "names"),
    [
        (("dog", "cat"), [("cat", "dog")]),
        (("ant", "cat", "dog"), [("cat", "dog")]),
        (("goldfish", "tench"), [("n01440764", "n01443537"), ("tench", "goldfish")]),
    ],
)
def test_another_order_is_refused(stated, names) -> None:
    with pytest.raises(DataError, match=r"is class 0 of the data, but 1 of the checkpoints"):
        check_class_order(stated, names)


class Tiny(nn.Module):
    """Two classes from an image's mean colour."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 2)

    def forward(self, images):
        return self.head(images.mean((2, 3)))


def test_a_run_stops_before_anything_is_charged(tmp_path: Path) -> None:
    for i in range(2):
        save_file(Tiny().state_dict(), tmp_path / f"{i}.safetensors", {"classes": '["dog", "cat"]'})
    for name in ("cat", "dog"):
        for i in range(3):
            paint(tmp_path / "val" / name / f"{i}.png", i)
    pool = radin.Pool(str(tmp_path / "*.safetensors"))
    with pytest.raises(DataError, match="'cat' is class 0 of the data, but 1 of the checkpoints"):
        radin.make_soup(pool, radin.Task(Tiny, open_data(tmp_path / "val"), device="cpu"), run_dir=tmp_path / "run")
    with radin.Ledger(tmp_path / "run" / "ledger.db") as ledger:
        assert ledger.count("pass") == 0
    named = open_data(tmp_path / "val", classes=["dog", "cat"])
    found = radin.make_soup(pool, radin.Task(Tiny, named, device="cpu"), run_dir=tmp_path / "run")
    assert found.spent.passes == 2


def test_a_test_set_in_another_order_is_refused(tmp_path: Path) -> None:
    for place, names in (("val", ("cat", "dog", "emu")), ("test", ("dog", "emu"))):
        for i, name in enumerate(names):
            paint(tmp_path / place / name / "1.png", i + 10 * len(names))
    for i in range(2):
        save_file(Tiny().state_dict(), tmp_path / f"{i}.safetensors")
    pool = radin.Pool(str(tmp_path / "*.safetensors"))
    task = radin.Task(Tiny, open_data(tmp_path / "val"), test=open_data(tmp_path / "test"), device="cpu")
    with pytest.raises(DataError, match="'dog' is class 0 of the test set, but 1 of the data that select"):
        radin.make_soup(pool, task, run_dir=tmp_path / "run")


def test_a_report_on_data_that_lack_classes_says_so(tmp_path: Path) -> None:
    for i in range(2):
        save_file(Tiny().state_dict(), tmp_path / f"{i}.safetensors")
    for place in ("val/cat", "val/big_dog", "test/cat"):
        for i in range(4):
            paint(tmp_path / place / f"{i}.png", len(place) * 10 + i)
    classes = ("big_dog", "cat")
    data = open_data(tmp_path / "val", classes=classes)
    test = open_data(tmp_path / "test", role="test", classes=classes)
    task = radin.Task(Tiny, data, test=test, device="cpu")
    result = radin.make_soup(radin.Pool(tmp_path), task, run_dir=tmp_path / "run")
    said = [remark for remark in result.report.remarks if "no sample" in remark]
    assert said == ["the test set: no sample of 1 of 2 classes: big dog"]


def test_of_many_classes_without_samples_some_are_named() -> None:
    names = tuple(f"c{i}" for i in range(20))
    assert absent_classes([names], np.arange(20)) == absent_classes([], np.arange(3)) == ()
    assert absent_classes([names], np.arange(4)) == ("no sample of 16 of 20 classes, such as c4, c5, c6",)
