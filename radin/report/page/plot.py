"""Plots of rows: a name, marks along one axis, a value. Each row is a picture of its own, so that pages can reflow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from radin.report.page.axis import Axis
from radin.report.page.svg import element, picture, title

#: Height of a row, and of the axis below the rows, in pixels.
ROW, BELOW = 26, 22
MIDDLE = ROW / 2


@dataclass(frozen=True)
class Row:
    """A row of a plot: its name, its picture, its value in words, and whether it stands out."""

    name: str
    marks: Markup
    value: str
    strong: bool = False


@dataclass(frozen=True)
class Plot:
    """Rows over one axis.

    Attributes:
        rows: from above.
        below: the axis.
        key: for each kind of mark its class and its meaning.
        heading: stands above; may be empty.
        unit: of the axis, or what its numbers are.
    """

    rows: Sequence[Row]
    below: Markup
    key: Sequence[tuple[str, str]] = ()
    heading: str = ""
    unit: str = ""


def row(axis: Axis, name: str, marks: Iterable[Markup], value: str, label: str, *, strong: bool = False) -> Row:
    """A row with lines at the axis' ticks behind its marks.

    Arguments:
        axis: of the plot.
        name: stands before it.
        marks: drawn in this order.
        value: stands after it.
        label: says what the marks show to those who cannot see them.
        strong: the row stands out.
    """
    lines = [rule(axis.at(value), "grid") for value, _ in axis.ticks]
    return Row(name, picture(*lines, *marks, height=ROW, label=label), with_minus(value), strong)


def with_minus(number: str) -> str:
    """A number that begins with a sign of minus, not with a hyphen."""
    return f"−{number[1:]}" if number.startswith("-") else number


def below(axis: Axis) -> Markup:
    """The axis with its numbers."""
    texts = [element("text", with_minus(text), x=axis.at(value), y=15, class_="tick") for value, text in axis.ticks]
    return picture(*texts, height=BELOW, label="axis")


def rule(place: str, class_: str, low: float = 0.0, high: float = float(ROW)) -> Markup:
    """An upright line."""
    return element("line", x1=place, x2=place, y1=f"{low:g}", y2=f"{high:g}", class_=class_)


def dot(axis: Axis, value: float, class_: str, said: str, radius: float = 5.0) -> Markup:
    """A dot that says its value."""
    return element("circle", title(said), cx=axis.at(value), cy=f"{MIDDLE:g}", r=f"{radius:g}", class_=class_)


def diamond(axis: Axis, value: float, class_: str, said: str, radius: float = 5.0) -> Markup:
    """An open diamond that says its value; what stands behind it can be seen through it."""
    half = f"{radius:g}"
    path = element("path", title(said), d=f"M-{half} 0L0-{half}L{half} 0L0 {half}Z", class_=class_)
    return element("svg", path, x=axis.at(value), y=f"{MIDDLE:g}", width=1, height=1, overflow="visible")


def whisker(axis: Axis, low: float, high: float, class_: str) -> Markup:
    """An interval: a line with ends."""
    ends = [rule(axis.at(value), class_, MIDDLE - 4, MIDDLE + 4) for value in (low, high)]
    across = element("line", x1=axis.at(low), x2=axis.at(high), y1=MIDDLE, y2=MIDDLE, class_=class_)
    return Markup("").join([across, *ends])


def band(axis: Axis, low: float, high: float, said: str = "") -> Markup:
    """A range behind other marks."""
    told = [title(said)] if said else []
    return element("rect", *told, x=axis.at(low), y=0, width=axis.length(low, high), height=ROW, class_="band")


def bar(axis: Axis, value: float, class_: str, said: str) -> Markup:
    """A bar from zero."""
    start = axis.at(min(0.0, value))
    return element(
        "rect", title(said), x=start, y=MIDDLE - 7, width=axis.length(0.0, value), height=14, rx=1, class_=class_
    )
