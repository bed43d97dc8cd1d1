"""`python -m benchmarks.gpu`: what radin does on a GPU, checked and measured in under ten minutes.

Each check runs in a process of its own with a time limit. One that fails is shown, and the others go on. With
`--device cpu --quick` everything that needs no GPU is tried on tiny inputs, in this process.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.gpu import collecting, device, filling, memory, outputs, runs, suite, surrogates, workers
from benchmarks.gpu.check import Check, Outcome, Setting
from benchmarks.gpu.running import in_its_own, in_this_process, outcomes, write
from benchmarks.terminal import print_table
from radin.tasks.device import parse_device

#: All checks, in the order in which they are made.
CHECKS: tuple[Check, ...] = (
    *device.CHECKS,
    *filling.CHECKS,
    *outputs.CHECKS,
    *surrogates.CHECKS,
    *runs.CHECKS,
    *memory.CHECKS,
    *collecting.CHECKS,
    *workers.CHECKS,
    *suite.CHECKS,
)

#: Seconds that all of them may take together.
SECONDS = 590


def chosen(names: Sequence[str] | None, left_out: Sequence[str]) -> list[Check]:
    """The checks of some names, or all, without some."""
    return [check for check in CHECKS if (names is None or check.name in names) and check.name not in left_out]


def shown(found: Outcome) -> list[str]:
    """A line of the table."""
    figures = "\n".join(f"{name}: {_number(value)}" for name, value in found.figures.items())
    first = found.said.strip().splitlines()
    said = first[0] if first else ""
    return [found.name, found.status, f"{found.seconds:.1f}", found.about, "\n".join(filter(None, [said, figures]))]


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes the checks, prints a table and writes a file; 1 if one of them failed."""
    names = [check.name for check in CHECKS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto", help="as radin takes it (default: a GPU where there is one)")
    parser.add_argument("--quick", action="store_true", help="tiny inputs, in this process: a test of this program")
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--without", nargs="+", choices=names, default=[], metavar="NAME", help="leave these out")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for all checks (default: %(default)s)")
    parser.add_argument("--side", type=int, default=4, help="checks side by side that need not be alone (default: 4)")
    parser.add_argument("--json", type=Path, default=Path("gpu.json"), help="the file to write (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="for files of the checks (default: one that is removed)")
    parser.add_argument("--here", action="store_true", help="in this process, without limits and without a table")
    given = parser.parse_args(arguments)
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        setting = Setting(str(parse_device(given.device)), given.quick, given.folder or Path(scratch))
        setting.folder.mkdir(parents=True, exist_ok=True)
        found: list[Outcome] = []
        here = given.quick or given.here
        make, side = (in_this_process, 1) if here else (in_its_own, given.side)
        for one in outcomes(chosen(given.only, given.without), setting, make, given.seconds, side):
            found.append(one)
            write(given.json, found, setting)
            if not given.here:
                console.print(f"{one.name}: {one.status}, {one.seconds:.1f} s", highlight=False)
                if one.status in ("failed", "too slow"):
                    console.print(one.said, style="dim", highlight=False, markup=False)
    if not given.here:
        columns = ["check", "outcome", "s", "holds if it passes", "figures"]
        print_table(f"radin on {setting.device}", columns, [shown(one) for one in found], numbers=[2])
    return int(any(one.status in ("failed", "too slow") for one in found))


if __name__ == "__main__":
    raise SystemExit(main())
