"""The study of kinds, with few steps and few soups."""

import json

import pytest

from benchmarks.studies import kinds


def test_a_row_for_each_metric_of_a_kind(tmp_path, capsys: pytest.CaptureFixture) -> None:
    arguments = ["--subsets", "1", "--steps", "3", "--kind", "values", "--out", str(tmp_path)]
    assert kinds.main(arguments) == 0
    rows = [json.loads(line) for line in (tmp_path / "kinds.jsonl").read_text().splitlines()]
    assert [row["metric"] for row in rows] == ["mse", "pearson"] and all(row["soups"] == 6 for row in rows)
    assert "rank correlation" in capsys.readouterr().out


def test_every_kind_but_classes_has_data_that_a_task_takes() -> None:
    found = kinds.settings()
    assert [one.kind for one in found] == ["values", "one-logit", "several-labels", "positions", "choices", "tokens"]
    x, right = found[-2].data
    assert (x[range(len(x)), right, 0] >= 0).all(), "the right choice is never absent"
    words, following = found[-1].data
    assert words.shape == following.shape == (kinds.TEXTS, kinds.WORDS)
    assert ((following[:, :-1] == words[:, 1:]) | (following[:, :-1] == -100)).all()
    assert int(words.max()) < kinds.VOCABULARY and float((following == -100).double().mean()) < 0.2
