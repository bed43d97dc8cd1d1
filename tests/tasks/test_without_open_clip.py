"""What works where open_clip does not import, and what is said about the rest."""

import subprocess
import sys
from pathlib import Path

import pytest

from radin.errors import TaskError
from radin.tasks.open_clip import classification
from radin.tasks.prompts import read_templates

LIGHT = """
import sys
sys.modules["open_clip"] = sys.modules["timm"] = sys.modules["torchvision"] = None
import radin, radin.tasks.open_clip, radin.tasks.images
radin.Pool, radin.average, radin.Surrogate, radin.make_soup
"""


def test_radin_imports_without_open_clip() -> None:
    subprocess.run([sys.executable, "-c", LIGHT], check=True)


def test_the_adapter_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(TaskError, match=r"pip install open_clip_torch.*torchvision.*built for the installed torch"):
        classification("ViT-B-32", str(tmp_path))
    with pytest.raises(TaskError, match="open_clip cannot be imported"):
        read_templates("imagenet")
