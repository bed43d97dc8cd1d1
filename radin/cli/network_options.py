"""Options of every command that runs networks: its task, and the processes that share the passes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from radin.cli.gathered import gathered
from radin.cli.scoring_options import METRICS, outputs_option
from radin.common.pairs import pairs
from radin.errors import InputError

if TYPE_CHECKING:
    from radin.evaluation.workers import Workers
    from radin.tasks.load import Made
    from radin.tasks.task import Task
    from radin.weights.pool import Pool

#: Ready tasks that read the folder of a model.
OF_MODELS = ("transformers",)

#: Said where the argument `test` is given twice.
SEVERAL_TESTS = "several test sets are one argument: --task-arg test=NAME=DATA,NAME=DATA"


@dataclass(frozen=True)
class TaskOptions:
    """Arguments of a task, and fields of it that a call replaces; see `radin.Task` for the fields.

    Attributes:
        arguments: `KEY=VALUE` each, for the function that makes the task.
        split: one more argument of that name.
    """

    arguments: tuple[str, ...] = ()
    split: str | None = None
    metric: str | None = None
    outputs: str | None = None
    holdback: float | None = None
    split_seed: int | None = None
    device: str | None = None
    autocast: str | None = None
    batch_size: int | None = None
    loaders: int | None = None
    limit: int | None = None

    def task(self, spec: str, pool: Pool | None = None) -> Task:
        """Makes the task.

        Arguments:
            spec: `FILE.py:FUNC`, `MODULE:FUNC` or the name of an adapter.
            pool: what it will be run on; its first folder with a config is the argument `model` where none is given:
                that of the first ingredient, or of the adapters' base.
        """
        return self.replaced(self.made(spec, pool))

    def replaced(self, made: Made) -> Task:
        """The task that was made, with the fields that a call replaces."""
        from radin.tasks.load import load_metric

        changes = {name: value for name, value in vars(self).items() if name not in ("arguments", "split")}
        if self.metric:  # one that the task was given has the names of its tags
            changes["metric"] = None if made.given.get("metric") == self.metric else load_metric(self.metric)
        return made.task(**changes)

    def made(self, spec: str, pool: Pool | None = None) -> Made:
        """The value that the task's function returns; see `task` for the arguments."""
        from radin.scoring.metrics import SpanF1
        from radin.tasks.load import call_function

        split = [f"split={self.split}"] if self.split is not None else []
        given = pairs([*self.arguments, *split], "--task-arg", {"test": SEVERAL_TESTS})
        if spec in OF_MODELS and pool is not None and pool.model_folder is not None:
            given.setdefault("model", str(pool.model_folder))
        if spec in OF_MODELS and self.metric == SpanF1.name:  # the names of its tags are in the model's folder
            given["metric"] = SpanF1.name
        return call_function(spec, given)


#: The options that describe `TaskOptions`, which the command receives as `wanted`, and `batchnorm` and `run_dir`.
#: Whatever decides which logits a network gives is among them, so that the commands can share a run folder.
task_options = gathered(
    "wanted",
    TaskOptions,
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


@dataclass(frozen=True)
class WorkerOptions:
    """The processes that a call wants its networks to run in."""

    workers: str | None = None
    address: str | None = None
    threads: int | None = None

    def prepare(self, at_once: int = 1) -> Workers | None:
        """The workers; None for none. Sets this process's threads where they are given.

        Arguments:
            at_once: soups that are verified side by side.

        Raises:
            InputError: a number of workers that is none, or soups side by side without workers.
        """
        if self.threads is not None:
            import torch

            torch.set_num_threads(self.threads)
        if self.workers is None and self.address is None:
            if at_once > 1:
                raise InputError("--at-once verifies soups side by side on workers: give --workers, too")
            return None
        from dataclasses import replace

        from radin.evaluation.workers import Workers

        chosen = Workers.of(self.workers or "auto")
        assert chosen is not None  # of a given number
        return replace(chosen, address=self.address, threads=self.threads or chosen.threads, at_once=at_once)


#: The options that describe `WorkerOptions`, which the command receives as `crew`.
worker_options = gathered(
    "crew",
    WorkerOptions,
    click.option(
        "--workers",
        metavar="[N|auto]",
        help="Run networks in this many processes of a local Ray, or in one for each GPU (auto). The answer is the "
        "same. Needs the extra ray.",
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
