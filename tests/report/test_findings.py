"""Findings from scores: chance where it can be told, and ingredients far worse than the rest."""

import numpy as np

import radin
from radin.report.findings import Finding, same_findings, score_findings
from radin.scoring.metrics import get_metric

M, C = 900, 3
ACCURACY = get_metric("accuracy")


def bank(labels: np.ndarray, *rights: float) -> radin.LogitBank:
    """Networks that predict the label on a share of the samples, and any class on the others."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(len(rights), len(labels), C))
    for one, right in zip(logits, rights, strict=True):
        one[np.arange(len(labels)), labels] += 9.0 * (rng.random(len(labels)) < right)
    return radin.LogitBank.from_arrays(logits.astype(np.float32), labels)


MIXED = np.random.default_rng(1).integers(C, size=M)


def test_of_labels_of_one_class_nothing_is_said() -> None:
    """Shuffled they are the same labels, so no score can be told from chance, nor called chance."""
    assert score_findings(bank(np.zeros(M, dtype=np.int64), 0.9, 0.8), ACCURACY) == []


def test_of_a_metric_that_does_not_look_at_labels_nothing_is_said() -> None:
    def confidence(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return logits.max(axis=1)

    assert score_findings(bank(MIXED, 0.9, 0.8), get_metric(confidence)) == []


def test_networks_that_say_one_class_alone_are_at_chance() -> None:
    logits = np.tile(np.array([3.0, 1.0, 0.0], dtype=np.float32), (2, M, 1))
    (found,) = score_findings(radin.LogitBank.from_arrays(logits, MIXED), ACCURACY)
    assert (found.kind, found.ingredient) == ("chance", None)


def test_one_that_is_far_worse_than_the_rest_is_named() -> None:
    (found,) = score_findings(bank(MIXED, 0.9, 0.92, 0.2, 0.88), ACCURACY)
    assert (found.kind, found.ingredient) == ("worse", "model2")
    assert score_findings(bank(MIXED, 0.9, 0.92, 0.75, 0.88), ACCURACY) == []


def test_one_at_chance_is_called_that_alone() -> None:
    (found,) = score_findings(bank(MIXED, 0.9, 0.92, 0.0, 0.88), ACCURACY)
    assert (found.kind, found.ingredient) == ("chance", "model2")


def test_the_remedy_of_a_finding_stands_apart() -> None:
    found = Finding("gap", None, "Soups fall short.", {"batchnorm": "recompute"})
    assert found.text == "Soups fall short. Try batchnorm='recompute'."
    assert found.to_json()["mend"] == {"batchnorm": "recompute"}
    assert Finding("gap", None, "Soups fall short.").text == "Soups fall short."


def test_one_model_under_two_names_is_found_by_its_outputs() -> None:
    known = bank(MIXED, 0.9, 0.8, 0.7)
    twice = radin.LogitBank.from_arrays([known.logits(i) for i in (0, 1, 2, 1)], MIXED, ["a", "b", "c", "d"])
    assert same_findings(known) == []
    (found,) = same_findings(twice)
    assert (found.kind, found.ingredient) == ("same", None) and found.text.startswith("b and d give exactly the same")
    nearly = known.logits(1).copy()
    nearly[-1, 0] += 1e-3
    assert same_findings(radin.LogitBank.from_arrays([known.logits(1), nearly], MIXED)) == []
