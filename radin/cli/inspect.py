"""`radin inspect`: can these checkpoints be averaged?"""

from __future__ import annotations

import click

from radin.cli.console import json_option, output, print_json, size, table
from radin.files import file_digest


@click.command("inspect", epilog="Example: radin inspect runs/*.safetensors")
@click.argument("checkpoints", nargs=-1, metavar="CKPT...")
@json_option
def command(checkpoints: tuple[str, ...], as_json: bool) -> None:
    """Say whether checkpoints can be averaged with one another, and if not, why not.

    Exits with 2 if they cannot.
    """
    from radin.pool import Pool

    pool = Pool(checkpoints)
    seen: dict[str, str] = {}
    rows = []
    for name, path in zip(pool.names, pool.paths, strict=True):
        digest = file_digest(path)
        same = seen.setdefault(digest, name)
        rows.append({"name": name, "path": str(path), "sha256": digest, "same_as": None if same == name else same})
    twice = [row for row in rows if row["same_as"]]
    dtypes = sorted({info.dtype for info in pool.tensors.values()})
    if as_json:
        summary = {"compatible": not twice, "tensors": len(pool.tensors), "bytes": pool.nbytes, "dtypes": dtypes}
        print_json(summary | {"tied": dict(pool.aliases), "ingredients": rows})
    else:
        cells = [[row["name"] or "", row["path"] or "", (row["sha256"] or "")[:12]] for row in rows]
        output().print(table("ingredients", ["name", "file", "sha256"], cells))
        tied = f", {len(pool.aliases)} tied" if pool.aliases else ""
        counted = f"{len(pool)} checkpoint{'s' * (len(pool) > 1)}, {len(pool.tensors)} tensors{tied}"
        click.echo(f"{counted}, {size(pool.nbytes)} each, {', '.join(dtypes)}")
        for row in twice:
            click.echo(f"{row['name']} and {row['same_as']} have the same contents: leave one out")
        if not twice:
            click.echo("compatible: they can be averaged; values are looked at, for NaN, when they are read")
    if twice:
        raise SystemExit(2)
