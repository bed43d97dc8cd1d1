"""The task and the workers that options describe."""

from pathlib import Path

import pytest
import torch
from helpers.command_line import SMALL
from helpers.small import SAMPLES

import radin
from radin.cli.network_options import TaskOptions, WorkerOptions
from radin.errors import InputError


def test_a_task_takes_its_arguments_the_split_and_changes() -> None:
    made = TaskOptions(("samples=50",), metric="nll").task(f"{SMALL}:task")
    plain = TaskOptions().task(f"{SMALL}:task")
    assert (len(made.rows.labels), made.metric, made.loaders) == (50, "nll", plain.loaders)
    assert len(plain.rows.labels) == SAMPLES
    with pytest.raises(InputError, match="--task-arg split was given twice"):
        TaskOptions(("split=a",), "b").task(f"{SMALL}:task")
    with pytest.raises(InputError, match="several test sets are one argument: --task-arg test=NAME=DATA,NAME=DATA"):
        TaskOptions(arguments=("test=a", "test=b")).made("mytask.py:task")


def test_a_task_of_folders_takes_the_first_ones_network_unless_another_is_named(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    from tests.helpers import tiny_models

    paths = tiny_models.save_pool(tmp_path / "runs", tiny_models.bert(), 2)
    data = tiny_models.write_lines(tmp_path / "val.jsonl", [{"text": "good film", "label": 1}] * 4)
    pool = radin.Pool(tmp_path / "runs")
    task = TaskOptions((f"data={data}",), batch_size=2).task("transformers", pool)
    assert task.settings["model"] == str(paths[0])
    assert task.batch_size == 2
    assert len(task.rows) == 4
    named = TaskOptions((f"data={data}", f"model={paths[1]}")).task("transformers", pool)
    assert named.settings["model"] == str(paths[1])
    with pytest.raises(InputError, match=r"model=\.\.\."):
        TaskOptions((f"data={data}",)).task("transformers")


def test_spans_take_the_names_of_their_tags_from_the_models_folder(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    from tests.helpers import tiny_models

    names = {0: "O", 1: "B-X", 2: "I-X"}
    numbers = {name: i for i, name in names.items()}
    network = tiny_models.bert(transformers.BertForTokenClassification, id2label=names, label2id=numbers)
    tiny_models.save_pool(tmp_path / "runs", network, 2)
    rows = [{"tokens": ["good", "film"], "ner_tags": ["O", "B-X"]}] * 4
    data = tiny_models.write_lines(tmp_path / "val.jsonl", rows)
    task = TaskOptions((f"data={data}",), metric="span-f1").task("transformers", radin.Pool(tmp_path / "runs"))
    assert (task.kind.name, task.scored_by.name) == ("tags", "span-f1")
    assert isinstance(task.metric, radin.SpanF1) and task.metric.tags == ("O", "B-X", "I-X")


def test_threads_alone_are_those_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    assert WorkerOptions(threads=3).prepare() is None
    assert WorkerOptions().prepare() is None
    assert threads == [3]


def test_workers_have_a_number_an_address_and_threads() -> None:
    made = WorkerOptions("2", "ray://there:10001").prepare()
    assert made is not None and made.address == "ray://there:10001" and made.threads == 1
    with pytest.raises(InputError, match="workers"):
        WorkerOptions("several").prepare()
