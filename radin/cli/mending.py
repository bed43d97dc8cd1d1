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

#: The option that names a task.
TASK = "--task"


def called(given: Sequence[str]) -> click.Command | None:
    """The command that these words of a command line call, or None."""
    name = next((word for word in given if not word.startswith("-")), "")
    if name not in COMMANDS:
        return None
    command: click.Command = import_module(f"radin.cli.{name}").command
    return command


def named_task(given: Sequence[str]) -> str:
    """The task that these words of a command line name with `--task`; empty if they name none."""
    pairs = zip(given, [*given[1:], ""], strict=True)
    named = [after if word == TASK else word.removeprefix(f"{TASK}=") for word, after in pairs if _names_task(word)]
    return named[-1] if named else ""


def _names_task(word: str) -> bool:
    return word == TASK or word.startswith(f"{TASK}=")


def error_text(error: RadinError, command: click.Command | None, task: str = "") -> str:
    """An error's message, and flags of this command that would mend it.

    Arguments:
        error: that ended the command.
        command: that was called.
        task: the name of its task. Arguments that its function does not take are not offered.
    """
    mend = {name: value for name, value in error.mend.items() if _is_offered(name, command, task)}
    return with_flags(error.message, mend, command)


def _is_offered(name: str, command: click.Command | None, task: str) -> bool:
    """Whether a parameter is an option of the command, or an argument of its task as far as that is loaded."""
    if command is None or not task or _option(_flag_of(name), command) is not None:
        return True
    from radin.tasks.load import arguments_of

    takes = arguments_of(task)
    return takes is None or name in takes


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
    flag = _flag_of(name)
    option = _option(flag, command)
    if option is not None and option.is_flag:
        return option.opts[-1] if value or not option.secondary_opts else option.secondary_opts[-1]
    if option is None and _option("--task-arg", command) is None:
        return f"{name}={_word(value)}"
    if option is None:
        return f"--task-arg {_word(f'{name}={_plain(value)}')}"
    return f"{flag} {_word(value)}"


def _flag_of(name: str) -> str:
    return FLAGS.get(name, f"--{name.replace('_', '-')}")


def _option(flag: str, command: click.Command) -> click.Option | None:
    options = (one for one in command.params if isinstance(one, click.Option))
    return next((one for one in options if flag in (*one.opts, *one.secondary_opts)), None)


def _plain(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _word(value: Any) -> str:
    """A value as one word of a command line; a placeholder such as `FILE` or `NAME=DATA` stays as it is."""
    return shlex.quote(_plain(value))
