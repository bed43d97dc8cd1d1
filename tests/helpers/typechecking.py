"""Checks types and shapes of radin's functions while tests run.

jaxtyping's import hook decorates every function with `jaxtyping.jaxtyped`, which binds the arguments of each call
before it looks at them: 17 µs a call. Only functions whose annotations have shapes need that. The others get beartype
alone, which takes 1 µs, and half of the time to decorate.

A function that is called again and again is checked in its first calls, and in some of those that follow; one that is
made anew in each call of another is decorated the first times. With all of them checked, tests take half as long again.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable
from dataclasses import is_dataclass
from functools import partial, update_wrapper, wraps
from itertools import count
from types import CodeType, FunctionType
from typing import Any, get_args, get_type_hints

import jaxtyping
from beartype import beartype

#: Calls of a function whose shapes are all checked; of those that follow, one in as many.
CALLS = 50

#: Times that an inner function is decorated, as it is made anew in each call of the outer one.
MADE = 5

_with_shapes = jaxtyping.jaxtyped
_made: Counter[CodeType] = Counter()


def install() -> None:
    """Checks all of radin and its plugins from now on; neither may be imported yet."""
    jaxtyping.jaxtyped = checked  # type: ignore[assignment]
    jaxtyping.install_import_hook(["radin", "radin_plugins"], "beartype.beartype")


def checked(function: Any = None, **options: Any) -> Any:
    """Decorates a function or class as `jaxtyping.jaxtyped` does, by the cheaper way where no shapes are involved."""
    if function is None:
        return partial(checked, **options)
    if isinstance(function, type):
        return _with_checked_fields(function, **options)
    if not isinstance(function, FunctionType):
        return _with_shapes(function, **options)
    _made[function.__code__] += 1
    if "<locals>" in function.__qualname__ and _made[function.__code__] > MADE:
        return function
    hints = {name: _resolved(one, function) for name, one in function.__annotations__.items()}
    if any(map(_has_shape, hints.values())) or inspect.isgeneratorfunction(function):
        return _in_first_calls(function, _with_shapes(function, **options))
    return _without_shapes(function, hints) if hints else function


def _with_checked_fields(kind: type, **options: Any) -> type:
    """The class; if it is a dataclass, with its fields checked as they are given."""
    if is_dataclass(kind) and "__init__" in vars(kind):
        kind.__init__ = checked(kind.__init__, **options)  # type: ignore[misc]
    return kind


def _in_first_calls(plain: FunctionType, checked: Callable[..., Any]) -> Callable[..., Any]:
    """The function or generator, checked in its first calls and in some of those that follow."""
    calls = count()

    def call(*arguments: Any, **named: Any) -> Any:
        i = next(calls)
        return (checked if i < CALLS or i % CALLS == 0 else plain)(*arguments, **named)

    # Errors are looked for in a user's code, for which jaxtyping's frames are not taken.
    its = {**globals(), "__name__": jaxtyping.__name__}
    return wraps(plain)(FunctionType(call.__code__, its, call.__name__, None, call.__closure__))


def _has_shape(hint: Any) -> bool:
    """Whether a type is an array with a shape, or has one among its parts."""
    if isinstance(hint, list | tuple):  # the arguments of a Callable
        return any(map(_has_shape, hint))
    if isinstance(hint, type) and issubclass(hint, jaxtyping.AbstractArray):
        return True
    return any(map(_has_shape, get_args(hint)))


def _without_shapes(function: FunctionType, hints: dict[str, Any]) -> Callable[..., Any]:
    """The function with its arguments and result checked by beartype."""
    twin = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    twin.__kwdefaults__, twin.__annotations__ = function.__kwdefaults__, hints
    twin.__module__, twin.__qualname__ = function.__module__, function.__qualname__
    return update_wrapper(beartype(twin), function)


def _resolved(annotation: Any, function: FunctionType) -> Any:
    """An annotation as a type; Any where it has names that only a type checker imports."""

    def of(value: Any) -> None:
        """Has the annotation."""

    of.__annotations__ = {"value": annotation}
    try:
        return get_type_hints(of, function.__globals__, include_extras=True)["value"]
    except Exception:  # as jaxtyping does: whatever cannot be resolved is not checked
        return Any
