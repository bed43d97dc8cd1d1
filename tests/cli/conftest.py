"""A pool that tests of the command line may damage."""

from pathlib import Path

import pytest


@pytest.fixture
def pool(checkpoints: list[Path], tmp_path: Path) -> list[Path]:
    """A copy of the small pool that a test may damage."""
    folder = tmp_path / "pool"
    folder.mkdir()
    copies = [folder / path.name for path in checkpoints]
    for source, copy in zip(checkpoints, copies, strict=True):
        copy.write_bytes(source.read_bytes())
    return copies
