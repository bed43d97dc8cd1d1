"""Folders of images and a small CLIP that several tests read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from helpers.layouts import paint

if TYPE_CHECKING:
    from helpers.clip_lab import Lab


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Images of two kinds of animals, in a folder for each split."""
    for split in ("train", "val"):
        for seed, name in enumerate(["cat/1.png", "cat/2.png", "big_dog/1.png"]):
            paint(tmp_path / "pets" / split / name, seed + (split == "val") * 10)
    return tmp_path / "pets"


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A small CLIP and its fine-tunings, to be read only."""
    from helpers.clip_lab import make_lab

    return make_lab(tmp_path_factory.mktemp("clip"))
