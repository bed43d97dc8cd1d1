"""`python -m benchmarks.zoos digits fashion-mnist`: trains the missing parts of pools and prints their folders."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks import zoos
from radin.common.progress import Advance
from radin.errors import RadinError


class Lines:
    """Progress as one line for each report."""

    @contextmanager
    def stage(self, name: str, total: int | None, unit: str) -> Iterator[Advance]:
        """Opens a stage; every report prints what is done and the time so far."""
        done, start = 0, time.monotonic()

        def advance(units: int) -> None:
            nonlocal done
            done += units
            print(f"  {name}: {done} of {total} {unit}s, {time.monotonic() - start:.0f} s", flush=True)

        yield advance


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds the pools that are named; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.zoos", description=__doc__)
    parser.add_argument(
        "names", nargs="+", metavar="NAME", help="; ".join(f"{n}: {zoos.get(n).summary}" for n in zoos.names())
    )
    parser.add_argument("--out", type=Path, help="folder of all pools (default: $RADIN_ZOO, else ~/.cache/radin/zoos)")
    parser.add_argument("-n", type=int, help="fine-tunings (default: each pool's own)")
    parser.add_argument("--seed", type=int, help="of everything that is random (default: 0)")
    parser.add_argument("--jobs", type=int, help="fine-tunings at a time, where the pool is large enough (default: 2)")
    parser.add_argument("--data", type=Path, help="folder of the data, where the pool reads files")
    given = vars(parser.parse_args(arguments))
    chosen, out = given.pop("names"), given.pop("out")
    options = {name: value for name, value in given.items() if value is not None}
    try:
        pools = [zoos.get(name) for name in chosen]
        for option in options:
            if not any(option in zoo.options for zoo in pools):
                parser.error(f"none of these pools has the option {option!r}: {', '.join(chosen)}")
        for zoo in pools:
            print(f"{zoo.name}: {zoo.folder(out)}")
            kept = {name: value for name, value in options.items() if name in zoo.options}
            paths = zoo.build(out, progress=Lines(), **kept)
            print(f"  {len(paths)} checkpoints")
    except RadinError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
