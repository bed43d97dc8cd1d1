"""The scores of checkpoints by their own training runs: of transformers' `Trainer`, of timm, and of Lightning.

`Trainer` keeps `trainer_state.json` in the folder of a checkpoint, timm a `summary.csv` beside its checkpoints, and
Lightning a `metrics.csv` in the folder above `checkpoints/`.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from radin.common.suggestions import nearest
from radin.errors import InputError

TRAINER, TIMM, LIGHTNING = "trainer_state.json", "summary.csv", "metrics.csv"

#: Names that timm gives checkpoints: of an epoch, of the best one, and of the last.
TIMM_EPOCH = re.compile(r"checkpoint-(\d+)\.")
TIMM_BEST = re.compile(r"model_best\.")

#: The name that Lightning gives a checkpoint.
LIGHTNING_PLACE = re.compile(r"epoch=(\d+)-step=(\d+)")

#: Entries that are no scores.
PLACES = ("step", "epoch")

#: Words in the name of a metric of which less is better.
LESS_IS_BETTER = re.compile(r"loss|error|err$|perplexity|ppl|nll|(^|[_/])(mse|mae|rmse|wer|cer|brier)($|[_/])")

Metrics = dict[str, int | float]


def training_metrics(path: Path) -> Metrics:
    """The step or epoch of a checkpoint, and its scores by the run that trained it.

    Arguments:
        path: a checkpoint's file, or a model's folder.

    Returns:
        `step`, `epoch` and each metric such as `eval_loss`; nothing where the run noted none, or in a damaged file: it
        is for a person to read.
    """
    if path.is_dir():
        return _of_trainer(path / TRAINER)
    if (path.parent / TIMM).is_file():
        return _of_timm(path)
    return _of_lightning(path)


def in_order(
    paths: Sequence[Path],
    by: str | None,
    names: Sequence[str] | None,
    numbers: Sequence[Mapping[str, int | float]] | None = None,
) -> list[Path]:
    """The checkpoints of a pool, as they are found or as `ordered` sorts them.

    Raises:
        InputError: names were given, whose order is that of the checkpoints before.
    """
    if by is None:
        return list(paths)
    if names is not None:
        raise InputError(
            "order sorts the ingredients, so names in their order cannot be given; leave out one of the two"
        )
    return ordered(paths, by, numbers)


def ordered(paths: Sequence[Path], by: str, numbers: Sequence[Mapping[str, int | float]] | None = None) -> list[Path]:
    """Checkpoints in the order of a number that their training runs noted: the worst first, or the earliest.

    Arguments:
        paths: of all ingredients.
        by: `step`, `epoch`, or the name of a metric. Where less is better, as the names of losses and errors say, the
            largest comes first.
        numbers: that stand beside the weights in each file; by default none. Lightning calls the step `global_step`.

    Raises:
        InputError: a checkpoint has no such number; says which ones it has.
    """
    beside = [{}] * len(paths) if numbers is None else numbers
    found = [_with_step(held) | training_metrics(path) for path, held in zip(paths, beside, strict=True)]
    for path, metrics in zip(paths, found, strict=True):
        if by not in metrics:
            has = f"{nearest(by, list(metrics))} It has: {', '.join(metrics)}" if metrics else "It noted none"
            raise InputError(
                f"{path}: its training run noted no {by!r}, neither in {TRAINER}, {TIMM} or {LIGHTNING} nor as a "
                f"number beside the weights of a PyTorch file. {has}."
            )
    sign = -1.0 if LESS_IS_BETTER.search(by.lower()) else 1.0
    places = sorted(range(len(paths)), key=lambda i: sign * found[i][by])
    return [paths[i] for i in places]


def _with_step(held: Mapping[str, int | float]) -> Metrics:
    return ({"step": held["global_step"]} if "global_step" in held else {}) | dict(held)


def _of_trainer(file: Path) -> Metrics:
    """The step, and the last evaluation that is no later."""
    state = _read_json(file)
    step = state.get("global_step")
    found = {"step": step, "epoch": state.get("epoch")}
    history = state.get("log_history")
    for entry in history if isinstance(history, list) else []:
        if not isinstance(entry, dict) or not any(str(name).startswith("eval_") for name in entry):
            continue
        at = entry.get("step")
        if step is None or not isinstance(at, int) or at <= step:
            found |= {name: value for name, value in entry.items() if _is_metric(str(name))}
    return {name: value for name, value in found.items() if isinstance(value, int | float) and math.isfinite(value)}


def _is_metric(name: str) -> bool:
    return name.startswith("eval_") and not name.endswith(("_runtime", "_per_second", "_preparation_time"))


def _of_timm(path: Path) -> Metrics:
    """The row of a checkpoint's epoch; of the best checkpoint, that of the best epoch by timm's default, top 1."""
    rows = [row for row in _read_csv(path.parent / TIMM) if "epoch" in row]
    if match := TIMM_EPOCH.match(path.name):
        rows = [row for row in rows if row["epoch"] == int(match[1])]
    elif TIMM_BEST.match(path.name) and any("eval_top1" in row for row in rows):
        rows = [max(rows, key=lambda row: row.get("eval_top1", -math.inf))]
    return _scores(rows[-1:], "eval_")


def _of_lightning(path: Path) -> Metrics:
    """Values logged in a checkpoint's epoch, up to its step; of others, those logged last."""
    log = next((one / LIGHTNING for one in (path.parent, path.parent.parent) if (one / LIGHTNING).is_file()), None)
    if log is None:
        return {}
    rows = _read_csv(log)
    place: Metrics = {}
    if match := LIGHTNING_PLACE.search(path.name):
        epoch, step = int(match[1]), int(match[2])
        rows = [row for row in rows if row.get("epoch") == epoch and row.get("step", 0) <= step]
        place = {"step": step, "epoch": epoch}
    return _scores(rows, "val") | place


def _scores(rows: Iterable[Mapping[str, float]], start: str) -> Metrics:
    """The places and metrics of rows, of each the last one."""
    found: Metrics = {}
    for row in rows:
        for name, value in row.items():
            if name in PLACES:
                found[name] = int(value)
            elif name.startswith(start):
                found[name] = value
    return found


def _read_csv(file: Path) -> list[dict[str, float]]:
    """The numbers in each row of a table; nothing of one that cannot be read."""
    try:
        with file.open(encoding="utf-8", newline="") as opened:
            return [_numbers(row) for row in csv.DictReader(opened)]
    except (OSError, ValueError, csv.Error):
        return []


def _numbers(row: Mapping[Any, Any]) -> dict[str, float]:
    found = {}
    for name, value in row.items():
        try:
            number = float(value)
        except (TypeError, ValueError):
            continue
        if math.isfinite(number):
            found[str(name)] = number
    return found


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
