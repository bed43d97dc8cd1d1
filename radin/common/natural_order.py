"""Natural order: names sorted as people read them, with the numbers in them as numbers."""

from __future__ import annotations

import re
from pathlib import Path

#: A number: a decimal fraction such as a learning rate, or an integer. What follows a `v` is a version, no fraction.
NUMBER = re.compile(r"((?<![0-9.vV])0\.[0-9]+(?!\.?[0-9])|[0-9]{1,18})")


def natural(path: Path | str) -> list[tuple[int, int, str]]:
    """A key that sorts paths and names as people do: `run-2` before `run-10`, `rate-0.05` before `rate-0.1`."""
    parts = NUMBER.split(str(path))
    return [_number(part) if i % 2 else (1, 0, part) for i, part in enumerate(parts)]


def _number(part: str) -> tuple[int, int, str]:
    """The key of a number; fractions below 1 are in the order of their digits."""
    return (0, 0, part) if "." in part else (0, int(part), "")
