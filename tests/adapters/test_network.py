from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.lora import make_adapters, start, update_of
from helpers.small import clouds
from torch import nn

import radin
from radin.adapters.network import AdapterFiller, with_adapter
from radin.errors import IncompatibleError, TaskError
from radin.recipe import Recipe

pytest.importorskip("peft")


def outputs(network: nn.Module) -> np.ndarray:
    with torch.inference_mode():
        return network(clouds(20, 5)[0]).numpy()


def expected(folders: list[Path], weights: list[float]) -> np.ndarray:
    """Outputs of the base plus the mean of updates, in float64."""
    network = start().double()
    with torch.no_grad():
        for folder, weight in zip(folders, weights, strict=True):
            for module, update in update_of(folder).items():
                network.get_submodule(module).weight += weight * torch.tensor(update)
    with torch.inference_mode():
        return network(clouds(20, 5)[0].double()).numpy()


def test_one_base_takes_soup_after_soup_and_stays_as_it_is(tmp_path: Path) -> None:
    folders = make_adapters(tmp_path, 3)
    pool, base = radin.Pool(folders), start()
    before = {name: one.clone() for name, one in base.state_dict().items()}
    weights = [[1.0, 0.0, 0.0], [0.2, 0.3, 0.5], [0.0, 0.5, 0.5], [1.0, 0.0, 0.0]]
    filler = AdapterFiller(with_adapter(base, pool, Recipe.of(pool.names, ["run1"])), pool)
    for row in weights:
        network = filler.fill(row)
        assert network.get_base_model() is base
        np.testing.assert_allclose(outputs(network), expected(folders, row), atol=1e-5)
    assert filler.network.unload() is base
    after = base.state_dict()
    assert after.keys() == before.keys() and all(torch.equal(one, before[name]) for name, one in after.items())


def test_a_cut_soup_is_run_as_it_is_cut(tmp_path: Path) -> None:
    folders = make_adapters(tmp_path, 3)
    whole, cut = radin.Pool(folders), radin.Pool(folders, rank=1)
    recipe = Recipe.uniform(whole.names)
    one, other = outputs(with_adapter(start(), whole, recipe)), outputs(with_adapter(start(), cut, recipe))
    assert np.abs(one - other).max() > 1e-3


def test_random_numbers_of_others_are_not_used_up(tmp_path: Path) -> None:
    pool = radin.Pool(make_adapters(tmp_path, 1))
    torch.manual_seed(3)
    expected = torch.rand(2)
    base = start()
    torch.manual_seed(3)
    with_adapter(base, pool, Recipe.uniform(pool.names))
    assert torch.equal(torch.rand(2), expected)


def test_networks_that_are_not_the_base_are_refused(tmp_path: Path) -> None:
    pool = radin.Pool(make_adapters(tmp_path, 1))
    recipe = Recipe.uniform(pool.names)
    with pytest.raises(IncompatibleError, match="PEFT"):
        with_adapter(nn.Sequential(nn.Linear(6, 3)), pool, recipe)
    part = start()
    del part.layers[3]
    with pytest.raises(IncompatibleError, match=r"layers\.3"):
        with_adapter(part, pool, recipe)
    with pytest.raises(TaskError, match="base alone"):
        with_adapter(with_adapter(start(), pool, recipe), pool, recipe)
