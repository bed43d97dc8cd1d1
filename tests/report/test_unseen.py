"""Labels of a test set that do not belong to its inputs are found without a further pass."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.small import clouds, make_pool, task

import radin
from radin.report.unseen import findings_on_one
from radin.scoring.metrics import get_metric

ACCURACY = get_metric("accuracy")


def bank(m: int, right: float, seed: int = 0, n_classes: int = 10) -> radin.LogitBank:
    """One network that is right on a share of the samples, and guesses on the others."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(n_classes, size=m)
    predicted = np.where(rng.random(m) < right, labels, rng.integers(n_classes, size=m))
    return radin.LogitBank.from_arrays([3 * np.eye(n_classes, dtype=np.float32)[predicted]], labels, names=["it"])


def test_each_test_set_is_looked_at(tmp_path: Path) -> None:
    (x, y), seed = clouds(400, 5), torch.Generator().manual_seed(0)
    sets = {"sound": (x, y), "rolled": (x, (y + 1) % 3), "shuffled": (x, y[torch.randperm(400, generator=seed)])}
    pool = radin.Pool(make_pool(tmp_path / "pool", 3))
    result = radin.make_soup(pool, task(test=sets), run_dir=tmp_path / "run", budget=radin.Budget(soups=1))
    rolled, shuffled = (one.message for one in result.findings if one.kind == "test")
    assert rolled.startswith(
        "On the test set rolled the outputs seem to stand for other classes than the labels: output 0 for class 1, "
        "output 1 for class 2, output 2 for class 0. With 3 of 3 outputs in that order, "
    )
    assert rolled.endswith(
        "Mend the labels of the test set rolled, which stand in another order than those that selected."
    )
    value = result.tests["shuffled"].best_ingredient.value
    assert shuffled.startswith(
        f"On the test set shuffled the best ingredient is no better than chance: it has accuracy {value:.4f} there, "
        f"and {result.best_ingredient.value:.4f} on the selection data."
    )
    assert rolled in result.warnings
    assert result.spent.test_passes == 3 * len(
        {result.best.recipe, result.best_ingredient.recipe, *(b.soup.recipe for b in result.baselines if b.soup)}
    )


def test_where_the_selection_has_another_order_nothing_is_said_of_tests(tmp_path: Path) -> None:
    (x, y), pool = clouds(300, 5), radin.Pool(make_pool(tmp_path / "pool", 2))
    data, test = clouds(300, 1), (x, (y + 1) % 3)
    wrong = radin.Task(task().build_model, (data[0], (data[1] + 1) % 3), test=test)
    result = radin.make_soup(pool, wrong, run_dir=tmp_path / "run", budget=radin.Budget(soups=1))
    assert [one.kind for one in result.findings if one.kind in ("classes", "test")] == ["classes"]


def test_exchanged_classes_of_a_test_set_are_named() -> None:
    made = bank(700, 0.7)
    order = np.array([0, 1, 2, 5, 4, 3, 6, 7, 8, 9])
    turned = radin.LogitBank.from_arrays([made.logits(0)], order[made.labels], names=["it"])
    (found,) = findings_on_one("the test set", turned, ACCURACY, list("abcdefghij"), (0.73, 0.63))
    assert found.text.startswith(
        "On the test set outputs 3 and 5 seem to stand for each other's classes: output 3 for class 5 (f), output 5 "
        "for class 3 (d). In that order it would be right on "
    )


@pytest.mark.parametrize("m", [2, 20, 100, 1000])
@pytest.mark.parametrize("right", [0.05, 0.3, 0.9])
def test_small_test_sets_and_weak_networks_are_left_alone(m: int, right: float) -> None:
    above = 0.9 * right
    for seed in range(30):
        assert findings_on_one("the test set", bank(m, right, seed), ACCURACY, None, (0.1 + above, above)) == []


def test_chance_is_said_only_where_the_selection_data_are_better() -> None:
    useless = bank(500, 0.0)
    assert findings_on_one("the test set", useless, ACCURACY, None, (0.1, 0.0)) == []
    (found,) = findings_on_one("the test set", useless, ACCURACY, None, (0.9, 0.8))
    assert found.kind == "test"
    assert "is no better than chance" in found.text
