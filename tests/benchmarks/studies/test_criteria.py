"""Criteria of selection against their definitions, and their study on a small pool."""

import json

import numpy as np
import pytest
from scipy import optimize, special

from benchmarks import zoos
from benchmarks.studies import criteria, draws
from benchmarks.studies.draws import Draw


@pytest.fixture
def logits():
    return 2 * np.random.default_rng(0).normal(size=(4, 50, 3)).astype(np.float32)


LABELS = np.arange(50) % 3


def test_criteria_are_what_they_say(logits):
    p = special.softmax(logits.astype(np.float64), axis=-1)
    own = p[:, np.arange(50), LABELS]
    np.testing.assert_allclose(draws.likelihood(logits, LABELS), np.log(own).mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(criteria.probability(logits, LABELS), own.mean(axis=1), rtol=1e-5)
    distance = np.square(p - np.eye(3)[LABELS]).sum(axis=-1).mean(axis=1)
    np.testing.assert_allclose(criteria.brier(logits, LABELS), -distance, rtol=1e-5)
    assert draws.accuracy(logits, LABELS)[1] == (logits[1].argmax(1) == LABELS).mean()
    both = criteria.weighted(2.0, 0.5)(logits, LABELS)
    np.testing.assert_allclose(both, 2 * draws.accuracy(logits, LABELS) + 0.5 * draws.likelihood(logits, LABELS))


def test_the_temperature_is_the_best_one():
    rng = np.random.default_rng(1)
    for sharp in (0.3, 1.0, 5.0):
        logits = (rng.normal(size=(400, 3)) + 1.5 * np.eye(3)[np.arange(400) % 3]).astype(np.float32)
        labels = np.arange(400) % 3
        found = criteria.tempered(sharp * logits[None], labels)[0]
        best = optimize.minimize_scalar(lambda t, x=logits, y=labels: -draws.likelihood((x * np.exp(t))[None], y)[0])
        assert found == pytest.approx(-best.fun, abs=1e-4)


def test_the_noise_weighted_sum_leans_on_the_metric_where_there_is_no_noise(store):
    draw = Draw(store, 0, 60)
    assert np.isfinite(criteria.noise_weighted(draw)(draw.stack, draw.labels)).all()

    class Sure:
        """Ingredients whose accuracies differ by far more than likelihood and noise explain."""

        n, labels = 6, np.arange(4_000) % 2
        stack = np.zeros((6, 4_000, 2), dtype=np.float32)

    for i in range(6):
        right = np.arange(4_000) < 2_000 + 300 * i
        Sure.stack[i, np.arange(4_000), np.where(right, Sure.labels, 1 - Sure.labels)] = 0.001
    score = criteria.noise_weighted(Sure())(Sure.stack, Sure.labels)
    assert np.argsort(score).tolist() == list(range(6)) and np.ptp(score) > 0.2


def test_the_study_of_criteria_compares_with_the_metric(zoo, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(zoos, "get", lambda name: zoo)
    options = ["--zoo", "digits", "--rows", "60", "0", "--replicates", "2", "--out", str(tmp_path)]
    assert criteria.main(options) == 0
    rows = [json.loads(line) for line in (tmp_path / "criteria.jsonl").read_text().splitlines()]
    assert len(rows) == 2 * 2 * len(criteria.PAIRS) * len(criteria.SOUPS)
    assert {row["rows"] for row in rows} == {60, 150}
    assert "| digits | 60 | metric | metric | 1 | 2 | 0 |" in capsys.readouterr().out
    assert criteria.main(options) == 0
    assert len((tmp_path / "criteria.jsonl").read_text().splitlines()) == len(rows)
