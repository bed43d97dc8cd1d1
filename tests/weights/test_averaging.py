"""Soups on disk, against loops in torch that are slow and obviously right."""

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.averages import bits, oracle, pool_of, soup_of
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_model, save_model
from torch import Tensor, nn

from radin.errors import CheckpointError, IncompatibleError, InputError
from radin.recipe import Recipe
from radin.weights.averaging import average
from radin.weights.pool import Pool
from radin.weights.tiling import TILE

FLOATS = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
SHAPES = [(), (0,), (1,), (3, 0, 2), (5,), (3, 4, 5), (TILE - 1,), (TILE + 1,), (2, TILE)]


@st.composite
def pools(draw: st.DrawFn) -> tuple[list[dict[str, Tensor]], list[float]]:
    n = draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    spread = draw(st.sampled_from([1e-40, 1e-6, 1.0, 1e3]))
    shapes = draw(st.lists(st.tuples(st.sampled_from(SHAPES), st.sampled_from(FLOATS)), min_size=1, max_size=4))
    states: list[dict[str, Tensor]] = [{} for _ in range(n)]
    for k, (shape, dtype) in enumerate(shapes):
        shared = draw(st.integers(0, 2))  # 0: all differ; 1: zeros of either sign; 2: all equal
        for state in states:
            values = rng.standard_normal(shape) * spread
            if shared == 1:
                values = np.where(rng.random(shape) < 0.5, -0.0, values * 0)
            elif shared == 2:
                values = np.full(shape, 0.1 * k)
            state[f"t{k}"] = torch.from_numpy(np.asarray(values)).to(dtype)
    weights = rng.dirichlet(np.ones(n)) * (rng.random(n) < 0.7)
    weights = weights / weights.sum() if weights.sum() > 0 else np.eye(n)[0]
    return states, weights.tolist()


@settings(max_examples=40)
@given(pools())
def test_a_soup_is_the_weighted_sum_in_pool_order(case: tuple[list[dict[str, Tensor]], list[float]]) -> None:
    states, weights = case
    with tempfile.TemporaryDirectory() as folder:
        soup = soup_of(Path(folder), states, weights)
    weights = list(Recipe.of([str(i) for i in range(len(weights))], weights).weights)
    for name in states[0]:
        assert bits(soup[name]) == bits(oracle([state[name] for state in states], weights)), name
        assert soup[name].shape == states[0][name].shape


@settings(max_examples=20)
@given(pools(), st.sampled_from(["pt", "safetensors"]), st.booleans())
def test_formats_and_ways_of_reading_give_the_same_bytes(
    case: tuple[list[dict[str, Tensor]], list[float]], suffix: str, modern: bool
) -> None:
    states, weights = case
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        (Path(folder) / "a").mkdir()
        plain = average(pool_of(Path(folder), states), weights, Path(folder) / "soup.safetensors").read_bytes()
        if not modern:
            patch.delattr(os, "preadv")
            patch.delattr(os, "pwrite")
        other = average(pool_of(Path(folder, "a"), states, suffix), weights, Path(folder) / "soup.safetensors")
        assert other.read_bytes() == plain


def test_a_soup_of_one_is_the_ingredient_byte_for_byte(tmp_path: Path) -> None:
    states = [
        {
            "w": torch.tensor([0.1, -0.0, torch.inf, 1e-42]) + i,
            "b": torch.tensor([True]),
            "h": torch.randn(7).bfloat16(),
        }
        for i in range(3)
    ]
    soup = soup_of(tmp_path, states, [0.0, 1.0, 0.0])
    assert {name: bits(tensor) for name, tensor in soup.items()} == {
        name: bits(tensor) for name, tensor in states[1].items()
    }


@pytest.mark.parametrize("differs", [0, TILE - 1, TILE, 3 * TILE - 1, None])
def test_equality_is_decided_for_the_whole_tensor(tmp_path: Path, differs: int | None) -> None:
    base = torch.rand(3 * TILE) + 0.1
    states = [{"w": base.clone()} for _ in range(3)]
    if differs is not None:
        states[2]["w"][differs] = 7.0
    weights = [1 / 3] * 3
    soup = soup_of(tmp_path, states, weights)["w"]
    assert bits(soup) == bits(oracle([state["w"] for state in states], weights))
    if differs is None:
        assert bits(soup) == bits(base)


@pytest.mark.parametrize("dtype, unit", [(torch.float16, 2.0**-11), (torch.bfloat16, 2.0**-8)])
def test_the_error_of_narrow_floats_is_one_rounding(tmp_path: Path, dtype: torch.dtype, unit: float) -> None:
    torch.manual_seed(0)
    states = [{"w": (torch.rand(10_000) + 0.5).to(dtype)} for _ in range(20)]
    soup = soup_of(tmp_path, states, [1 / 20] * 20)["w"].double()
    exact = torch.stack([state["w"].double() for state in states]).mean(0)
    assert ((soup - exact).abs() <= exact.abs() * unit * 1.001).all()


def test_integers_are_copied_or_refused(tmp_path: Path) -> None:
    state = {"ids": torch.arange(5), "mask": torch.tensor([True, False])}
    assert torch.equal(soup_of(tmp_path, [state, state], [0.5, 0.5])["ids"], state["ids"])
    for name, reason in {"ids": "must be equal", "mask": "two masks"}.items():
        other = state | {name: ~state[name] if name == "mask" else state[name] + 1}
        with pytest.raises(IncompatibleError, match=rf"'{name}'.*000\.safetensors.*001\.safetensors.*{reason}"):
            soup_of(tmp_path, [state, other], [0.5, 0.5])
        assert torch.equal(soup_of(tmp_path, [state, other], [0.0, 1.0])[name], other[name])


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8])
def test_packed_weights_are_no_counter_that_could_be_kept(tmp_path: Path, dtype: torch.dtype) -> None:
    states = [{"w": torch.full((8, 1), i, dtype=dtype)} for i in range(2)]
    with pytest.raises(IncompatibleError, match=r"'w'.*packed weights of a quantised model.*dequantised") as caught:
        soup_of(tmp_path, states, [0.5, 0.5])
    assert not caught.value.mend


@pytest.mark.parametrize("dtype, family", [(torch.complex64, "complex64"), (torch.float8_e4m3fn, "float8")])
def test_complex_and_float8_are_copied_or_refused(tmp_path: Path, dtype: torch.dtype, family: str) -> None:
    state, other = {"w": torch.ones(3).to(dtype)}, {"w": torch.zeros(3).to(dtype)}
    assert bits(soup_of(tmp_path, [state, state], [0.5, 0.5])["w"]) == bits(state["w"])
    with pytest.raises(IncompatibleError, match=f"'w'.*{family}"):
        soup_of(tmp_path, [state, other], [0.5, 0.5])


BN = [
    {
        "bn.running_mean": torch.tensor([float(i)]),
        "bn.running_var": torch.tensor([float(i * i)]),
        "bn.num_batches_tracked": torch.tensor(10 - i),
        "bn.weight": torch.tensor([float(i)]),
    }
    for i in range(1, 4)
]


def test_batchnorm_policies(tmp_path: Path) -> None:
    weights = [0.25, 0.375, 0.375]
    mean = oracle([state["bn.running_mean"] for state in BN], weights)
    for policy, expected in {"average": mean, "recompute": mean, "keep": BN[1]["bn.running_mean"]}.items():
        soup = soup_of(tmp_path, BN, weights, batchnorm=policy)
        assert torch.equal(soup["bn.running_mean"], expected), policy
        assert soup["bn.num_batches_tracked"] == 9
        assert soup["bn.weight"] == oracle([state["bn.weight"] for state in BN], weights)
    with pytest.raises(InputError, match=r"'median'.*average, keep, recompute"):
        soup_of(tmp_path, BN, weights, batchnorm="median")


def test_given_tensors_replace_averages(tmp_path: Path) -> None:
    given_mean = {"bn.running_mean": np.array([42.0])}
    soup = soup_of(tmp_path, BN, [0.5, 0.5, 0.0], batchnorm="recompute", replace=given_mean)
    assert soup["bn.running_mean"] == 42
    assert soup["bn.running_mean"].dtype == torch.float32
    for bad, message in {"shape": np.ones(2), "NaN": np.array([np.nan])}.items():
        with pytest.raises(InputError, match=rf"'bn\.running_mean'.*{message}"):
            soup_of(tmp_path, BN, [0.5, 0.5, 0.0], replace={"bn.running_mean": bad})
    with pytest.raises(InputError, match=r"'bn\.mean'"):
        soup_of(tmp_path, BN, [0.5, 0.5, 0.0], replace={"bn.mean": np.ones(1)})


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_given_tensors_take_the_stored_dtype(tmp_path: Path, dtype: torch.dtype) -> None:
    states = [{"w": torch.full((2,), float(i)).to(dtype)} for i in range(2)]
    values = torch.tensor([0.1, -3.3])
    soup = soup_of(tmp_path, states, [0.5, 0.5], replace={"w": values.numpy()})
    assert torch.equal(soup["w"], values.to(dtype))
    with pytest.raises(InputError, match=r"'w'.*beyond"):
        soup_of(tmp_path, states, [0.5, 0.5], replace={"w": np.array([1e39, 0.0])})


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("all_equal", [True, False])
def test_nan_is_refused_with_tensor_and_file(tmp_path: Path, dtype: torch.dtype, all_equal: bool) -> None:
    bad = torch.ones(TILE + 5).to(dtype)
    bad[-1] = torch.nan
    states = [{"w": bad if all_equal else torch.zeros(TILE + 5).to(dtype)}, {"w": bad}]
    file = "000" if all_equal else "001"
    with pytest.raises(CheckpointError, match=rf"{file}\.safetensors: tensor 'w' holds NaN"):
        soup_of(tmp_path, states, [0.5, 0.5])
    if not all_equal:  # whoever is not in the recipe is not read
        assert not soup_of(tmp_path, states, [1.0, 0.0])["w"].any()


@pytest.mark.parametrize("dtype", FLOATS)
def test_infinities_of_a_mask_stay(tmp_path: Path, dtype: torch.dtype) -> None:
    mask = torch.full((4, 4), -torch.inf, dtype=dtype).triu(1)
    learned = [mask + torch.full((4, 4), float(i), dtype=dtype) for i in range(2)]
    soup = soup_of(tmp_path, [{"same": mask, "m": m} for m in learned], [0.5, 0.5])
    assert torch.equal(soup["same"], mask)
    assert torch.equal(soup["m"], mask + 0.5)


def test_infinities_that_cancel_are_refused(tmp_path: Path) -> None:
    states = [{"w": torch.tensor([torch.inf])}, {"w": torch.tensor([-torch.inf])}]
    with pytest.raises(IncompatibleError, match=r"'w'.*cancel"):
        soup_of(tmp_path, states, [0.5, 0.5])


def test_an_average_that_overflows_is_refused(tmp_path: Path) -> None:
    top = torch.finfo(torch.float32).max
    states = [{"w": torch.tensor([top, float(i)])} for i in range(10)]
    with pytest.raises(IncompatibleError, match=r"'w'.*largest float32"):
        soup_of(tmp_path, states, [1 / 10] * 10)  # a tenth rounds up, so ten of them lie above the largest number


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_an_average_of_the_largest_narrow_floats_is_no_overflow(tmp_path: Path, dtype: torch.dtype) -> None:
    top = torch.finfo(dtype).max
    states = [{"w": torch.tensor([top, -top, float(i)]).to(dtype)} for i in range(10)]
    soup = soup_of(tmp_path, states, [1 / 10] * 10)["w"]
    assert torch.equal(soup, torch.tensor([top, -top, 4.5]).to(dtype))


def test_a_sum_beyond_float32_over_a_tile_is_no_overflow(tmp_path: Path) -> None:
    states = [{"w": torch.full((1000,), 3e38) * (1 - i / 10)} for i in range(2)]
    assert torch.isfinite(soup_of(tmp_path, states, [0.5, 0.5])["w"]).all()


def test_tied_tensors_stay_tied(tmp_path: Path) -> None:
    def network(seed: int) -> nn.Module:
        torch.manual_seed(seed)
        built = nn.ModuleDict({"emb": nn.Embedding(5, 3), "head": nn.Linear(3, 5, bias=False)})
        built["head"].weight = built["emb"].weight
        return built

    save_model(network(0), str(tmp_path / "a.safetensors"))
    torch.save(network(1).state_dict(), tmp_path / "b.pt")
    pool = Pool([tmp_path / "a.safetensors", tmp_path / "b.pt"])
    path = average(pool, [0.25, 0.75], tmp_path / "soup.safetensors")
    with safe_open(path, "pt") as file:
        assert list(file.keys()) == ["emb.weight"]
    filled = network(2)
    load_model(filled, path)
    expected = oracle([network(i).state_dict()["head.weight"] for i in range(2)], [0.25, 0.75])
    assert torch.equal(filled["head"].weight, expected)
    assert filled["head"].weight is filled["emb"].weight
    again = Pool(path)
    assert dict(again.aliases) == {"head.weight": "emb.weight"}
    filled.load_state_dict(again.state_dict(0))


def test_a_recipe_over_a_part_of_the_pool_is_of_the_ingredients_that_it_names(tmp_path: Path) -> None:
    pool = pool_of(tmp_path, [{"w": torch.rand(7)} for _ in range(4)])
    (tmp_path / "out").mkdir()
    whole = average(pool, [0.25, 0.0, 0.75, 0.0], tmp_path / "out" / "whole.safetensors").read_bytes()
    for names, weights in (
        (("000", "002"), (0.25, 0.75)),
        (("002", "003", "000"), (0.75, 0.0, 0.25)),
        (("000", "other", "002"), (0.25, 0.0, 0.75)),
    ):
        part = average(pool, Recipe(names, weights), tmp_path / "out" / "part.safetensors")
        assert part.read_bytes() == whole, names
    subset = average(pool, Recipe.subset(("001", "002", "003"), [0, 1, 2]), tmp_path / "out" / "part.safetensors")
    uniform = average(pool, Recipe.subset(pool.names, [1, 2, 3]), tmp_path / "out" / "uniform.safetensors")
    assert subset.read_bytes() == uniform.read_bytes()
