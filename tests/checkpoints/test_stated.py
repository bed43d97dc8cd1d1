"""Statements beside the tensors: which are believed."""

from pathlib import Path

import pytest
import torch

from radin.checkpoints import open_checkpoint
from radin.checkpoints.stated import stated_versions

STATE = {"a": torch.arange(6.0).view(2, 3)}


@pytest.mark.parametrize(
    "key, value",
    [("class_to_idx", {"dog": 1, "cat": 0}), ("classes", ["cat", "dog"]), ("class_names", ("cat", "dog"))],
)
def test_stated_classes_are_read(tmp_path: Path, key: str, value: object) -> None:
    torch.save({"state_dict": STATE, key: value}, tmp_path / "x.pt")
    assert open_checkpoint(tmp_path / "x.pt").class_names == ("cat", "dog")


@pytest.mark.parametrize("value", [{"cat": 0, "dog": 2}, {"cat": [0]}, 3, [], [1, 2], "cat"])
def test_what_is_no_list_of_classes_is_none(tmp_path: Path, value: object) -> None:
    torch.save({"state_dict": STATE, "classes": value}, tmp_path / "x.pt")
    assert open_checkpoint(tmp_path / "x.pt").class_names is None


def test_versions_other_than_the_first_are_kept_if_they_are_numbers() -> None:
    held = {"": {"version": 1}, "bn": {"version": 2}, "odd": {"version": "2"}, "empty": {}, 3: {"version": 2}}
    assert stated_versions(held) == {"bn": {"version": 2}}
    assert stated_versions(["bn"]) == {}
