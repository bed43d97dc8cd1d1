"""Checkpoints in several files with an index, read and written."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from radin.checkpoints import TensorInfo, open_checkpoint
from radin.checkpoints.sharding import shares
from radin.errors import CheckpointError, InputError, MissingFileError
from radin.weights.averaging import average
from radin.weights.pool import Pool

STATE = {
    "module.a": torch.arange(6.0).view(2, 3),
    "module.b": torch.tensor([1.0, -0.0, torch.inf]),
    "module.n": torch.tensor(3),
    "module.e": torch.empty(0, 2),
}


def save_sharded(folder: Path, parts: Sequence[Mapping[str, Tensor]], suffix: str = ".safetensors") -> Path:
    """Writes shards and their index as Hugging Face's libraries do."""
    folder.mkdir(parents=True, exist_ok=True)
    places = {}
    for i, part in enumerate(parts, start=1):
        file = folder / f"model-{i:05}-of-{len(parts):05}{suffix}"
        if suffix == ".safetensors":
            save_file(dict(part), file, metadata={"format": "pt", "note": "mine", "shard": str(i)})
        else:
            torch.save(dict(part), file)
        places |= dict.fromkeys(part, file.name)
    index = folder / f"model{suffix}.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": places}))
    return index


def halves(state: Mapping[str, Tensor] = STATE) -> list[dict[str, Tensor]]:
    names = list(state)
    return [{name: state[name] for name in part} for part in (names[::2], names[1::2])]


@pytest.mark.parametrize("suffix", [".safetensors", ".bin"])
def test_shards_are_one_ingredient(tmp_path: Path, suffix: str) -> None:
    index = save_sharded(tmp_path / "one", halves(), suffix)
    checkpoint = open_checkpoint(index)
    assert {name: info.shape for name, info in checkpoint.tensors.items()} == {
        name.removeprefix("module."): tuple(tensor.shape) for name, tensor in STATE.items()
    }
    for given in (index, tmp_path / "one"):  # a folder stands for the index in it, not for the shards
        pool = Pool(given)
        assert pool.names == (("model",) if given == index else ("one",))
        assert len(pool.files) == 3
        state = pool.state_dict(0)
        assert all(torch.equal(state[name.removeprefix("module.")], STATE[name]) for name in STATE)


def test_pools_of_folders_take_their_names_from_them(tmp_path: Path) -> None:
    for run in ("run1", "run2"):
        save_sharded(tmp_path / run, halves())
    save_file({name.removeprefix("module."): tensor for name, tensor in STATE.items()}, tmp_path / "run3.safetensors")
    pool = Pool([tmp_path / "run1", tmp_path / "run2", tmp_path / "run3.safetensors"])
    assert pool.names == ("run1", "run2", "run3")
    soup = load_file(average(pool, [1 / 3] * 3, tmp_path / "soup.safetensors"))
    assert torch.equal(soup["b"], STATE["module.b"])


def test_fingerprints_cover_every_shard(tmp_path: Path) -> None:
    one, two = halves()
    pools = [Pool(save_sharded(tmp_path / "x", [one, two]))]
    pools.append(Pool(shutil.copytree(tmp_path / "x", tmp_path / "y")))
    pools.append(Pool(save_sharded(tmp_path / "z", [one, two | {"module.b": torch.ones(3)}])))
    first, same, other = (pool.fingerprint(0) for pool in pools)
    assert first == same != other


def test_a_shard_by_itself_is_no_ingredient(tmp_path: Path) -> None:
    index = save_sharded(tmp_path, halves())
    with pytest.raises(CheckpointError, match=rf"shard 1 of 2.*{index.name}"):
        Pool(tmp_path / "model-00001-of-00002.safetensors")
    save_file(halves()[0], tmp_path / "whole-00001-of-00001.safetensors")
    assert len(Pool(tmp_path / "whole-00001-of-00001.safetensors")) == 1


PLACES = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
BAD = {
    "no JSON": ("{", "not valid JSON"),
    "no map": ("[]", "weight_map"),
    "a deep nest": ("[" * 100_000, "not valid JSON"),
    "an empty map": ('{"weight_map": {}}', "weight_map"),
    "numbers": ('{"weight_map": {"a": 1}}', "weight_map"),
    "another folder": ('{"weight_map": {"a": "../a.safetensors"}}', "beside their index"),
    "a tensor elsewhere": (
        json.dumps({"weight_map": {"a": PLACES["b"], "c": PLACES["a"]}}),
        "'a' is in .*1-of.*, and in .*2-of",
    ),
    "a tensor too many": (
        json.dumps({"weight_map": {"b": PLACES["b"], "c": PLACES["a"]}}),
        "'a' is in .* not in the index",
    ),
    "a tensor too few": (json.dumps({"weight_map": {**PLACES, "c": PLACES["a"]}}), "'c' should be in .*1-of"),
}


@pytest.mark.parametrize("content, message", BAD.values(), ids=BAD.keys())
def test_an_index_that_does_not_fit_is_refused(tmp_path: Path, content: str, message: str) -> None:
    index = save_sharded(tmp_path, [{"a": torch.ones(1)}, {"b": torch.ones(1)}])
    index.write_text(content)
    with pytest.raises(CheckpointError, match=message) as caught:
        open_checkpoint(index)
    assert str(index) in str(caught.value)


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    index = save_sharded(tmp_path, halves())
    (tmp_path / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(
        MissingFileError, match=r"index\.json needs 2 shards beside it; these are missing: .*2-of-00002"
    ):
        open_checkpoint(index)


@pytest.mark.parametrize("changed", ["model.safetensors.index.json", "model-00002-of-00002.safetensors"])
def test_a_shard_that_changed_since_is_refused(tmp_path: Path, changed: str) -> None:
    pool = Pool(save_sharded(tmp_path, halves()))
    with pool.reader(0) as reader:
        reader.check_unchanged()
        (tmp_path / changed).write_bytes(b"something else")
        with pytest.raises(CheckpointError, match=rf"{changed} was changed"):
            reader.check_unchanged()


def test_shares_keep_order_and_size() -> None:
    tensors = {name: TensorInfo("float32", (n,)) for name, n in {"a": 1, "b": 2, "c": 9, "d": 0, "e": 1}.items()}
    assert [list(shard) for shard in shares(tensors, 12)] == [["a", "b"], ["c"], ["d", "e"]]
    assert [list(shard) for shard in shares(tensors, 4)] == [["a"], ["b"], ["c"], ["d", "e"]]
    assert [list(shard) for shard in shares(tensors, 10**9)] == [list(tensors)]
    with pytest.raises(InputError, match="at least 1 byte"):
        shares(tensors, 0)


def test_a_sharded_soup_is_the_soup_in_one_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    states = [{f"t{i}": torch.randn(50, 7) for i in range(5)} for _ in range(3)]
    for i, state in enumerate(states):
        save_file(state, tmp_path / f"{i}.safetensors", metadata={"format": "pt", "note": "mine", "seed": str(i)})
    pool = Pool(str(tmp_path / "?.safetensors"))
    whole = load_file(average(pool, [0.5, 0.25, 0.25], tmp_path / "soup.safetensors"))
    index = average(pool, [0.5, 0.25, 0.25], tmp_path / "big.safetensors", max_shard_size=3000)
    assert index.name == "big.safetensors.index.json"
    places = json.loads(index.read_text())
    assert places["metadata"]["total_size"] == pool.nbytes
    assert sorted(set(places["weight_map"].values())) == [f"big-{i:05}-of-00003.safetensors" for i in (1, 2, 3)]
    merged = {}
    for file in set(places["weight_map"].values()):
        merged |= load_file(tmp_path / file)
        with safe_open(tmp_path / file, "pt") as opened:
            notes = opened.metadata()
        assert notes["note"] == "mine"
        assert "seed" not in notes
        assert "radin.recipe" in notes
    assert merged.keys() == whole.keys()
    assert all(torch.equal(merged[name], whole[name]) for name in whole)
    again = Pool(index)
    assert np.array_equal(again.state_dict(0)["t3"], whole["t3"])
    assert again.metadata["note"] == "mine"
    assert not list(tmp_path.glob("*.part"))


def test_a_soup_that_fits_is_one_file(tmp_path: Path) -> None:
    save_file({"a": torch.ones(3)}, tmp_path / "x.safetensors")
    path = average(Pool(tmp_path / "x.safetensors"), [1.0], tmp_path / "soup.safetensors", max_shard_size=10**9)
    assert path == tmp_path / "soup.safetensors"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["soup.safetensors", "x.safetensors"]


def test_a_sharded_soup_does_not_write_over_shards_of_an_ingredient(tmp_path: Path) -> None:
    index = save_sharded(tmp_path, [{"a": torch.ones(3)}, {"b": torch.ones(3)}])
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    pool = Pool(index)
    with pytest.raises(InputError, match=r"model-00001-of-00002\.safetensors belongs to one of the ingredients"):
        average(pool, [1.0], tmp_path / "model.safetensors", max_shard_size=12)
    with pytest.raises(InputError, match=r"model\.safetensors\.index\.json belongs to one of the ingredients"):
        average(pool, [1.0], tmp_path / "model.safetensors")  # a reader would find two checkpoints of one name
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_of_two_soups_of_one_name_the_later_is_left_in_whatever_form(tmp_path: Path) -> None:
    save_file({"a": torch.ones(3), "b": torch.ones(3), "c": torch.ones(3)}, tmp_path / "x.safetensors")
    pool, soup = Pool(tmp_path / "x.safetensors"), tmp_path / "soup.safetensors"
    (tmp_path / "soup-of-the-day.safetensors").write_bytes(b"another's")
    kept = {"x.safetensors", "soup-of-the-day.safetensors"}
    index = {"soup.safetensors.index.json"}
    for most, expected in (
        (10**9, {"soup.safetensors"}),
        (12, index | {f"soup-{i:05}-of-00003.safetensors" for i in (1, 2, 3)}),
        (24, index | {f"soup-{i:05}-of-00002.safetensors" for i in (1, 2)}),
        (10**9, {"soup.safetensors"}),
    ):
        average(pool, [1.0], soup, max_shard_size=most)
        assert {file.name for file in tmp_path.iterdir()} == kept | expected


def test_a_sharded_soup_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    save_file({"a": torch.ones(3), "b": torch.full((3,), torch.nan)}, tmp_path / "x.safetensors")
    pool = Pool(tmp_path / "x.safetensors")
    before = (tmp_path / "soup.safetensors.index.json", tmp_path / "soup-00001-of-00002.safetensors")
    for file in before:
        file.write_bytes(b"old")
    with pytest.raises(CheckpointError, match="NaN"):
        average(pool, [1.0], tmp_path / "soup.safetensors", max_shard_size=12)
    assert all(file.read_bytes() == b"old" for file in before)
    assert len(list(tmp_path.iterdir())) == 3


def test_tied_tensors_stay_tied_in_shards(tmp_path: Path) -> None:
    weight = torch.randn(4, 3)
    torch.save({"emb.weight": weight, "head.weight": weight, "z": torch.ones(5)}, tmp_path / "x.pt")
    index = average(Pool(tmp_path / "x.pt"), [1.0], tmp_path / "soup.safetensors", max_shard_size=48)
    assert len(set(json.loads(index.read_text())["weight_map"].values())) == 2
    pool = Pool(index)
    assert dict(pool.aliases) == {"head.weight": "emb.weight"}
    state = pool.state_dict(0)
    assert torch.equal(state["head.weight"], weight)
