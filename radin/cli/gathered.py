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


def gathered(name: str, kind: type[Any], *options: Option) -> Option:
    """Makes one decorator of several options whose values reach the command as one.

    Arguments:
        name: the command's parameter that receives the value.
        kind: a dataclass. Its fields have the names of the options' parameters; options of other names reach the
            command by themselves.
        options: what `click.option` and `click.argument` return, in the order in which `--help` lists them.
    """
    names = [field.name for field in fields(kind)]

    def gather(command: Command) -> Command:
        @wraps(command)
        def call(**given: Any) -> Any:
            value = kind(**{one: given.pop(one) for one in names})
            return command(**{name: value}, **given)

        made: Command = call
        for option in reversed(options):
            made = option(made)
        return made

    return gather
