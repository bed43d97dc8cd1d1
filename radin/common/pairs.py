"""Texts `KEY=VALUE`, as several commands take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from radin.errors import InputError


def pairs(given: Sequence[str], option: str, hints: Mapping[str, str] | None = None) -> dict[str, str]:
    """Texts `KEY=VALUE` as a dictionary.

    Arguments:
        given: the texts.
        option: the name by which a message calls them.
        hints: more to say about keys that are given twice.

    Raises:
        InputError: a text without `=`, or a key given twice.
    """
    values: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise InputError(f"expected {option} KEY=VALUE, got {text!r}")
        if key in values:
            hint = f"; {hints[key]}" if hints and key in hints else ""
            raise InputError(f"{option} {key} was given twice: {values[key]!r} and {value!r}{hint}")
        values[key] = value
    return values
