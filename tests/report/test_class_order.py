"""Outputs in another order than the labels are seen in the logits, and nowhere else."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.small import make_pool, task
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

import radin
from radin.demo import digits
from radin.report.class_order import assignment, cycles, exchanged, predictions, reordered, reordering
from radin.report.diagnosis import diagnose


def bank(labels: np.ndarray, n_classes: int, n: int = 5, right: float = 0.8, seed: int = 0) -> radin.LogitBank:
    """Ingredients that are right on a share of the samples, and guess on the others."""
    rng = np.random.default_rng(seed)
    guesses = rng.integers(n_classes, size=(n, len(labels)))
    predictions = np.where(rng.random((n, len(labels))) < right, labels, guesses)
    return radin.LogitBank.from_arrays(3 * np.eye(n_classes, dtype=np.float32)[predictions], labels)


def drawn(m: int, n_classes: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(n_classes, size=m)


def relabelled(made: radin.LogitBank, order: np.ndarray) -> radin.LogitBank:
    """The same logits beside labels of another order."""
    arrays = [made.read(i, 0, made.n_samples) for i in range(len(made))]
    return radin.LogitBank.from_arrays(arrays, order[made.labels])


@given(st.permutations(range(7)))
def test_any_other_order_is_found_and_said(order: list[int]) -> None:
    right = np.array(order)
    moved = np.flatnonzero(right != np.arange(7)).tolist()
    found = reordering(relabelled(bank(drawn(600, 7), 7, right=0.9), right))
    if not moved:
        assert found is None
        return
    assert found is not None
    assert found.label_of.tolist() == order
    assert found.moved == moved
    assert found.before < found.after > 0.85


@pytest.mark.parametrize("n_classes", [2, 10, 100])
@pytest.mark.parametrize("m", [2, 20, 2000])
@pytest.mark.parametrize("right", [0.0, 0.3, 0.9])
def test_sound_and_useless_pools_are_left_alone(n_classes: int, m: int, right: float) -> None:
    for seed in range(5):
        assert reordering(bank(drawn(m, n_classes, seed), n_classes, right=right, seed=seed)) is None


def test_untrained_networks_are_left_alone() -> None:
    """They group the samples by what they are, so another order fits better than chance, but not well."""
    inputs, classes = digits.images()[1].tensors()
    labels, gains = classes.numpy(), []
    for seed in range(20):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = digits.network().eval()
        with torch.inference_mode():
            logits = network(inputs).numpy()
        assert reordering(radin.LogitBank.from_arrays([logits] * 3, labels)) is None
        predicted = logits.argmax(1)
        gains.append((assignment(labels, predicted, 10)[predicted] == labels).mean() - (predicted == labels).mean())
    assert 0.05 < max(gains) < 0.3


@pytest.mark.parametrize("order", [[0, 1, 2, 5, 4, 3, 6, 7, 8, 9], [0, 4, 2, 3, 7, 5, 6, 1, 8, 9]])
def test_a_few_exchanged_among_many_are_named(order: list[int]) -> None:
    right, labels = np.array(order), drawn(700, 10)
    found = exchanged(predictions(bank(labels, 10, n=1, right=0.7))[0], right[labels], 10)
    assert found is not None
    assert found.label_of.tolist() == order
    assert found.before < 0.06
    assert 0.65 < found.after < 0.8
    assert reordering(relabelled(bank(labels, 10, right=0.7), right)) is None  # as a whole they gain too little


def test_the_exchange_is_said_with_the_ingredient_that_shows_it() -> None:
    right = np.array([0, 1, 2, 5, 4, 3, 6, 7, 8, 9])
    made = relabelled(bank(drawn(700, 10), 10, right=0.7), right)
    ranking = radin.rank(made)
    assert ranking.findings[0].kind == "exchanged"
    assert ranking.warnings[0].startswith(
        "Outputs 3 and 5 seem to stand for each other's classes: output 3 for class 5, output 5 for class 3. In that "
        "order model"
    )
    sound = radin.rank(bank(drawn(700, 10), 10, right=0.7))
    assert not sound.findings


@pytest.mark.parametrize("m", [30, 300, 3000])
@pytest.mark.parametrize("noise", [0.0, 0.4, 0.8])
def test_honest_errors_are_no_exchange(m: int, noise: float) -> None:
    """Errors that gather in few other classes, labels taken for their neighbours', and few samples of some classes."""
    rng = np.random.default_rng(m)
    for _ in range(20):
        labels = rng.choice(10, m, p=rng.dirichlet(np.full(10, 0.5)))
        confused = rng.dirichlet(np.full(10, 0.3), 10)
        guesses = (rng.random((m, 1)) > confused[:, :9].cumsum(axis=1)[labels]).sum(axis=1)
        predicted = np.where(rng.random(m) < 0.5, labels, guesses)
        neighbours = np.where(rng.random(m) < noise / 2, labels ^ 1, labels)
        noisy = np.where(rng.random(m) < noise, rng.integers(10, size=m), labels)
        assert exchanged(predicted, neighbours, 10) is None
        assert exchanged(predicted, noisy, 10) is None


def test_rows_of_one_group_count_once() -> None:
    labels = np.repeat(np.arange(4), 50)
    turned = np.array([1, 0, 2, 3])[labels]
    assert exchanged(labels, turned, 4) is not None
    assert exchanged(labels, turned, 4, np.arange(200) // 10) is None  # 10 images of the two classes


def test_one_column_alone_is_no_order() -> None:
    """A network that knows nothing fits the class that most of the samples have, and nothing else."""
    labels = np.where(np.arange(1000) % 20 == 3, drawn(1000, 10), 7)
    assert reordered(np.full((3, 1000), 2), labels, 10) is None


def test_cycles_leave_out_what_keeps_its_place() -> None:
    assert cycles(np.array([0, 3, 4, 1, 5, 2])) == [[1, 3], [2, 4, 5]]
    assert cycles(np.arange(4)) == []


def test_one_that_disagrees_does_not_count() -> None:
    """The pool `broken` of the benchmarks holds one with its classes reversed."""
    labels = drawn(500, 4)
    sound, turned = bank(labels, 4, n=4), bank(3 - labels, 4, n=1)
    arrays = [sound.read(i, 0, 500) for i in range(4)] + [turned.read(0, 0, 500)]
    assert reordering(radin.LogitBank.from_arrays(arrays, labels)) is None


def test_classes_that_no_sample_has_keep_their_place() -> None:
    assert assignment(np.array([0, 0, 2]), np.array([2, 2, 0]), 5).tolist() == [2, 1, 0, 3, 4]


def test_a_run_and_its_diagnosis_say_it(tmp_path: Path) -> None:
    for path in make_pool(tmp_path / "pool", 3):
        state = load_file(path)
        save_file({name: t.roll(1, 0) if name.startswith("layers.3.") else t for name, t in state.items()}, path)
    pool = radin.Pool(tmp_path / "pool")
    result = radin.make_soup(pool, task(), run_dir=tmp_path / "run")
    assert result.verdict.startswith("Nothing is decided: the outputs seem to stand for other classes")
    assert result.warnings[0].startswith("The outputs seem to stand for other classes than the labels: output 0 for")
    assert "Try classes='FILE'." in result.warnings[0]
    found = diagnose(pool, task(), run_dir=tmp_path / "run")
    assert found.verdict.startswith("Nothing can be said of this pool yet. The outputs seem to stand for other")
