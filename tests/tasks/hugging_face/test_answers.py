"""Labels get the numbers that the model's head gives its classes."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from radin.errors import DataError
from radin.tasks.hugging_face import answers
from radin.tasks.readers.tables import Table

CONFIG = SimpleNamespace(num_labels=3, id2label={0: "no", 1: "maybe", 2: "yes"})


def table(column: list[Any], **settings: Any) -> Table:
    return Table(Path("val.jsonl"), {"label": column}, **settings)


def test_names_and_numbers_are_classes() -> None:
    assert answers.class_numbers(table(["yes", "no", 1, "2", 0.0]), "label", CONFIG).tolist() == [2, 0, 1, 2, 0]


def test_numbers_of_a_table_with_names_are_the_tables_own() -> None:
    named = table([0, 1, 2], class_names={"label": ("yes", "no", "maybe")})
    assert answers.class_numbers(named, "label", CONFIG).tolist() == [2, 0, 1]
    other = table([0], class_names={"label": ("yes", "never")})
    with pytest.raises(DataError, match="never"):
        answers.class_numbers(other, "label", CONFIG)
    unnamed = SimpleNamespace(num_labels=3, id2label={i: f"LABEL_{i}" for i in range(3)})
    assert answers.class_numbers(named, "label", unnamed).tolist() == [0, 1, 2]


@pytest.mark.parametrize("value", ["never", 3, -1, 0.5, None])
def test_other_labels_are_refused(value: Any) -> None:
    with pytest.raises(DataError, match="sample 1"):
        answers.class_numbers(table(["no", value]), "label", CONFIG)


def test_values_are_numbers() -> None:
    assert answers.values(table(["1.5", 2]), ["label"]).tolist() == [1.5, 2.0]
    both = Table(Path("a.csv"), {"x": [1, 2], "y": [3, 4]})
    assert answers.values(both, ["x", "y"]).tolist() == [[1.0, 3.0], [2.0, 4.0]]
    with pytest.raises(DataError, match="no number"):
        answers.values(table(["much"]), ["label"])


def test_several_labels_are_lists_of_names_or_of_bits_or_columns() -> None:
    expected = [[1, 0, 1], [0, 0, 0]]
    for column in ([["yes", "no"], []], [[1, 0, 1], [0, 0, 0]], [[2, 0], []]):
        assert answers.several_labels(table(column), ["label"], CONFIG).tolist() == expected
    columns = Table(Path("a.csv"), {"yes": ["1", "0"], "no": ["1", "0"], "maybe": ["0", "0"]})
    assert answers.several_labels(columns, ["yes", "no", "maybe"], CONFIG).tolist() == expected
    with pytest.raises(DataError, match="list"):
        answers.several_labels(table(["yes"]), ["label"], CONFIG)
    with pytest.raises(DataError, match="0 or 1"):
        answers.several_labels(Table(Path("a.csv"), {"yes": [2], "no": [1]}), ["yes", "no"], CONFIG)


def test_choices_are_numbers_or_letters() -> None:
    assert answers.choice_numbers(table([0, "B", "2"]), "label", [3, 3, 3]).tolist() == [0, 1, 2]
    with pytest.raises(DataError, match="3 choices"):
        answers.choice_numbers(table(["D"]), "label", [3])


def test_words_have_tags_and_what_does_not_count_stays() -> None:
    assert answers.word_labels(table([["no", -100, 2]]), "label", CONFIG) == [[0, -100, 2]]
    with pytest.raises(DataError, match="list"):
        answers.word_labels(table(["no"]), "label", CONFIG)
