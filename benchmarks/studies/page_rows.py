"""`python -m benchmarks.studies.page_rows results/surrogate.jsonl`: keeps what pictures of the pages show of rows.

Rows of benchmarks are long and stay in `results/`. Points of pictures that stand in no table of a page are kept in
`docs/rows`, from where `python -m benchmarks.studies.page_pictures` draws them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.speed import kernel_display
from benchmarks.studies import surrogate
from radin.common.files import written_aside

Row = dict[str, Any]

ROWS = Path(__file__).parents[2] / "docs" / "rows"

#: The pools in the picture of the surrogate; more panels could not be read.
POOLS = ("digits", "many", "broken", "convnet")


def _soups(rows: Sequence[Row]) -> surrogate.Dots:
    return surrogate.dots([row for row in rows if row["zoo"] in POOLS])


#: What is kept of the rows of each benchmark, by the name of their file.
KEPT: dict[str, Callable[[Sequence[Row]], Mapping[str, Any]]] = {"kernels": kernel_display.lines, "surrogate": _soups}


def main(arguments: Sequence[str] | None = None) -> int:
    """Keeps what pictures show of each file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help=f"{' or '.join(KEPT)}, as .jsonl")
    parser.add_argument("--out", type=Path, default=ROWS, help="folder of what is kept (docs/rows)")
    given = parser.parse_args(arguments)
    for file in given.files:
        if file.stem not in KEPT:
            parser.error(f"no picture is drawn from rows of {file.stem}; expected a file of {' or '.join(KEPT)}")
    for file in given.files:
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in KEPT[file.stem](rows).items()]
        given.out.mkdir(parents=True, exist_ok=True)
        with written_aside(given.out / f"{file.stem}.json") as target:
            target.write("{{\n{}\n}}\n".format(",\n".join(lines)).encode())
    return 0


def kept(name: str) -> Any:
    """What is kept of the rows of a benchmark."""
    return json.loads((ROWS / f"{name}.json").read_text(encoding="utf-8"))


if __name__ == "__main__":
    raise SystemExit(main())
