"""Names that were probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Collection

#: Of names that are not near, a message shows so many.
SHOWN = 8


def nearest(name: str, known: Collection[str]) -> str:
    """What to say of a name that is not known: which of those that are known are near, whatever their case."""
    lower = {one.lower(): one for one in known}
    near = [lower[one] for one in difflib.get_close_matches(name.lower(), lower, n=3)]
    if near:
        return f"did you mean {' or '.join(near)}?"
    if len(known) <= SHOWN:
        return f"known are: {', '.join(known) or 'none'}"
    return f"{len(known)} are known, such as {', '.join(list(known)[-3:])}"
