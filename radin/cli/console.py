"""Parts that several commands share: the option of JSON, and sizes that are read."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import click

from radin.errors import InputError

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of tables.")


def program() -> str:
    """The words that call radin as it was called: its name, or its path where the shell does not find the name."""
    started = Path(sys.argv[0])
    if started.name == "__main__.py" and started.parent.name == "radin":
        return "python -m radin"
    return "radin" if shutil.which("radin") or started.name != "radin" else os.path.relpath(started)


def print_json(value: Any) -> None:
    """Prints a document for other programs to read."""
    click.echo(json.dumps(value, indent=1, ensure_ascii=False))


def parse_size(text: str) -> int:
    """`5GB` or `500 MiB` as bytes; GB are powers of 1000, GiB of 1024.

    Raises:
        InputError: no number with such a unit.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) *([kKMGT]?)(i?)[bB]?", text.strip())
    if not found:
        raise InputError(f"expected a size such as 5GB or 500MB, got {text!r}")
    number, unit, binary = found.groups()
    return int(float(number) * (1024 if binary else 1000) ** " KMGT".index(unit.upper() or " "))
