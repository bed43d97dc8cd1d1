"""The members of a soup in a short line: the heaviest ones, and how many others there are."""

from __future__ import annotations

from collections.abc import Mapping

from radin.report.entries import Network

#: What parts two members.
PLUS = " + "


def member_names(one: Network, short: Mapping[str, str], room: int) -> str:
    """`run-00 + run-05 + 3 more`: the heaviest members, as many as there is room for.

    Arguments:
        one: the soup.
        short: short forms of names.
        room: characters; the first member is shown in any case, cut to them.
    """
    names = [short.get(name, name) for name, _ in one.by_weight]
    whole = PLUS.join(names)
    if len(whole) <= room:
        return whole
    most = min(len(names) - 1, room // len(PLUS))  # a soup may have thousands
    for shown in range(most, 0, -1):
        line = PLUS.join([*names[:shown], f"{len(names) - shown} more"])
        if len(line) <= room:
            return line
    return PLUS.join([cut(names[0], room - 9), *([f"{len(names) - 1} more"] if len(names) > 1 else [])])


def cut(name: str, room: int) -> str:
    """A name that is not longer than its room."""
    return name if len(name) <= room else f"{name[: room - 1]}…"
