"""Entry point, the list of commands, and how errors end."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from radin import __version__
from radin.common.suggestions import nearest
from radin.errors import RadinError

#: Command to the module that holds it, and its one-line help; the module is imported when the command is called.
COMMANDS = {
    "demo": "The main job on a small real pool that it trains itself.",
    "soup": "Find the best soup of a folder of checkpoints.",
    "rank": "Rank recipes by averaged logits alone, from anywhere.",
    "average": "Average checkpoints into one file.",
    "inspect": "Say whether checkpoints can be averaged, and why not.",
    "diagnose": "Say whether a pool soups at all, and what does not belong in it.",
    "searchers": "List the installed searchers and their options.",
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called, so that `--help` stays quick."""

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
@click.version_option(__version__, prog_name="radin")
def cli() -> None:
    """Find the best model soup of your checkpoints on a budget of real evaluations."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line.

    Exits with 0 when all went well, with 2 on bad input or anything else that radin has an error for, and with 130
    when it was interrupted.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        result: Any = cli.main(given, prog_name="radin", standalone_mode=False)
    except RadinError as error:
        _complain(str(error))
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("\nInterrupted. What was completed is kept; the same command goes on from there:", err=True)
        click.echo(f"  radin {shlex.join(given)}", err=True)
        sys.exit(130)
    sys.exit(result if isinstance(result, int) else 0)


def _complain(message: str) -> None:
    click.echo(f"{click.style('error:', fg='red', bold=True)} {message}", err=True)
