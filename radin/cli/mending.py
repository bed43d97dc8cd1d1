"""Parameters that would mend an error or a finding, written as the flags of the command that was called."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import click

from radin.cli.commands import COMMANDS
from radin.errors import RadinError

#: Parameters of the library whose flag has another name.
FLAGS = {"options": "-p", "path": "--output"}


def called(given: Sequence[str]) -> click.Command | None:
    """The command that these words of a command line call, or None."""
    name = next((word for word in given if not word.startswith("-")), "")
    if name not in COMMANDS:
        return None
    command: click.Command = import_module(f"radin.cli.{name}").command
    return command


def error_text(error: RadinError, command: click.Command | None) -> str:
    """An error's message, and flags of this command that would mend it."""
    return with_flags(error.message, error.mend, command)


def with_flags(message: str, mend: Mapping[str, Any], command: click.Command | None) -> str:
    """A message with `Try --weights ema.` after it, where there is something to try.

    A parameter that is no option of the command is an argument of the ready task: `--task-arg classes=FILE`.

    Arguments:
        message: what went wrong.
        mend: parameters of the library with the values to give them.
        command: the command that was called; None writes them as Python does.
    """
    if not mend:
        return message
    flags = [_flag(name, value, command) for name, value in mend.items()]
    return f"{message} Try {' '.join(flags)}."


def _flag(name: str, value: Any, command: click.Command | None) -> str:
    if command is None:
        return f"{name}={value!r}"
    flag = FLAGS.get(name, f"--{name.replace('_', '-')}")
    option = _option(flag, command)
    if option is not None and option.is_flag:
        return option.opts[-1] if value or not option.secondary_opts else option.secondary_opts[-1]
    if option is None and _option("--task-arg", command) is None:
        return f"{name}={_word(value)}"
    if option is None:
        return f"--task-arg {_word(f'{name}={_plain(value)}')}"
    return f"{flag} {_word(value)}"


def _option(flag: str, command: click.Command) -> click.Option | None:
    options = (one for one in command.params if isinstance(one, click.Option))
    return next((one for one in options if flag in (*one.opts, *one.secondary_opts)), None)


def _plain(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _word(value: Any) -> str:
    """A value as one word of a command line; a placeholder such as `FILE` or `NAME=DATA` stays as it is."""
    return shlex.quote(_plain(value))
