"""Numbers and names as they stand in sentences."""

from __future__ import annotations

from collections.abc import Sequence


def counted(n: int, noun: str, plural: str | None = None) -> str:
    """`1 soup`, `1,204 soups`; `plural` where it is not the noun with an s."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def enumerated(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


#: Characters of a name that a message shows.
SHOWN = 80


def shown(name: str) -> str:
    """A name out of a file, in quotes: what cannot be printed escaped, long ones with their middle left out."""
    if len(name) > SHOWN:
        name = f"{name[: SHOWN // 2]}...{name[-SHOWN // 4 :]}"
    return ascii(name) if any(0xD800 <= ord(letter) < 0xE000 for letter in name) else repr(name)


def shown_shape(shape: Sequence[int]) -> str:
    """A shape as a list, long ones and large numbers cut short."""
    sizes = [str(size) if abs(size) < 10**20 else "a huge number" for size in shape[:8]]
    return f"[{', '.join(sizes)}{f', ... {len(shape)} dimensions' if len(shape) > 8 else ''}]"
