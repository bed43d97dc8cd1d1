"""`radin inspect`: can these checkpoints be averaged?"""

from __future__ import annotations

from typing import Any

import click

from radin.cli.console import json_option, output, pool_options, print_json, size, table


@click.command("inspect", epilog="Example: radin inspect runs/*.safetensors")
@pool_options
@json_option
def command(checkpoints: tuple[str, ...], weights: str | None, prefix: str | None, as_json: bool) -> None:
    """Say whether checkpoints can be averaged with one another, and if not, why not.

    Exits with 2 if they cannot.
    """
    from radin.pool import Pool

    pool = Pool(checkpoints, weights=weights, prefix=prefix)
    seen: dict[str, str] = {}
    rows: list[dict[str, Any]] = []
    for i, (name, path) in enumerate(zip(pool.names, pool.paths, strict=True)):
        digest = pool.digest(i)
        same = seen.setdefault(digest, name)
        row = {"name": name, "path": str(path), "sha256": digest, "same_as": None if same == name else same}
        rows.append(row | pool.origin(i))
    twice = [row for row in rows if row["same_as"]]
    dtypes = sorted({info.dtype for info in pool.tensors.values()})
    if as_json:
        summary = {"compatible": not twice, "tensors": len(pool.tensors), "bytes": pool.nbytes, "dtypes": dtypes}
        print_json(summary | {"tied": dict(pool.aliases), "classes": pool.class_names, "ingredients": rows})
    else:
        cells = [[row["name"], row["path"], row["sha256"][:12]] for row in rows]
        output().print(table("ingredients", ["name", "file", "sha256"], cells))
        for taken in dict.fromkeys(map(_taken, rows)):
            named = [row["name"] for row in rows if _taken(row) == taken]
            click.echo(f"taken from {'each file' if len(named) == len(rows) else ', '.join(named)}: {taken}")
        tied = f", {len(pool.aliases)} tied" if pool.aliases else ""
        counted = f"{len(pool)} checkpoint{'s' * (len(pool) > 1)}, {len(pool.tensors)} tensors{tied}"
        click.echo(f"{counted}, {size(pool.nbytes)} each, {', '.join(dtypes)}")
        for row in twice:
            click.echo(f"{row['name']} and {row['same_as']} have the same contents: leave one out")
        if not twice:
            click.echo("compatible: they can be averaged; values are looked at, for NaN, when they are read")
    if twice:
        raise SystemExit(2)


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
