"""`radin inspect`: can these checkpoints be averaged?"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from radin.cli.console import json_option, pool_options, print_json, size
from radin.cli.screen import print_table
from radin.errors import IncompatibleError

if TYPE_CHECKING:
    from radin.weights.pool import Pool


@click.command("inspect", epilog="Example: radin inspect runs/*.safetensors")
@pool_options
@json_option
def command(checkpoints: tuple[str, ...], weights: str | None, prefix: str | None, as_json: bool) -> None:
    """Say whether checkpoints can be averaged with one another, and if not, why not.

    Exits with 2 if they cannot.
    """
    from radin.common.error_list import Complaints
    from radin.weights.pool import Pool
    from radin.weights.survey import check_averageable, survey

    complaints = Complaints("checkpoints")
    pool = Pool(checkpoints, weights=weights, prefix=prefix, complaints=complaints)
    seen: dict[str, str] = {}
    rows: list[dict[str, Any]] = []
    surveys = []
    for i, (name, path) in enumerate(zip(pool.names, pool.paths, strict=True)):
        digest = pool.digest(i)
        same = seen.setdefault(digest, name)
        surveys.append(survey(pool, i))
        with complaints.noting():
            _refuse_twin(name, same)
        row = {"name": name, "path": str(path), "sha256": digest, "same_as": None if same == name else same}
        rows.append(row | pool.origin(i) | {"not_finite": [asdict(one) for one in surveys[-1].not_finite]})
    if not complaints:
        check_averageable(pool, surveys, complaints)
    dtypes = sorted({info.dtype for info in pool.tensors.values()})
    if as_json:
        summary = {"compatible": not complaints, "tensors": len(pool.tensors), "bytes": pool.nbytes, "dtypes": dtypes}
        print_json(summary | {"tied": dict(pool.aliases), "classes": pool.class_names, "ingredients": rows})
    else:
        show(pool, rows, dtypes)
    complaints.settle()
    if not as_json:
        click.echo("compatible: they can be averaged" if len(pool) > 1 else "one checkpoint: give more to compare")


def show(pool: Pool, rows: list[dict[str, Any]], dtypes: list[str]) -> None:
    """Prints a row for each checkpoint, what was taken of the files, and what is infinite."""
    cells = [[row["name"], row["path"], row["sha256"][:12]] for row in rows]
    print_table("ingredients", ["name", "file", "sha256"], cells)
    for taken in dict.fromkeys(map(_taken, rows)):
        named = [row["name"] for row in rows if _taken(row) == taken]
        click.echo(f"taken from {'each file' if len(named) == len(rows) else ', '.join(named)}: {taken}")
    tied = f", {len(pool.aliases)} tied" if pool.aliases else ""
    counted = f"{len(pool)} checkpoint{'s' * (len(pool) > 1)}, {len(pool.tensors)} tensors{tied}"
    click.echo(f"{counted}, {size(pool.nbytes)} each, {', '.join(dtypes)}")
    infinite: dict[str, list[str]] = {}
    for row in rows:
        for one in row["not_finite"]:
            if one["infinite"]:
                infinite.setdefault(one["tensor"], []).append(row["name"])
    for tensor, names in infinite.items():
        where = "each file" if len(names) == len(rows) else ", ".join(names)
        click.echo(f"note: {tensor!r} holds infinities in {where}: right in a mask, of no use in weights")


def _refuse_twin(name: str, same: str) -> None:
    if name != same:
        raise IncompatibleError(f"{name} and {same} have the same contents: leave one out")


def _taken(row: dict[str, Any]) -> str:
    """What was taken of a file, in words."""
    parts = [
        {"model": "the network's own weights", "ema": "the moving average (EMA)"}.get(row["weights"], "all tensors")
    ]
    if row["prefix"]:
        parts.append(f"prefix {row['prefix']} taken off")
    if row["left_out"]:
        parts.append(f"without {', '.join(row['left_out'][:3])}" + (", ..." if len(row["left_out"]) > 3 else ""))
    return "; ".join(parts)
