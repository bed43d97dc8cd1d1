"""Parts that several commands share: options, and the writing of sizes and times."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from radin.errors import InputError
from radin.scoring.criterion_default import CRITERIA, CRITERION

if TYPE_CHECKING:
    from radin.evaluation.workers import Workers
    from radin.tasks.task import Task
    from radin.weights.pool import Pool

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of tables.")


def print_json(value: Any) -> None:
    """Prints a document for other programs to read."""
    click.echo(json.dumps(value, indent=1, ensure_ascii=False))


def pairs(given: Sequence[str], option: str) -> dict[str, str]:
    """`("KEY=VALUE", ...)` as a dict.

    Raises:
        InputError: a text without `=`, or a key given twice.
    """
    values: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise InputError(f"expected {option} KEY=VALUE, got {text!r}")
        if key in values:
            several = f"; several test sets are one argument: {option} test=NAME=DATA,NAME=DATA" * (key == "test")
            raise InputError(f"{option} {key} was given twice: {values[key]!r} and {value!r}{several}")
        values[key] = value
    return values


Command = Callable[..., Any]


def _with(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Makes one decorator of several options, which `--help` lists in this order."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


#: Options of every command that reads checkpoints.
pool_options = _with(
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

#: Options of every command that searches.
searcher_options = _with(
    click.option(
        "--searcher", default="forward", show_default=True, help="Name of the searcher; `radin searchers` lists all."
    ),
    click.option(
        "-p", "parameters", multiple=True, metavar="KEY=VALUE", help="Option of the searcher; repeat for several."
    ),
    click.option("--candidates", default=20_000, show_default=True, help="K: the most recipes to score from logits."),
    click.option(
        "--lam",
        default=0.0,
        show_default=True,
        help="λ: strength of the prior that favours larger soups, in standard errors.",
    ),
    click.option("--seed", default=0, show_default=True, help="Seed of the searcher's random choices."),
)

#: The option of commands that rank and choose.
criterion_option = click.option(
    "--criterion",
    type=click.Choice(list(CRITERIA)),
    default=CRITERION,
    show_default=True,
    help="Rank and choose by the metric, by the log-likelihood of the labels, or by that after one temperature fitted "
    "to each candidate. The metric is what is reported.",
)

#: The metrics that have a name, for --help; by heart, since the library that knows them takes long to load.
METRICS = (
    "accuracy, top5 (any k), balanced-accuracy, macro-f1, binary-f1, mcc, auc, brier and nll (log-loss) of classes; "
    "miou of positions, too; accuracy, subset-accuracy, macro-f1, micro-f1, map, auc and nll of several labels; "
    "mse, rmse, mae, r2, pearson and spearman of values; or a function, as FILE.py:FUNC"
)

#: The kinds of outputs, for --help, likewise.
KINDS = ("classes", "one-logit", "several-labels", "values", "positions", "choices")

outputs_option = click.option(
    "--outputs",
    type=click.Choice(KINDS),
    help="Kind of outputs, where the labels do not decide it.",
)

#: Options of every command that runs networks. Whatever decides which logits a network gives is among them, so that the
#: commands can share a run folder.
task_options = _with(
    click.option(
        "--task-arg", "arguments", multiple=True, metavar="KEY=VALUE", help="Argument of the task; repeat for several."
    ),
    click.option(
        "--metric",
        help=f"Metric to select by: {METRICS}. Default: the task's.",
    ),
    outputs_option,
    click.option(
        "--holdback",
        type=float,
        help="Share of the data that is kept for the final report and selects nothing. Default: the task's.",
    ),
    click.option("--split-seed", type=int, help="Seed that draws the held-back share. Default: the task's."),
    click.option(
        "--device",
        metavar="[auto|cpu|cuda|cuda:1|mps|...]",
        help="Device that the network runs on: any that PyTorch knows. Default: the task's.",
    ),
    click.option(
        "--autocast", type=click.Choice(["bfloat16", "float16"]), help="Run forward passes in this lower precision."
    ),
    click.option("--batch-size", type=int, help="Samples in a batch; halved when memory runs out."),
    click.option("--loaders", type=int, help="Number of processes that load the data."),
    click.option(
        "--limit",
        type=int,
        help="Use at most this many samples of the data and of each test set, each class in proportion.",
    ),
    click.option("--split", metavar="NAME", help="Part of the data to use; short for --task-arg split=NAME."),
    click.option(
        "--batchnorm",
        type=click.Choice(["average", "recompute", "keep"]),
        default="recompute",
        show_default=True,
        help="BatchNorm statistics of soups: recompute them on the data, average the members', or keep those of the "
        "member with the largest weight.",
    ),
    click.option(
        "--run-dir",
        default="radin-run",
        show_default=True,
        metavar="DIR",
        help="Folder for logits, ledger and results. An interrupted run resumes from this folder.",
    ),
)


#: Ready tasks that read the folder of a model.
OF_MODELS = ("transformers",)

#: Options of every command that can share its passes out.
worker_options = _with(
    click.option(
        "--workers",
        metavar="[N|auto]",
        help="Run networks in this many processes of a local Ray, or in one for each GPU (auto). The answer is the "
        "same. Needs radin[ray].",
    ),
    click.option(
        "--ray", "address", metavar="ADDRESS", help="Run them on an existing Ray cluster: auto, or ray://HOST:10001."
    ),
    click.option(
        "--threads",
        type=click.IntRange(min=1),
        help="Threads of PyTorch in each process, or in this one without workers. Default with workers: 1.",
    ),
)


def workers_from(workers: str | None, address: str | None, threads: int | None, at_once: int = 1) -> Workers | None:
    """The workers that `worker_options` describe; None for none. Sets this process's threads where they are given.

    Arguments:
        workers, address, threads: as they are given.
        at_once: soups that are verified side by side.

    Raises:
        InputError: a number of workers that is none, or soups side by side without workers.
    """
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    if workers is None and address is None:
        if at_once > 1:
            raise InputError("--at-once verifies soups side by side on workers: give --workers, too")
        return None
    from dataclasses import replace

    from radin.evaluation.workers import Workers

    chosen = Workers.of(workers or "auto")
    assert chosen is not None  # of a given number
    return replace(chosen, address=address, threads=threads or chosen.threads, at_once=at_once)


def check_several(pool: Pool) -> None:
    """Raises InputError for a pool of one."""
    if len(pool) == 1:
        raise InputError(
            f"{pool.paths[0]} is one checkpoint, so there is nothing to average; give two or more fine-tunings of one "
            "model: files, a folder, or a glob"
        )


def task_from(
    spec: str, arguments: Sequence[str], split: str | None, changes: Mapping[str, Any], pool: Pool | None = None
) -> Task:
    """The task that `task_options` describe.

    Arguments:
        spec: `FILE.py:FUNC`, `MODULE:FUNC` or the name of an adapter.
        arguments: `KEY=VALUE` each.
        split: one more argument of that name.
        changes: fields of the task to replace where they are not None.
        pool: what it will be run on; its first folder with a config is the argument `model` where none is given: that
            of the first ingredient, or of the adapters' base.
    """
    from radin.tasks.load import load_metric, load_task

    changes = dict(changes) | ({"metric": load_metric(changes["metric"])} if changes.get("metric") else {})
    given = pairs([*arguments, *([f"split={split}"] if split is not None else [])], "--task-arg")
    if spec in OF_MODELS and pool is not None and pool.model_folder is not None:
        given.setdefault("model", str(pool.model_folder))
    return load_task(spec, given, **changes)


def size(nbytes: int | float) -> str:
    """Bytes as a person reads them."""
    for unit in ("B", "kB", "MB", "GB"):
        if nbytes < 1000:
            return f"{nbytes:.0f} {unit}" if unit == "B" else f"{nbytes:.1f} {unit}"
        nbytes /= 1000
    return f"{nbytes:.1f} TB"


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


def show_notes(pool: Pool) -> None:
    """Prints, beside the results, what was found where it was not named, and which models are left out."""
    for note in pool.notes:
        click.echo(f"Note: {note}.", err=True)


def duration(seconds: float) -> str:
    """Seconds as a person reads them."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
