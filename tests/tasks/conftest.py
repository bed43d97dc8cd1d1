"""Folders of images that several tests read."""

from pathlib import Path

import pytest
from helpers.layouts import paint


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Images of two kinds of animals, in a folder for each split."""
    for split in ("train", "val"):
        for seed, name in enumerate(["cat/1.png", "cat/2.png", "big_dog/1.png"]):
            paint(tmp_path / "pets" / split / name, seed + (split == "val") * 10)
    return tmp_path / "pets"
