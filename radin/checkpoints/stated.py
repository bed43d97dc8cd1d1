"""Statements beside the tensors of a file: the order of the classes, and the versions of modules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from radin.checkpoints.bounded_json import parsed

#: Where scripts put the classes' names, in the order of the head's outputs.
CLASSES = ("class_to_idx", "class_names", "classes")

#: Characters of the longest class name that is believed.
LONGEST_CLASS = 1_000


def stated_classes(content: Any) -> tuple[str, ...] | None:
    """The classes in the order of the head's outputs, if a file's content or metadata say so.

    Arguments:
        content: a mapping that holds, under one of the keys in `CLASSES`, a list of names, a mapping from names to
            indices, or either as JSON.
    """
    if not isinstance(content, Mapping):
        return None
    for key in CLASSES:
        value = content.get(key)
        if isinstance(value, str):
            try:
                value = parsed(value, 0)
            except ValueError:
                continue
        if isinstance(value, Mapping):
            by_index = {index: name for name, index in value.items() if type(index) is int}
            value = [by_index[i] for i in range(len(value))] if by_index.keys() == set(range(len(value))) else None
        if isinstance(value, list | tuple) and value and all(map(_is_class, value)):
            try:
                "".join(set(value)).encode()
            except UnicodeEncodeError:  # halves of characters can be written nowhere
                continue
            return tuple(value)
    return None


def stated_versions(modules: Any) -> dict[str, dict[str, Any]]:
    """The versions of modules that differ from the first, by the modules' names, of what a state dict keeps of them."""
    if not isinstance(modules, Mapping):
        return {}
    return {
        name: dict(held)
        for name, held in modules.items()
        if isinstance(name, str) and isinstance(held, Mapping) and held != {"version": 1} and _are_numbers(held)
    }


def _are_numbers(held: Mapping[Any, Any]) -> bool:
    return bool(held) and all(isinstance(key, str) and type(value) is int for key, value in held.items())


def _is_class(name: object) -> bool:
    return isinstance(name, str) and len(name) <= LONGEST_CLASS
