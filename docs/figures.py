"""Redraws `docs/pictures` by the commands that stand beside each picture in the pages: `python docs/figures.py`.

That takes seconds: pictures of measurements are drawn from the tables of the pages and from the points in `docs/rows`,
which the benchmarks beside them measure. `--list` prints the commands, and names choose among the pictures.
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click

DOCS = Path(__file__).parent
PICTURES = DOCS / "pictures"

#: The page and the program of each picture.
FIGURES = {
    "theory.png": ("method.md", "benchmarks.studies.theory"),
    "bills.png": ("results.md", "benchmarks.studies.page_pictures"),
    "four-soups.png": ("results.md", "benchmarks.studies.page_pictures"),
    "prior.png": ("results.md", "benchmarks.studies.page_pictures"),
    "surrogate.png": ("results.md", "benchmarks.studies.page_pictures"),
    "kernels.png": ("performance.md", "benchmarks.studies.page_pictures"),
}

#: Commands in fenced or indented blocks.
BLOCK = re.compile(r"^```\n(.*?)^```$|((?:^    .*\n)+)", re.DOTALL | re.MULTILINE)


def commands(picture: str) -> list[str]:
    """The commands that draw a picture, as its page gives them, in their order.

    They are those of the block that names the picture or, where none does, of the first one with its program.
    """
    page, program = FIGURES[picture]
    blocks = ["".join(found) for found in BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))]
    own = [block for block in blocks if f"python -m {program}" in block]
    block = next((block for block in own if picture in block), own[0])
    return [line.strip() for line in block.splitlines() if line.strip().startswith(f"python -m {program}")]


def redraw(pictures: Sequence[str]) -> None:
    """Runs the commands of some pictures, each once; they draw in place."""
    for line in dict.fromkeys(line for picture in pictures for line in commands(picture)):
        click.echo(f"$ {line}")
        subprocess.run([sys.executable, *shlex.split(line)[1:]], check=True, cwd=DOCS.parent)
    for picture in pictures:
        click.echo(PICTURES / picture)


def main(arguments: Sequence[str] | None = None) -> None:
    """Redraws the pictures that are named, or all."""
    parser = argparse.ArgumentParser(prog="python docs/figures.py", description=__doc__)
    parser.add_argument("pictures", nargs="*", metavar="PICTURE", help=f"of {', '.join(FIGURES)}; all by default")
    parser.add_argument("--list", action="store_true", help="print the commands alone")
    given = parser.parse_args(arguments)
    unknown = [name for name in given.pictures if name not in FIGURES]
    if unknown:
        parser.error(f"there is no picture {unknown[0]}; there are {', '.join(FIGURES)}")
    chosen = given.pictures or list(FIGURES)
    if not given.list:
        redraw(chosen)
        return
    for name in chosen:
        click.echo("\n  ".join([f"{name}:", *commands(name)]))


if __name__ == "__main__":
    main()
