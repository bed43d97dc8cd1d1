"""Suggestions of known names for a misspelt one."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

#: Number of known names that a message lists when none is near.
SHOWN = 8


def near(name: str, known: Iterable[str]) -> list[str]:
    """Up to three of the known names that may have been meant, the nearest first, whatever their case."""
    lower = {one.lower(): one for one in known}
    return [lower[one] for one in difflib.get_close_matches(name.lower(), lower, n=3, cutoff=0.5)]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A clause in brackets with the near names; empty if there are none."""
    found = near(name, known)
    return f" (did you mean {' or '.join(map(repr, found))}?)" if found else ""


def nearest(name: str, known: Collection[str]) -> str:
    """A clause for a message about an unknown name: the near names, or else the known ones."""
    found = near(name, known)
    if found:
        return f"did you mean {' or '.join(found)}?"
    if len(known) <= SHOWN:
        return f"known are: {', '.join(known) or 'none'}"
    return f"{len(known)} are known, such as {', '.join(list(known)[-3:])}"
