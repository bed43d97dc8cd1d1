"""Other surrogates reduce to the plain one where they must."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import small
from helpers.tiny_zoo import INGREDIENTS, TinyZoo
from safetensors.torch import load_file, save_file

import radin
from benchmarks.comparison import ensembles
from benchmarks.comparison.ensembles import Ensembles, mixed
from benchmarks.comparison.store import Store


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> TinyZoo:
    return TinyZoo(tmp_path_factory.mktemp("zoo"))


@pytest.fixture
def store(zoo: TinyZoo):
    with Store(zoo) as opened:
        yield opened


def made(store: Store) -> dict[str, ensembles.Predictor]:
    return dict(Ensembles(store, np.arange(150)))


def test_averaged_logits_are_those_that_radin_scores(store: Store) -> None:
    recipe = radin.Recipe.subset(store.names, [0, 2, 5])
    logits = made(store)["logits"](recipe)
    plain = radin.Surrogate(store.verifier.all_rows)
    assert store.metric.score(logits, store.labels) == plain(recipe.row[None])[0]


def test_every_surrogate_of_one_ingredient_is_that_ingredient_up_to_a_temperature(store: Store) -> None:
    for i in range(INGREDIENTS):
        alone = radin.Recipe.subset(store.names, [i])
        expected = store.ingredient(i).argmax(axis=1)
        for name, predict in made(store).items():
            if name != f"logits of rank {ensembles.RANK}":
                np.testing.assert_array_equal(predict(alone).argmax(axis=1), expected, err_msg=name)


def test_low_rank_is_exact_once_the_rank_is_that_of_the_pool(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ensembles, "RANK", INGREDIENTS - 1)
    some = Ensembles(store, np.arange(150))
    np.testing.assert_allclose(some.reduced(), some.logits, atol=1e-6)


def test_features_and_heads_are_the_soup_where_only_the_head_was_tuned(tmp_path: Path) -> None:
    zoo = TinyZoo(tmp_path / "zoo")
    first, *others = zoo.build()
    body = load_file(first)
    for path in others:
        save_file(body | {name: value for name, value in load_file(path).items() if ".3." in name}, path)
    with Store(zoo) as store:
        recipe = radin.Recipe.of(store.names, np.array([0.5, 0.3, 0.2, 0, 0, 0]))
        predicted = made(store)["features and heads"](recipe)
        np.testing.assert_allclose(predicted, store.logits(recipe), atol=1e-4)


def test_a_network_that_ends_otherwise_has_no_features_and_heads(zoo: TinyZoo) -> None:
    class Bent(TinyZoo):
        def task(self) -> radin.Task:
            return small.task(samples=100, forward=lambda network, x: torch.sin(network(x)))

    with Store(Bent(zoo.root)) as store:
        assert Ensembles(store, np.arange(50)).features_and_heads() is None


def test_mixed_is_a_weighted_mean() -> None:
    recipe = radin.Recipe.of(("a", "b", "c"), np.array([0.25, 0, 0.75]))
    assert mixed(recipe, np.array([[4.0], [9.0], [8.0]])) == pytest.approx(7.0)
