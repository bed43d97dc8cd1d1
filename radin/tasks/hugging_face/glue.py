"""The tasks of GLUE by name: where texts and labels stand in their files, and the metric of each.

Files are taken as the benchmark distributes them (`dev.tsv`) and as `datasets` writes them (CSV, JSONL, Parquet, or a
folder of `save_to_disk`). Columns: https://gluebenchmark.com/tasks and https://huggingface.co/datasets/nyu-mll/glue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radin.common.suggestions import did_you_mean
from radin.errors import InputError
from radin.tasks.readers.tables import Table, read_table


@dataclass(frozen=True)
class Glue:
    """One task.

    Attributes:
        texts: columns of the texts, in each spelling that files have.
        labels: column of the label, likewise.
        metric: the first one that the benchmark reports.
        classes: names of the classes in the order of their numbers; none where labels are numbers.
        header: columns of a `.tsv` file that has no line with their names.
    """

    texts: tuple[tuple[str, ...], ...]
    labels: tuple[str, ...]
    metric: str
    classes: tuple[str, ...] = ()
    header: tuple[str, ...] = ()


_PAIR = (("sentence1", "sentence2"),)
_ENTAILMENT = ("entailment", "not_entailment")

#: All tasks, by the names that `run_glue.py` and `datasets` give them.
GLUE = {
    "cola": Glue((("sentence",),), ("label",), "mcc", header=("source", "label", "mark", "sentence")),
    "sst2": Glue((("sentence",),), ("label",), "accuracy"),
    "mrpc": Glue((*_PAIR, ("#1 String", "#2 String")), ("label", "Quality"), "binary-f1"),
    "stsb": Glue(_PAIR, ("label", "score"), "pearson"),
    "qqp": Glue((("question1", "question2"),), ("label", "is_duplicate"), "binary-f1"),
    "mnli": Glue(
        (*_PAIR, ("premise", "hypothesis")),
        ("gold_label", "label"),
        "accuracy",
        ("entailment", "neutral", "contradiction"),
    ),
    "qnli": Glue((("question", "sentence"),), ("label",), "accuracy", _ENTAILMENT),
    "rte": Glue(_PAIR, ("label",), "accuracy", _ENTAILMENT),
    "wnli": Glue(_PAIR, ("label",), "accuracy"),
}


def glue_task(name: str) -> Glue:
    """The task of a name, such as `mrpc`; `SST-2` and `sst2` are one.

    Raises:
        InputError: there is none.
    """
    known = name.lower().replace("-", "").replace("_", "")
    if known not in GLUE:
        raise InputError(f"GLUE has no task {name!r}{did_you_mean(known, GLUE)}; there are {', '.join(GLUE)}")
    return GLUE[known]


def read_glue(path: Any, task: Glue, split: str | None = None) -> tuple[Table, tuple[str, ...], str]:
    """A file of a task.

    Arguments:
        path, split: as for `read_table`.
        task: of `GLUE`.

    Returns:
        the table, labels that are names made numbers in the benchmark's order; the columns of its texts; that of its
        label.

    Raises:
        InputError: the file lacks the columns of the task.
    """
    headless = task.header if Path(path).suffix.lower() == ".tsv" else ()
    table = read_table(path, split, header=headless)
    texts = next((names for names in task.texts if all(name in table.columns for name in names)), None)
    label = next((name for name in task.labels if name in table.columns), None)
    if texts is None or label is None:
        wanted = ", or in ".join(" and ".join(names) for names in task.texts)
        raise InputError(
            f"{table.path} has the columns {', '.join(map(str, table.columns))}; this task of GLUE has its texts in "
            f"{wanted}, and its labels in {' or '.join(task.labels)}. Leave out glue=, and name the columns by text= "
            "and label=."
        )
    if not task.classes:
        return table, texts, label
    numbers = _numbered(table.columns[label], task.classes)
    return Table(table.path, {**table.columns, label: numbers}, {label: task.classes}), texts, label


def _numbered(labels: Sequence[Any], classes: Sequence[str]) -> list[Any]:
    """Labels with the names among them made numbers."""
    return [classes.index(one) if one in classes else one for one in labels]
