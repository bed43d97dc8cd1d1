"""Options of a searcher: its keyword-only parameters, read from the signature and validated by pydantic."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union

from radin.errors import PluginError

_BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "multiple_of": "a multiple of"}


@dataclass(frozen=True)
class Option:
    """One option of a searcher.

    Attributes:
        name: the parameter's name.
        annotation: its type hint, with any constraints in `Annotated`.
        default: its value when it is not given.
        description: the first string in `Annotated`, or the `description` of a pydantic `Field`; else empty.
    """

    name: str
    annotation: Any
    default: Any
    description: str

    @property
    def type(self) -> str:
        """The type in readable form: `float ≥ 0, ≤ 1`, `'strict' | 'ties'`."""
        return describe(self.annotation)

    def coerce(self, value: Any, searcher: str) -> Any:
        """Converts a value to this option's type. A string is also read as JSON, for the command line.

        Raises:
            PluginError: the value is not of this type. The message names searcher, option, expected type and value.
        """
        import pydantic

        adapter = pydantic.TypeAdapter(self.annotation)
        try:
            return adapter.validate_python(value)
        except pydantic.ValidationError as error:
            reason = error.errors()[0]["msg"]
        if isinstance(value, str):
            try:
                return adapter.validate_json(value)
            except pydantic.ValidationError:
                pass  # the first reason is about the text that was given
        raise PluginError(f"searcher {searcher!r}: option {self.name!r} must be {self.type}, got {value!r} ({reason})")


def read_options(searcher: str, function: Callable[..., Any]) -> Mapping[str, Option]:
    """The options of a searcher's generator function: keyword-only parameters with a type hint and a default.

    Raises:
        PluginError: the signature is not `(problem, *, option: type = default, ...)`.
    """
    signature = inspect.signature(function)
    hints = _hints(function, signature)
    positional = [p for p in signature.parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    options = [p for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY]
    shape = f"searcher {searcher!r}: expected a signature `(problem, *, option: type = default, ...)`"
    if len(positional) != 1 or len(positional) + len(options) != len(signature.parameters):
        raise PluginError(f"{shape}, got `{signature}`")
    for p in options:
        if p.default is p.empty or p.annotation is p.empty:
            lacks = "default" if p.default is p.empty else "type hint"
            raise PluginError(f"{shape}; its option {p.name!r} lacks a {lacks}")
    return types.MappingProxyType(
        {p.name: Option(p.name, hints[p.name], p.default, _description(hints[p.name])) for p in options}
    )


def _hints(function: Callable[..., Any], signature: inspect.Signature) -> dict[str, Any]:
    """Type hints of the options alone. The hint of `problem` may exist for a type checker only."""
    plain = inspect.unwrap(function.func if isinstance(function, functools.partial) else function)

    def options() -> None: ...

    options.__annotations__ = {
        p.name: p.annotation
        for p in signature.parameters.values()
        if p.kind is p.KEYWORD_ONLY and p.annotation is not p.empty
    }
    return typing.get_type_hints(options, globalns=plain.__globals__, include_extras=True)


def _description(annotation: Any) -> str:
    for extra in getattr(annotation, "__metadata__", ()):
        text = extra if isinstance(extra, str) else getattr(extra, "description", None)
        if text:
            return str(text)
    return ""


def describe(annotation: Any) -> str:
    """A type hint in readable form."""
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        parts: list[str] = []
        for extra in annotation.__metadata__:
            constraints = getattr(extra, "metadata", None) or [extra]  # a pydantic Field holds several
            parts += [
                f"{sign} {getattr(c, bound)}"
                for c in constraints
                for bound, sign in _BOUNDS.items()
                if getattr(c, bound, None) is not None
            ]
        return f"{describe(annotation.__origin__)} {', '.join(parts)}".rstrip()
    if origin is Literal:
        return " | ".join(repr(value) for value in typing.get_args(annotation))
    if origin in (Union, types.UnionType):
        return " | ".join(describe(part) for part in typing.get_args(annotation))
    if annotation is type(None):
        return "null"
    return annotation.__name__ if isinstance(annotation, type) and not origin else str(annotation)
