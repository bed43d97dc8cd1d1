"""Options of every command that reads checkpoints, and the pool that they describe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from radin.cli.gathered import gathered
from radin.cli.screen import say
from radin.common.alike import said_together
from radin.errors import InputError

if TYPE_CHECKING:
    from radin.weights.pool import Pool


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints that a call names, and what it takes of them; see `radin.Pool` for each.

    Attributes:
        checkpoints: files, folders and globs.
    """

    checkpoints: tuple[str, ...]
    weights: str | None
    prefix: str | None
    keep: tuple[str, ...]
    reorder_classes: bool
    order: str | None
    rank: int | None
    merge: bool
    base: str | None

    @property
    def choices(self) -> dict[str, Any]:
        """Arguments of `radin.Pool` after the first."""
        return {name: value for name, value in vars(self).items() if name != "checkpoints"}

    def pool(self) -> Pool:
        """Opens the checkpoints as a pool, and prints its notes."""
        from radin.adapters import Pool

        pool = Pool(self.checkpoints, **self.choices)
        show_notes(pool)
        return pool


#: The options that describe `Checkpoints`, which the command receives as `given`.
checkpoint_options = gathered(
    "given",
    Checkpoints,
    click.argument("checkpoints", nargs=-1, metavar="CKPT..."),
    click.option(
        "--weights",
        metavar="[model|ema|all|KEY]",
        help="Which weights to take from files that hold several sets: the network's own, their moving average (EMA), "
        "all tensors as one network, or those under a key of the file, nested ones with dots between.",
    ),
    click.option(
        "--prefix",
        metavar="NAME.",
        help="Take only tensors whose names begin with this, such as `backbone.`, and cut it off.",
    ),
    click.option(
        "--keep",
        multiple=True,
        metavar="NAME",
        help="Take this tensor from a soup's heaviest member instead of averaging it: a counter that differs, such as "
        "the pointer of a queue; repeat for several.",
    ),
    click.option(
        "--reorder-classes",
        is_flag=True,
        help="Bring the heads of models whose configs name the same classes in another order into one order.",
    ),
    click.option(
        "--order",
        metavar="METRIC",
        help="Sort the checkpoints by what their training runs noted, such as `step` or `eval_loss`, the best last, as "
        "`last-k` and `windows` take them; `radin inspect` shows what there is.",
    ),
    click.option(
        "--rank",
        type=int,
        metavar="K",
        help="Of folders of LoRA adapters: cut the soup to this rank, and say the loss.",
    ),
    click.option(
        "--merge/--adapter",
        help="Of folders of LoRA adapters: merge soups into the base, or write them as adapters (the default).",
    ),
    click.option(
        "--base", metavar="FOLDER", help="The model that the adapters were trained on, if it is not where they say."
    ),
)


def show_notes(pool: Pool) -> None:
    """Prints, beside the results, what was found where it was not named, and which models are left out."""
    for note in said_together(pool.notes):
        say(f"Note: {note}.", err=True)


def check_several(pool: Pool) -> None:
    """Raises InputError for a pool of one."""
    if len(pool) == 1:
        raise InputError(
            f"{pool.paths[0]} is one checkpoint, so there is nothing to average; give two or more fine-tunings of one "
            "model: files, a folder, or a glob"
        )
