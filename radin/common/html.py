"""Small tables as HTML, for notebooks; whatever comes from files is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from radin.common.wording import decimal

#: Rows of a table that are shown.
MOST = 10


def table(
    heading: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, note: str = "", most: int = MOST
) -> str:
    """A table with a heading above and a note below.

    Arguments:
        heading: one line of text.
        columns: names of the columns.
        rows: entries of each row; numbers stand at the right.
        note: a line below.
        most: rows that are shown; how many there are is said below.
    """
    listed = list(rows)
    head = "".join(f'<th style="text-align:left">{escape(name)}</th>' for name in columns)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in listed[:most])
    cut = f"{most} of {len(listed)} shown" if len(listed) > most else ""
    below = "; ".join(filter(None, (cut, note)))
    return (
        f"<div><strong>{escape(heading)}</strong>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        f"{f'<small>{escape(below)}</small>' if below else ''}</div>"
    )


def _cell(value: object) -> str:
    side = "right" if isinstance(value, int | float) else "left"
    text = decimal(value) if isinstance(value, float) else str(value)
    return f'<td style="text-align:{side}">{escape(text)}</td>'
