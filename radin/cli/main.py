"""The entry point of the command line, and what is printed and returned when a command fails."""

from __future__ import annotations

import errno
import io
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any

import click

from radin.cli.commands import COMMANDS
from radin.common.suggestions import nearest
from radin.common.version import VERSION
from radin.common.wording import printable
from radin.errors import RadinError

#: Exit codes: bad input, or another error that radin has a class for; an interruption; a reader of the output that has
#: gone. The last two are those of a shell whose program was ended by a signal.
ERROR, INTERRUPTED, BROKEN_PIPE = 2, 130, 141


class ReaderGone(Exception):
    """Whatever read the output has gone. Click has a treatment of its own for the pipe's error, with exit code 1."""


@contextmanager
def _reader_gone() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as error:
        raise ReaderGone from error


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called, so that `--help` stays quick."""

    def make_context(self, *arguments: Any, **extra: Any) -> click.Context:
        """Parses the command line; `--help` is printed here."""
        with _reader_gone():
            return super().make_context(*arguments, **extra)

    def invoke(self, context: click.Context) -> Any:
        """Runs the command that was called."""
        with _reader_gone():
            return super().invoke(context)

    def list_commands(self, context: click.Context) -> list[str]:
        """Names of the commands, the most useful first."""
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The command of this name."""
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"radin.cli.{name}").command
        return command

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is called; of another name it says which are near."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            context.fail(f"No such command {args[0]!r}; {nearest(args[0], COMMANDS)}")
        return super().resolve_command(context, args)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: radin soup runs/*.safetensors --task mytask.py:task --soups 4",
)
@click.version_option(VERSION, prog_name="radin")
def cli() -> None:
    """Find the best model soup of your checkpoints on a budget of real evaluations."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line.

    Exits with 0 when all went well, with 2 on bad input or anything else that radin has an error for, with 130 when it
    was interrupted, and with 141 when whatever reads the output has gone, as after `radin searchers | head -1`.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        _prepare_streams()
        code = _run(given)
        _flush()
    except KeyboardInterrupt:  # before the command had begun, or after its end
        code = _interrupted(given)
    except (ReaderGone, BrokenPipeError):
        _forget_output()
        sys.exit(BROKEN_PIPE)
    except OSError as error:
        # Errors of files name the file, and radin's own writing raises StorageError: what is left is the output's.
        from radin.common.files import FULL

        if error.filename is not None or error.errno not in (*FULL, errno.EIO, errno.EBADF):
            raise
        _forget_output()
        _complain(f"standard output cannot be written to ({error.strerror or error})")
        sys.exit(ERROR)
    sys.exit(code)


def _run(given: list[str]) -> int:
    """Runs one command and returns the exit code; errors are printed."""
    try:
        result: Any = cli.main(given, prog_name="radin", standalone_mode=False)
    except RadinError as error:
        from radin.cli.mending import called, error_text, named_task

        _complain(error_text(error, called(given), named_task(given)))
        return ERROR
    except PermissionError as error:  # of a place that nobody foresaw
        if error.filename is None:
            raise
        where, why = os.fsdecode(error.filename), error.strerror or error
        _complain(f"{where}: {why}; see to its permissions, and to those of the folders above it")
        return ERROR
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort as error:  # click's word for an interruption, and for an input that ends
        ended = error.__cause__ or error.__context__
        if isinstance(ended, EOFError):
            _complain(f"an input ended before it was complete ({type(ended).__name__}: {ended})")
            return ERROR
        return _interrupted(given)
    except KeyboardInterrupt:
        return _interrupted(given)
    return result if isinstance(result, int) else 0


def _interrupted(given: list[str]) -> int:
    click.echo("\nInterrupted. What was completed is kept; the same command goes on from there:", err=True)
    click.echo(f"  radin {shlex.join(given)}", err=True)
    return INTERRUPTED


def _complain(message: str) -> None:
    with suppress(OSError, ValueError):  # standard error may be closed, too
        click.echo(f"{click.style('error:', fg='red', bold=True)} {printable(message)}", err=True)


def _prepare_streams() -> None:
    """Opens standard streams that were closed on the null device, and lets any text be printed in any encoding.

    Without the former, the next file that is opened would take the place of a closed stream, and receive what a
    library prints.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 (open to the end)
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _flush() -> None:
    """Writes what is still held back, while an error of it can be told."""
    if sys.stdout is not None:
        sys.stdout.flush()


def _forget_output() -> None:
    """Keeps Python from writing once more, and failing once more, when it ends."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
