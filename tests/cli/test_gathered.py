"""Options that reach a command as one value."""

from dataclasses import dataclass

import click
from click.testing import CliRunner

from radin.cli.gathered import gathered


@dataclass(frozen=True)
class Size:
    """Two options."""

    width: int
    height: int


size_options = gathered(
    "size",
    Size,
    click.option("--width", default=1),
    click.option("--height", default=2),
    click.option("--colour", default="red"),  # no field of the value
)


@click.command()
@click.option("--first")
@size_options
@click.option("--last")
def command(first: str | None, size: Size, colour: str, last: str | None) -> None:
    """Print it all."""
    click.echo(repr((first, size, colour, last)))


def test_a_command_gets_one_value_and_what_is_no_field_of_it() -> None:
    printed = CliRunner().invoke(command, ["--width", "7", "--last", "x"]).output
    assert printed == "(None, Size(width=7, height=2), 'red', 'x')\n"


def test_options_are_listed_in_their_order() -> None:
    assert [one.name for one in command.params] == ["first", "width", "height", "colour", "last"]
    assert command.help == "Print it all."
