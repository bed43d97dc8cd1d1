"""Model libraries that need not be there."""

import json
import sys
from pathlib import Path

import pytest

from radin.errors import TaskError
from radin.tasks.libraries import import_library, unknown_architecture
from radin.tasks.load import load_task

LIBRARIES = ("timm", "torchvision")


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_missing_library_says_what_to_install(library: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(TaskError, match=rf"{library} cannot be imported.*pip install {library}.*torchvision"):
        load_task(library, {"arch": "resnet18", "data": str(tmp_path)})


def test_a_library_that_is_there_is_given() -> None:
    assert import_library("json", "json") is json


def test_unknown_architectures_have_near_ones_and_a_listing() -> None:
    near = unknown_architecture("timm", "resnet19", ["vit_tiny", "resnet18"])
    assert near.startswith("did you mean resnet18? ") and "timm.list_models()" in near
    far = unknown_architecture("timm", "xxxx", ["vit_tiny"])
    assert far.startswith("known are: vit_tiny; ")
