"""Elements of SVG as text. Whatever stands in them is escaped."""

from __future__ import annotations

from markupsafe import Markup, escape


def element(tag: str, *children: str, **attributes: object) -> Markup:
    """An element of SVG or HTML.

    Arguments:
        tag: its name.
        children: text, which is escaped, or elements.
        attributes: `class_` is `class`; an underscore stands for a hyphen. Those that are None are left out.
    """
    given = Markup("").join(
        Markup(' {}="{}"').format(name.rstrip("_").replace("_", "-"), value)
        for name, value in attributes.items()
        if value is not None
    )
    inside = Markup("").join(escape(child) for child in children)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(tag), given, inside)


def picture(*marks: str, height: int, label: str, class_: str = "strip") -> Markup:
    """A picture as wide as its place. Positions across are percentages, so that text keeps its size at every width.

    Arguments:
        marks: its elements.
        height: in pixels.
        label: says what it shows to those who cannot see it.
        class_: for the style sheet.
    """
    about = {"class_": class_, "height": height, "role": "img", "aria_label": label}
    return element("svg", *marks, width="100%", **about)


def title(text: str) -> Markup:
    """The text that shows when the pointer rests on an element."""
    return element("title", text)
