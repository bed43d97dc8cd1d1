"""Heads of other kinds, from their tables to a soup's folder that gives the reported score."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

transformers = pytest.importorskip("transformers")

import radin  # noqa: E402
from radin.scoring.metrics import SpanF1  # noqa: E402
from tests.helpers import tiny_models  # noqa: E402
from tests.helpers.tiny_models import WORDS  # noqa: E402

N = 40


def scored(folder: Path, network: Any, rows: list[dict[str, Any]], metric: str | None = None) -> tuple[Any, Any]:
    """The result of a run with one real soup on all rows, and a network opened from the soup's folder."""
    pool = radin.Pool(tiny_models.save_pool(folder / "runs", network, 2))
    data = tiny_models.write_lines(folder / "val.jsonl", rows)
    test = tiny_models.write_lines(folder / "test.jsonl", rows[:-1])  # so that all rows select
    task = radin.tasks.transformers(data, pool.paths[0], test, metric=metric)
    result = radin.make_soup(pool, task, run_dir=folder / "run", budget=radin.Budget(soups=1))
    return result, type(network).from_pretrained(result.soup).eval()


def logits_of(network: Any, *texts: Any, **settings: Any) -> torch.Tensor:
    """Outputs on one text alone."""
    with torch.inference_mode():
        logits: torch.Tensor = network(**tiny_models.tokenizer()(*texts, return_tensors="pt", **settings)).logits
    return logits[0]


def test_regression(tmp_path: Path) -> None:
    rows = [{"text": text, "label": float(label) + 0.5} for text, label in tiny_models.sentences(N)]
    result, network = scored(tmp_path, tiny_models.bert(num_labels=1), rows)
    errors = [(float(logits_of(network, row["text"])) - row["label"]) ** 2 for row in rows]
    assert result.metric == "mse"
    assert result.best.value == pytest.approx(float(np.mean(errors)), abs=1e-6)


def test_pairs(tmp_path: Path) -> None:
    texts = tiny_models.sentences(2 * N)
    rows = [
        {"sentence1": one, "sentence2": other, "label": int(a == b)}
        for (one, a), (other, b) in zip(texts[::2], texts[::-2], strict=True)
    ]
    result, network = scored(tmp_path, tiny_models.bert(), rows)
    right = [int(logits_of(network, row["sentence1"], row["sentence2"]).argmax()) == row["label"] for row in rows]
    assert result.best.value == pytest.approx(float(np.mean(right)), abs=1e-6)


def test_several_labels(tmp_path: Path) -> None:
    names = {0: "good", 1: "very", 2: "film"}
    settings: dict[str, Any] = {"id2label": names, "label2id": {name: i for i, name in names.items()}}
    network = tiny_models.bert(problem_type="multi_label_classification", **settings)
    rows = [
        {"text": text, "label": [name for name in names.values() if name in text]}
        for text, _ in tiny_models.sentences(N)
    ]
    result, opened = scored(tmp_path, network, rows, "subset-accuracy")
    expected = np.array([[name in row["label"] for name in names.values()] for row in rows])
    found = np.array([(logits_of(opened, row["text"]) > 0).numpy() for row in rows])
    assert result.best.value == pytest.approx(float((found == expected).all(axis=1).mean()), abs=1e-6)


def test_tags(tmp_path: Path) -> None:
    rows = []
    for text, _ in tiny_models.sentences(N):
        words = text.split()
        rows.append({"tokens": words, "ner_tags": [WORDS.index(word) % 2 for word in words]})
    result, network = scored(tmp_path, tiny_models.bert(transformers.BertForTokenClassification), rows)
    right = []
    for row in rows:
        logits = logits_of(network, row["tokens"], is_split_into_words=True)[1:-1]  # without [CLS] and [SEP]
        right += (logits.argmax(dim=1).numpy() == row["ner_tags"]).tolist()
    assert result.best.value == pytest.approx(float(np.mean(right)), abs=1e-6)


def test_tags_by_their_spans(tmp_path: Path) -> None:
    names = ["O", "B-X", "I-X"]
    settings: dict[str, Any] = {
        "id2label": dict(enumerate(names)),
        "label2id": {name: i for i, name in enumerate(names)},
    }
    network = tiny_models.bert(transformers.BertForTokenClassification, **settings)
    rows = []
    for text, _ in tiny_models.sentences(N):
        words = text.split()
        rows.append({"tokens": words, "ner_tags": [names[WORDS.index(word) % 3] for word in words]})
    result, opened = scored(tmp_path, network, rows, "span-f1")
    metric, spans = SpanF1(names), np.zeros(3)
    for row in rows:
        logits = logits_of(opened, row["tokens"], is_split_into_words=True)[1:-1].numpy()
        spans += metric.measure(logits.reshape(1, -1), np.array([[names.index(one) for one in row["ner_tags"]]]))[0]
    assert result.best.value == pytest.approx(float(metric.of_sums(spans)), abs=1e-6)


def test_multiple_choice(tmp_path: Path) -> None:
    rows = [
        {"question": text, "choices": ["good", "bad", "it is"][: 2 + i % 2], "label": 1 - label}
        for i, (text, label) in enumerate(tiny_models.sentences(N))
    ]
    result, network = scored(tmp_path, tiny_models.bert(transformers.BertForMultipleChoice), rows)
    right = []
    for row in rows:
        scores = []
        for choice in row["choices"]:
            encoded = tiny_models.tokenizer()(row["question"], choice, return_tensors="pt")
            with torch.inference_mode():
                scores.append(float(network(**{name: one.unsqueeze(1) for name, one in encoded.items()}).logits))
        right.append(int(np.argmax(scores)) == row["label"])
    assert result.best.value == pytest.approx(float(np.mean(right)), abs=1e-6)
