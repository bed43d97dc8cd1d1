"""Notes that are alike but for a name, said as one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from radin.common.wording import enumerated

#: Words that two notes share before they are said together. Chosen by hand.
SHARED_WORDS = 5


def said_together(notes: Iterable[str], most: int = 3) -> list[str]:
    """Notes in order, where those that differ in a name alone are said once: `a, b and 3 more: 2 images are left out`.

    Arguments:
        notes: a clause each.
        most: names that are listed in each; of more the first ones, and how many others there are.
    """
    groups = list[_Alike]()
    for note in dict.fromkeys(notes):
        for i, group in enumerate(groups):
            if (joined := group.joined(note.split(" "))) is not None:
                groups[i] = joined
                break
        else:
            groups.append(_Alike((), (), (tuple(note.split(" ")),)))
    return [group.said(most) for group in groups]


@dataclass(frozen=True)
class _Alike:
    """Notes of the same words but for a part; a note alone is all part."""

    begin: tuple[str, ...]
    end: tuple[str, ...]
    parts: tuple[tuple[str, ...], ...]

    def joined(self, words: list[str]) -> _Alike | None:
        """With one more note; None if it is not alike."""
        begin, end, parts = self.begin, self.end, self.parts
        if len(parts) == 1:
            (first,) = parts
            begin = first[: _alike(first, words)]
            end = first[len(first) - _alike(first[len(begin) :][::-1], words[len(begin) :][::-1]) :]
            while begin and begin[-1] == "+":  # a recipe is one name
                begin = begin[:-2]
            while end and end[0] == "+":
                end = end[2:]
            parts = (first[len(begin) : len(first) - len(end)],)
        stop = len(words) - len(end)
        part = tuple(words[len(begin) : stop])
        alike = len(begin) + len(end) >= SHARED_WORDS and (*words[: len(begin)], *words[stop:]) == (*begin, *end)
        told = all(one and not one[0].replace(",", "").isdecimal() for one in (*parts, part))  # numbers are no names
        return _Alike(begin, end, (*parts, part)) if alike and told else None

    def said(self, most: int) -> str:
        """The one sentence."""
        if len(self.parts) == 1:
            return " ".join((*self.begin, *self.parts[0], *self.end))
        names = [" ".join(part) for part in self.parts]
        colon = ":" if all(name.endswith(":") for name in names) else ""
        names = [name.removesuffix(colon) for name in names]
        listed = names if len(names) <= most else [*names[: most - 1], f"{len(names) - most + 1} more"]
        each = "" if colon else "each of " if self.begin else "Each of "
        return " ".join((*self.begin, f"{each}{enumerated(listed)}{colon}", *self.end))


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    """The number of words that both begin with."""
    shared = min(len(one), len(other))
    return next((i for i in range(shared) if one[i] != other[i]), shared)
