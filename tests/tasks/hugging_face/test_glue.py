"""Tasks of GLUE by name, in files as the benchmark has them and as `datasets` has them."""

from pathlib import Path
from typing import Any

import pytest

transformers = pytest.importorskip("transformers")

import radin  # noqa: E402
from radin.errors import InputError  # noqa: E402
from radin.tasks.hugging_face.glue import GLUE, glue_task, read_glue  # noqa: E402
from tests.helpers import tiny_models  # noqa: E402

#: Two samples of each task as the benchmark distributes them: texts, then what the labels are by number.
AS_DISTRIBUTED: dict[str, tuple[str, list[Any]]] = {
    "cola": ("gj04\t1\t\ta very good film\ngj04\t0\t*\tit film a\n", ["1", "0"]),
    "sst2": ("sentence\tlabel\nit 's good\t1\nbad film\t0\n", ["1", "0"]),
    "mrpc": ("Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t7\t8\tgood\tfine\n0\t9\t1\tgood\tbad\n", ["1", "0"]),
    "stsb": ("index\tgenre\tsentence1\tsentence2\tscore\n0\tnews\tgood\tfine\t4.5\n1\tnews\tbad\tit\t0.0\n", None),
    "qqp": ("id\tquestion1\tquestion2\tis_duplicate\n1\tgood\tfine\t1\n2\ta\tit\t0\n", ["1", "0"]),
    "mnli": (
        "index\tsentence1_parse\tsentence1\tsentence2\tlabel1\tgold_label\n"
        "0\tx\tgood\tfine\tneutral\tentailment\n1\tx\tgood\tbad\tneutral\tcontradiction\n",
        [0, 2],
    ),
    "qnli": ("index\tquestion\tsentence\tlabel\n0\tgood\tfine\tentailment\n1\ta\tit\tnot_entailment\n", [0, 1]),
    "rte": ("index\tsentence1\tsentence2\tlabel\n0\tgood\tfine\tnot_entailment\n1\ta\tit\tentailment\n", [1, 0]),
    "wnli": ("index\tsentence1\tsentence2\tlabel\n0\tgood\tfine\t1\n1\ta\tit\t0\n", ["1", "0"]),
}


@pytest.mark.parametrize("name", list(GLUE))
def test_files_as_the_benchmark_distributes_them(name: str, tmp_path: Path) -> None:
    text, labels = AS_DISTRIBUTED[name]
    (tmp_path / "dev.tsv").write_text(text)
    table, texts, label = read_glue(tmp_path / "dev.tsv", GLUE[name])
    assert len(table) == 2
    assert all(isinstance(one, str) and one for column in texts for one in table.columns[column])
    assert table.columns[label] == (labels if labels is not None else ["4.5", "0.0"])


@pytest.mark.parametrize("spelt", ["SST-2", "sst2", "sst_2"])
def test_names_in_any_spelling(spelt: str) -> None:
    assert glue_task(spelt) is GLUE["sst2"]


def test_other_names_and_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean 'mrpc'"):
        glue_task("mrcp")
    (tmp_path / "dev.tsv").write_text("text\tlabel\ngood\t1\n")
    with pytest.raises(InputError, match=r"has the columns text, label.*sentence1 and sentence2"):
        read_glue(tmp_path / "dev.tsv", GLUE["rte"])


def test_metric_and_classes_follow_from_the_name(tmp_path: Path) -> None:
    """A head whose classes come in another order, and shout, gets the benchmark's labels by name."""
    names = {0: "CONTRADICTION", 1: "NEUTRAL", 2: "ENTAILMENT"}
    settings: dict[str, Any] = {"id2label": names, "label2id": {name: i for i, name in names.items()}}
    (path,) = tiny_models.save_pool(tmp_path / "mnli", tiny_models.bert(num_labels=3, **settings), 1)
    (tmp_path / "dev.tsv").write_text(AS_DISTRIBUTED["mnli"][0])
    task = radin.tasks.transformers(tmp_path / "dev.tsv", path, glue="mnli")
    assert task.rows.labels.tolist() == [2, 0]

    rows = [{"sentence1": "good", "sentence2": "fine", "label": 2.5, "idx": i} for i in range(3)]
    (path,) = tiny_models.save_pool(tmp_path / "stsb", tiny_models.bert(num_labels=1), 1)
    data = tiny_models.write_lines(tmp_path / "stsb.jsonl", rows)
    test = tiny_models.write_lines(tmp_path / "test.jsonl", rows[:2])
    task = radin.tasks.transformers(data, path, test, glue="stsb")
    assert task.scored_by.name == "pearson"
    assert len(task.tests["test"]) == 2
    assert radin.tasks.transformers(data, path, glue="stsb", metric="spearman").scored_by.name == "spearman"
    with pytest.raises(InputError, match="columns of its own"):
        radin.tasks.transformers(data, path, glue="stsb", text="sentence1")


def test_a_head_of_another_kind_is_refused(tmp_path: Path) -> None:
    (path,) = tiny_models.save_pool(tmp_path, tiny_models.bert(transformers.BertForTokenClassification), 1)
    with pytest.raises(InputError, match="GLUE classify texts"):
        radin.tasks.transformers(tmp_path / "dev.tsv", path, glue="cola")
