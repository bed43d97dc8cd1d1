"""Groups of options that reach a command as one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Any

#: A function that click makes a command of.
Command = Callable[..., Any]

#: What adds an option to a command.
Option = Callable[[Command], Command]


def together(*options: Option) -> Option:
    """Makes one decorator of several options, which `--help` lists in this order."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def gathered(name: str, kind: type[Any], *options: Option) -> Option:
    """Makes one decorator of several options whose values reach the command as one.

    Arguments:
        name: the command's parameter that receives the value.
        kind: a dataclass. Its fields have the names of the options' parameters; options of other names reach the
            command by themselves.
        options: what `click.option` and `click.argument` return.
    """
    names = [field.name for field in fields(kind)]
    decorate = together(*options)

    def gather(command: Command) -> Command:
        @wraps(command)
        def call(**given: Any) -> Any:
            value = kind(**{one: given.pop(one) for one in names})
            return command(**{name: value}, **given)

        return decorate(call)

    return gather
