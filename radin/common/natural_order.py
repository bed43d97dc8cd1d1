"""Natural order: names sorted as people read them, with the numbers in them as numbers."""

from __future__ import annotations

import re
from pathlib import Path


def natural(path: Path | str) -> list[tuple[int, int, str]]:
    """A key that sorts paths and names as people do: `checkpoint-2` before `checkpoint-10`."""
    parts = re.split(r"([0-9]{1,18})", str(path))
    return [(0, int(part), "") if i % 2 else (1, 0, part) for i, part in enumerate(parts)]
