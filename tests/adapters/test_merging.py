from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.lora import tensors_of, update_of, write_adapter, write_base
from safetensors.torch import load_file, save_file

import radin
from radin.adapters.merging import MergedPool
from radin.errors import IncompatibleError, InputError, MissingFileError

RANKS = {"body.first": 2, "head": 3}


def merged_of(base: Path, folder: Path, *, turned: bool = False) -> dict[str, np.ndarray]:
    """The base merged with one adapter in float64, by the definition; DoRA included."""
    tensors, own = tensors_of(base / "model.safetensors"), tensors_of(folder)
    for module, update in update_of(folder).items():
        name = f"{module}.weight"
        if module == "table":
            tensors[name] = tensors[name] + update.T
            continue
        weight = (tensors[name].T if turned else tensors[name]) + update
        length = own.get(f"base_model.model.{module}.lora_magnitude_vector")
        if length is not None:
            weight = weight * (length / np.linalg.norm(weight, axis=1))[:, None]
        tensors[name] = weight.T if turned else weight
    return tensors


def check(base: Path, folders: list[Path], out: Path, tolerance: float = 1e-6, turned: bool = False) -> None:
    weights = np.arange(1, len(folders) + 1) / sum(range(1, len(folders) + 1))
    radin.average(radin.Pool(folders, merge=True, base=base), weights, out)
    got, each = tensors_of(out), [merged_of(base, folder, turned=turned) for folder in folders]
    assert got.keys() == each[0].keys()
    for name, values in got.items():
        expected = sum(weight * one[name] for weight, one in zip(weights, each, strict=True))
        np.testing.assert_allclose(values, expected, rtol=0, atol=tolerance * np.abs(expected).max(), err_msg=name)


@pytest.mark.parametrize(
    "variants",
    [
        [{}, {"use_rslora": True}],
        [{"magnitudes": True}, {"magnitudes": True, "lora_alpha": 1}],
        [{"magnitudes": True}, {}],
    ],
    ids=["plain and rslora", "DoRA", "DoRA and LoRA"],
)
@pytest.mark.parametrize("turned", [False, True], ids=["outputs first", "inputs first"])
def test_a_merged_soup_is_the_mean_of_merged_models(tmp_path: Path, variants, turned: bool) -> None:
    base = write_base(tmp_path / "base", turned=turned)
    folders = [
        write_adapter(tmp_path / f"run{i}", i, RANKS, fan_in_fan_out=turned, **one) for i, one in enumerate(variants)
    ]
    check(base, folders, tmp_path / "soup.safetensors", turned=turned)


def test_embeddings_and_modules_that_one_lacks(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base", table=True)
    folders = [
        write_adapter(tmp_path / "run0", 0, {"body.first": 2}, table=3),
        write_adapter(tmp_path / "run1", 1, {"head": 1}),
    ]
    check(base, folders, tmp_path / "soup.safetensors")


def test_a_bfloat16_base_is_rounded_once(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base", torch.bfloat16)
    folders = [write_adapter(tmp_path / f"run{i}", i, RANKS) for i in range(2)]
    check(base, folders, tmp_path / "soup.safetensors", tolerance=2**-8)
    assert {one.dtype for one in load_file(tmp_path / "soup.safetensors").values()} == {torch.bfloat16}


def test_what_no_adapter_touches_is_the_bases_byte_for_byte(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base")
    folders = [write_adapter(tmp_path / f"run{i}", i, RANKS) for i in range(2)]
    radin.average(radin.Pool(folders, merge=True, base=base), ["run1"], tmp_path / "soup.safetensors")
    soup, start = load_file(tmp_path / "soup.safetensors"), load_file(base / "model.safetensors")
    changed = {name for name in start if not torch.equal(soup[name], start[name])}
    assert changed == {"body.first.weight", "head.weight"}


def test_biases_of_factors_go_into_the_bases(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base")
    folders = [write_adapter(tmp_path / f"run{i}", i, RANKS, lora_bias=True) for i in range(2)]
    radin.average(radin.Pool(folders, merge=True, base=base), [0.25, 0.75], tmp_path / "soup.safetensors")
    name = "base_model.model.head.lora_B.bias"
    added = sum(w * 4 / 3 * tensors_of(one)[name] for w, one in zip((0.25, 0.75), folders, strict=True))
    before, after = tensors_of(base / "model.safetensors"), tensors_of(tmp_path / "soup.safetensors")
    np.testing.assert_allclose(after["head.bias"], before["head.bias"] + added, rtol=1e-5, atol=1e-6)


def test_whole_modules_take_the_place_of_the_bases_or_come_beside_them(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base")
    folders = []
    for i in range(2):
        plain = {
            "base_model.model.head.bias": torch.full((3,), float(i)),
            "base_model.model.new.weight": torch.full((2, 2), float(i)),
        }
        folders.append(write_adapter(tmp_path / f"run{i}", i, {"body.first": 2}, plain=plain))
    radin.average(radin.Pool(folders, merge=True, base=base), [0.25, 0.75], tmp_path / "soup.safetensors")
    soup = tensors_of(tmp_path / "soup.safetensors")
    assert (soup["head.bias"] == 0.75).all() and (soup["new.weight"] == 0.75).all()


def test_a_base_without_the_prefix_of_the_network_gets_it(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base")
    inner = {name.removeprefix("body."): one for name, one in load_file(base / "model.safetensors").items()}
    bare = tmp_path / "bare" / "model.safetensors"
    bare.parent.mkdir()
    save_file({name: one for name, one in inner.items() if "head" not in name}, bare)
    folders = [write_adapter(tmp_path / f"run{i}", i, {"body.first": 2}) for i in range(2)]
    radin.average(radin.Pool(folders, merge=True, base=bare), [0.5, 0.5], tmp_path / "soup.safetensors")
    soup, whole = tensors_of(tmp_path / "soup.safetensors"), merged_of(base, folders[0])
    mean = (whole["body.first.weight"] + merged_of(base, folders[1])["body.first.weight"]) / 2
    assert soup.keys() == {"body.first.weight", "body.first.bias", "body.second.weight", "body.second.bias"}
    np.testing.assert_allclose(soup["body.first.weight"], mean, atol=1e-5)


def test_the_base_is_found_where_the_settings_say(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base")
    folders = [write_adapter(tmp_path / f"run{i}", i, RANKS, base=base) for i in range(2)]
    pool = radin.Pool(folders, merge=True)
    assert isinstance(pool, MergedPool) and pool.base.place == base
    before = pool.fingerprint(0)
    write_base(base, torch.bfloat16)
    assert radin.Pool(folders, merge=True).fingerprint(0) != before


def test_bases_that_take_no_update_are_refused(tmp_path: Path) -> None:
    folders = [write_adapter(tmp_path / f"run{i}", i, RANKS, table=2) for i in range(2)]
    with pytest.raises(MissingFileError) as missing:
        radin.Pool(folders, merge=True)
    assert "base" in missing.value.mend
    base = write_base(tmp_path / "base")
    with pytest.raises(IncompatibleError, match=r"'table'"):
        radin.Pool(folders, merge=True, base=base)
    tied = write_base(tmp_path / "tied", table=True)
    (tied / "config.json").write_text('{"tie_word_embeddings": true}')
    with pytest.raises(IncompatibleError, match="tied"):
        radin.Pool(folders, merge=True, base=tied)
    quantised = write_base(tmp_path / "quantised", table=True)
    tensors = load_file(quantised / "model.safetensors")
    save_file(tensors | {"head.weight": tensors["head.weight"].to(torch.int8)}, quantised / "model.safetensors")
    with pytest.raises(IncompatibleError, match="int8") as refused:
        radin.Pool(folders, merge=True, base=quantised)
    assert refused.value.mend == {"merge": False}
    with pytest.raises(IncompatibleError, match="shape"):
        save_file(tensors | {"head.weight": torch.zeros(7, 7)}, quantised / "model.safetensors")
        radin.Pool(folders, merge=True, base=quantised)


def test_dora_of_embeddings_is_refused_by_name(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base", table=True)
    folders = [write_adapter(tmp_path / f"run{i}", i, RANKS, table=2, magnitudes=True) for i in range(2)]
    with pytest.raises(IncompatibleError, match="DoRA"):
        radin.average(radin.Pool(folders, merge=True, base=base), [0.5, 0.5], tmp_path / "soup.safetensors")


def test_rank_and_merge_exclude_each_other(tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "run0", 0, RANKS)
    with pytest.raises(InputError):
        radin.Pool([folder], merge=True, rank=2, base=write_base(tmp_path / "base"))


def test_an_update_beyond_the_dtype_is_refused(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base", torch.float16)
    folder = write_adapter(tmp_path / "run0", 0, RANKS, lora_alpha=1e6)
    with pytest.raises(IncompatibleError, match="float16"):
        radin.average(radin.Pool([folder], merge=True, base=base), [1.0], tmp_path / "soup.safetensors")


def test_a_base_that_is_a_folder_gives_the_soup_its_config(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base")
    (base / "config.json").write_text('{"model_type": "mine", "architectures": ["Mine"]}')
    (base / "tokenizer.json").write_text("{}")
    folders = [write_adapter(tmp_path / f"run{i}", i, RANKS) for i in range(2)]
    soup = radin.average(radin.Pool(folders, merge=True, base=base), [0.5, 0.5], tmp_path / "soup")
    held = {path.name for path in soup.iterdir()}
    assert held == {"config.json", "tokenizer.json", "model.safetensors", "radin_recipe.json", "README.md"}
    assert "the base" in (soup / "README.md").read_text()
    np.testing.assert_allclose(
        tensors_of(soup / "model.safetensors")["head.weight"],
        sum(merged_of(base, folder)["head.weight"] for folder in folders) / 2,
        atol=1e-5,
    )
