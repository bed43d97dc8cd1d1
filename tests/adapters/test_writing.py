import json
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.lora import tensors_of, update_of, write_adapter
from hypothesis import given, settings
from hypothesis import strategies as st

import radin
from radin.adapters.config import read_config
from radin.errors import InputError

RANKS = {"body.first": 2, "head": 3}


def mean_update(folders, weights):
    """Σ wᵢΔWᵢ in float64; a module that an adapter lacks counts as zero."""
    total = {}
    for folder, weight in zip(folders, weights, strict=True):
        for module, update in update_of(folder).items():
            total[module] = total.get(module, 0.0) + weight * update
    return total


def check(folders, weights, out, tolerance=1e-6, **options):
    pool = radin.Pool(folders, **options)
    radin.average(pool, list(weights), out)
    expected, got = mean_update(folders, weights), update_of(out)
    assert got.keys() == expected.keys()
    for module, update in expected.items():
        np.testing.assert_allclose(got[module], update, rtol=0, atol=tolerance * np.abs(update).max(), err_msg=module)
    return pool


@pytest.mark.parametrize(
    "variants",
    [
        [{}, {}],
        [{"use_rslora": True}, {}, {"use_rslora": True, "lora_alpha": 7}],
        [{"lora_alpha": 16, "alpha_pattern": {"head": 3}}, {"alpha_pattern": {"body.first": 1.5}}],
        [{"lora_bias": True}, {}],
    ],
    ids=["plain", "rslora", "alpha patterns", "bias of one"],
)
def test_the_soups_update_is_the_mean_of_updates(tmp_path: Path, variants) -> None:
    folders = [write_adapter(tmp_path / f"run{i}", i, RANKS, **one) for i, one in enumerate(variants)]
    weights = np.arange(1, len(folders) + 1) / sum(range(1, len(folders) + 1))
    check(folders, weights, tmp_path / "soup")


def test_ranks_differ_by_module_and_by_adapter(tmp_path: Path) -> None:
    ranks = [{"body.first": 1, "head": 3}, {"body.first": 4, "head": 2}, {"body.first": 2, "head": 2}]
    folders = [write_adapter(tmp_path / f"run{i}", i, one) for i, one in enumerate(ranks)]
    check(folders, [0.5, 0.25, 0.25], tmp_path / "soup")
    written = json.loads((tmp_path / "soup" / "adapter_config.json").read_text())
    assert {written["r"], *written["rank_pattern"].values()} == {7} and written["lora_alpha"] == 7


@settings(max_examples=25, deadline=None)
@given(data=st.data(), n=st.integers(1, 4), rslora=st.booleans())
def test_any_ranks_and_modules(tmp_path_factory, data, n: int, rslora: bool) -> None:
    folder = tmp_path_factory.mktemp("any")
    names = ["body.first", "body.second", "head"]
    folders = []
    for i in range(n):
        chosen = data.draw(st.dictionaries(st.sampled_from(names), st.integers(1, 7), min_size=1))
        alpha = data.draw(st.sampled_from([1, 3, 16.5]))
        table = data.draw(st.integers(0, 3))
        one = write_adapter(folder / f"run{i}", i, chosen, table=table, use_rslora=rslora, lora_alpha=alpha)
        folders.append(one)
    parts = np.array(data.draw(st.lists(st.integers(1, 5), min_size=n, max_size=n)), dtype=float)
    check(folders, parts / parts.sum(), folder / "soup")


def test_bfloat16_stays_and_is_rounded_once(tmp_path: Path) -> None:
    folders = [write_adapter(tmp_path / f"run{i}", i, RANKS, dtype=torch.bfloat16) for i in range(3)]
    check(folders, [0.2, 0.3, 0.5], tmp_path / "soup", tolerance=2**-8)
    from safetensors.torch import load_file

    assert {one.dtype for one in load_file(tmp_path / "soup" / "adapter_model.safetensors").values()} == {
        torch.bfloat16
    }


def test_a_soup_of_one_is_a_copy(tmp_path: Path) -> None:
    folders = [write_adapter(tmp_path / f"run{i}", i, RANKS, use_rslora=True) for i in range(2)]
    radin.average(radin.Pool(folders), ["run1"], tmp_path / "soup")
    here, there = tensors_of(tmp_path / "soup"), tensors_of(folders[1])
    assert here.keys() == there.keys() and all(np.array_equal(here[name], there[name]) for name in here)
    assert json.loads((tmp_path / "soup" / "adapter_config.json").read_text())["use_rslora"] is True


def test_whole_modules_and_biases_are_averaged_as_they_are(tmp_path: Path) -> None:
    plain = [{"base_model.model.classifier.weight": torch.full((2, 3), float(i)).contiguous()} for i in range(2)]
    folders = [
        write_adapter(tmp_path / f"run{i}", i, RANKS, plain=plain[i], modules_to_save=["classifier"]) for i in range(2)
    ]
    check(folders, [0.25, 0.75], tmp_path / "soup")
    assert (tensors_of(tmp_path / "soup")["base_model.model.classifier.weight"] == 0.75).all()


def test_biases_of_factors_are_weighted_and_scaled(tmp_path: Path) -> None:
    folders = [write_adapter(tmp_path / "run0", 0, RANKS, lora_bias=True), write_adapter(tmp_path / "run1", 1, RANKS)]
    radin.average(radin.Pool(folders), [0.25, 0.75], tmp_path / "soup")
    name = "base_model.model.head.lora_B.bias"
    np.testing.assert_allclose(
        tensors_of(tmp_path / "soup")[name], 0.25 * 4 / 3 * tensors_of(folders[0])[name], rtol=1e-6
    )
    assert json.loads((tmp_path / "soup" / "adapter_config.json").read_text())["lora_bias"] is True


@pytest.mark.parametrize("rank", [1, 2, 4, 7])
def test_a_smaller_rank_gives_the_nearest_update_and_says_what_is_lost(tmp_path: Path, rank: int) -> None:
    folders = [write_adapter(tmp_path / f"run{i}", i, RANKS, table=2) for i in range(3)]
    weights = np.array([0.2, 0.3, 0.5])
    pool = radin.Pool(folders, rank=rank)
    radin.average(pool, weights, tmp_path / "soup")
    lost = total = 0.0
    for module, update in mean_update(folders, weights).items():
        u, values, v = np.linalg.svd(update, full_matrices=False)
        nearest = (u[:, :rank] * values[:rank]) @ v[:rank]
        np.testing.assert_allclose(update_of(tmp_path / "soup")[module], nearest, atol=1e-5)
        lost, total = lost + (values[rank:] ** 2).sum(), total + (values**2).sum()
    from safetensors import safe_open

    with safe_open(tmp_path / "soup" / "adapter_model.safetensors", "np") as file:
        said = file.metadata()
    assert said["radin.rank"] == str(rank) and float(said["radin.lost"]) == pytest.approx(lost / total, rel=1e-5)


def test_settings_of_targets_stay_where_all_agree_and_are_listed_where_not(tmp_path: Path) -> None:
    folders = [write_adapter(tmp_path / f"run{i}", i, RANKS, target_modules=["head", "first"]) for i in range(2)]
    radin.average(radin.Pool(folders), [0.5, 0.5], tmp_path / "soup")
    assert json.loads((tmp_path / "soup" / "adapter_config.json").read_text())["target_modules"] == ["head", "first"]
    other = write_adapter(tmp_path / "other", 3, {"body.second": 2})
    radin.average(radin.Pool([*folders, other]), ["run0", "other"], tmp_path / "soup")
    targets = json.loads((tmp_path / "soup" / "adapter_config.json").read_text())["target_modules"]
    assert targets == ["body.first", "body.second", "head"]


def test_nothing_of_others_is_replaced(tmp_path: Path) -> None:
    folders = [write_adapter(tmp_path / f"run{i}", i, RANKS) for i in range(2)]
    pool = radin.Pool(folders)
    radin.average(pool, [0.5, 0.5], tmp_path / "soup")
    radin.average(pool, [0.5, 0.5], tmp_path / "soup")
    for other in (folders[0], tmp_path):
        with pytest.raises(InputError):
            radin.average(pool, [0.5, 0.5], other)
    assert not list(tmp_path.glob(".*"))


def test_patterns_name_one_module_each(tmp_path: Path) -> None:
    """The rank of a module is not that of another whose whole name is the end of its own."""
    ranks = {"body.first": 2, "body.head": 2, "head": 3}
    folders = [write_adapter(tmp_path / f"run{i}", i, ranks) for i in range(2)]
    radin.average(radin.Pool(folders), [0.5, 0.5], tmp_path / "soup")
    config = read_config(tmp_path / "soup")
    assert {name: config.rank(name) for name in ranks} == {"body.first": 4, "body.head": 4, "head": 6}


def test_what_lies_beside_the_weights_is_copied_and_a_card_is_added(tmp_path: Path) -> None:
    folders = [write_adapter(tmp_path / f"run{i}", i, RANKS) for i in range(2)]
    (folders[1] / "tokenizer.json").write_text("{}")
    (folders[1] / "optimizer.pt").write_bytes(b"")
    radin.average(radin.Pool(folders, rank=1), [0.25, 0.75], tmp_path / "soup")
    held = {path.name for path in (tmp_path / "soup").iterdir()}
    written = {"adapter_config.json", "adapter_model.safetensors", "README.md", "radin_recipe.json"}
    assert held == written | {"tokenizer.json"}
    card = (tmp_path / "soup" / "README.md").read_text()
    assert "base_model: someone/base\n" in card and "| run1 | 0.75 |" in card and "% of the energy" in card
    account = json.loads((tmp_path / "soup" / "radin_recipe.json").read_text())
    assert account["recipe"] == {"run0": 0.25, "run1": 0.75} and account["rank"] == 1 and 0 < float(account["lost"]) < 1


def test_an_adapter_is_one_file(tmp_path: Path) -> None:
    pool = radin.Pool([write_adapter(tmp_path / "run0", 0, RANKS)])
    with pytest.raises(InputError, match="shards"):
        radin.average(pool, ["run0"], tmp_path / "soup", max_shard_size=10)
