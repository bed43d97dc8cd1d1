"""`radin inspect`: can these checkpoints be averaged?"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radin.cli.checkpoint_options import Checkpoints, checkpoint_options, show_notes
from radin.cli.console import json_option, print_json
from radin.cli.screen import SHORT_NAME, output, print_table, say
from radin.common.wording import counted, shortened, shown, size

if TYPE_CHECKING:
    from radin.weights.inspection import Inspected, Inspection

#: Characters of the table of ingredients beside their names: fingerprints and lines.
BESIDE_NAMES = 19


@click.command("inspect", epilog="Example: radin inspect runs/*.safetensors")
@checkpoint_options
@json_option
def command(given: Checkpoints, as_json: bool) -> None:
    """Say whether checkpoints can be averaged with one another, and if not, why not.

    Exits with 2 if they cannot.
    """
    from radin.adapters import inspect

    found = inspect(given.checkpoints, **given.choices)
    show_notes(found.pool)
    print_json(found.to_json()) if as_json else show(found)
    if found.error is not None:
        raise found.error
    if not as_json:
        several = len(found.ingredients) > 1
        say("compatible: they can be averaged" if several else "one checkpoint: give more to compare")


def show(found: Inspection) -> None:
    """Prints a row for each checkpoint, what was taken of the files, and which tensors hold infinities."""
    pool, ingredients = found.pool, found.ingredients
    folder, files = located([one.name for one in ingredients], [one.path for one in ingredients])
    # The name is the way to the file, where no column names the file: it is shortened only where it does not fit.
    room = SHORT_NAME if any(files) else max(SHORT_NAME, output().width - BESIDE_NAMES)
    short = shortened([one.name for one in ingredients], room)
    cells = [[short[one.name], file, one.fingerprint[:12]] for one, file in zip(ingredients, files, strict=True)]
    print_table(f"ingredients, in {folder}" if folder else "ingredients", ["name", "file", "sha256"], cells)
    show_training(ingredients)
    if adapters := [one.origin["adapter"] for one in ingredients if "adapter" in one.origin]:
        show_adapters(found, adapters)
        return
    taken: dict[str, list[str]] = {}
    for one in ingredients:
        taken.setdefault(_taken(one.origin), []).append(one.name)
    for what, names in taken.items():
        say(f"taken from {_where(names, ingredients)}: {what}", short)
    tied = f", {len(pool.aliases)} tied" if pool.aliases else ""
    held = f"{counted(len(pool), 'checkpoint')}, {counted(len(pool.tensors), 'tensor')}{tied}"
    say(f"{held}, {size(pool.nbytes)} each, {', '.join(found.dtypes)}")
    for tensor, where in found.infinities.items():
        places = _where(where, ingredients)
        say(f"note: {tensor!r} holds infinities in {places}: right in a mask, wrong in weights", short)


def located(names: Sequence[str], paths: Sequence[Path]) -> tuple[str, list[str]]:
    """The folder that holds all checkpoints, and the place of each in it; empty where the names alone tell it.

    Where some paths are absolute and others are not, or they lie on several drives, the folder is empty.
    """
    try:
        folder = Path(os.path.commonpath([path.parent for path in paths]))
    except ValueError:
        return "", [str(path) for path in paths]
    within = [os.path.relpath(path, folder) for path in paths]
    suffix = within[0].removeprefix(names[0])
    if [name + suffix for name in names] != within:
        return str(folder), within
    return f"{folder}, each NAME{suffix}" if suffix else str(folder), [""] * len(within)


def show_adapters(found: Inspection, adapters: Sequence[Mapping[str, Any]]) -> None:
    """Prints type, ranks and base of each adapter."""
    short = shortened([one.name for one in found.ingredients], SHORT_NAME)
    rows = [
        [short[one.name], about["type"], _range(about["ranks"]), str(about["modules"]), str(about["base"])]
        for one, about in zip(found.ingredients, adapters, strict=True)
    ]
    print_table("adapters", ["name", "type", "rank", "modules", "base"], rows)
    say(f"{counted(len(found.pool), 'adapter')}, {size(found.pool.nbytes)} each, {', '.join(found.dtypes)}")


def _range(ranks: Sequence[int]) -> str:
    return str(ranks[0]) if len(ranks) == 1 else f"{ranks[0]} to {ranks[-1]}"


def show_training(ingredients: Sequence[Inspected]) -> None:
    """Prints what training runs noted of their checkpoints, if any did."""
    names = list(dict.fromkeys(name for one in ingredients for name in one.training))
    if names:
        short = shortened([one.name for one in ingredients], SHORT_NAME)
        rows = [
            [short[one.name], *(f"{one.training[name]:g}" if name in one.training else "" for name in names)]
            for one in ingredients
        ]
        print_table("by their training runs", ["name", *names], rows, numbers=range(1, len(names) + 1))


def _where(names: Sequence[str], ingredients: Sequence[Inspected]) -> str:
    return "each file" if len(names) == len(ingredients) else ", ".join(names)


def _taken(row: Mapping[str, Any]) -> str:
    """The part of a file that was taken, in words."""
    parts = [
        {"model": "the network's own weights", "ema": "the moving average (EMA)"}.get(row["weights"], "all tensors")
    ]
    if row["prefix"]:
        parts.append(f"prefix {row['prefix']} taken off")
    if row["extra_state"]:
        parts.append(f"with the extra state {', '.join(shown(one)[1:-1] for one in row['extra_state'][:3])}")
    if row["left_out"]:
        parts.append(
            f"without {', '.join(shown(one)[1:-1] for one in row['left_out'][:3])}"
            + (", ..." if len(row["left_out"]) > 3 else "")
        )
    return "; ".join(parts)
