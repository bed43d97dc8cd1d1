"""The commands in the documents have only options that their programs have."""

import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import click
import pytest
from helpers.paths import ROOT

from radin.cli.commands import COMMANDS

DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]

#: Commands in fenced or indented blocks, and in the midst of a text.
FENCED = re.compile(r"^```\w*\n(.*?)^```|((?:^    .*\n)+)", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`([^`\n]+)`")

#: What a shell takes for itself.
END = re.compile(r"\s(?:#|\|)\s.*| {2,}#.*")


def lines_of(document: Path) -> Iterator[str]:
    """The commands of a document, each in one line."""
    if document.name == "commands.md":  # it is made from the program
        return
    text = document.read_text(encoding="utf-8")
    blocks = ["".join(found) for found in FENCED.findall(text)]
    for block in [*blocks, *INLINE.findall(FENCED.sub("", text))]:
        for line in block.replace("\\\n", " ").splitlines():
            yield END.sub("", line.strip().removeprefix("$ "))


def flags_of(words: list[str]) -> list[str]:
    """The options among the words of a command, without their values."""
    return [word.partition("=")[0] for word in words if re.match(r"--?[a-zA-Z]", word)]


COMMAND_LINES = sorted(
    {
        (document.name, line)
        for document in DOCUMENTS
        for line in lines_of(document)
        if re.match(rf"radin ({'|'.join(COMMANDS)})\b|python -m (?:benchmarks)\b", line)
    }
)


def options_of(command: click.Command) -> set[str]:
    """The flags of a command of radin's."""
    return {flag for one in command.params for flag in (*one.opts, *one.secondary_opts)} | {"-h", "--help"}


def said_in(module: str) -> str:
    """The text of a program, which names its options."""
    spec = find_spec(module)
    assert spec is not None
    if spec.submodule_search_locations is not None:
        spec = find_spec(f"{module}.__main__")
        assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).read_text(encoding="utf-8")


def test_there_is_something_to_look_at() -> None:
    assert len(COMMAND_LINES) > 80


@pytest.mark.parametrize(("document", "line"), COMMAND_LINES)
def test_a_command_has_only_options_that_are_there(document: str, line: str) -> None:
    words = shlex.split(line)
    if words[0] == "radin":
        known = options_of(import_module(f"radin.cli.{words[1]}").command)
        unknown = [flag for flag in flags_of(words[2:]) if flag not in known]
    else:
        text = said_in(words[2])
        unknown = [flag for flag in flags_of(words[3:]) if f'"{flag}"' not in text]
    assert not unknown, f"{document}: {line}"
