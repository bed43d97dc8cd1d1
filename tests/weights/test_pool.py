"""What may stand in one pool, and what is refused before anything is read."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file, save_model
from torch import Tensor, nn

from radin.checkpoints import TensorInfo
from radin.errors import CheckpointError, IncompatibleError, InputError, MissingFileError
from radin.weights.averaging import average
from radin.weights.pool import Pool

STATE = {"a": torch.arange(6.0).view(2, 3), "n": torch.tensor(3)}


def save(path: Path, state: Mapping[str, Tensor] = STATE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".safetensors":
        save_file(dict(state), path)
    else:
        torch.save(dict(state), path)
    return path


def test_formats_and_prefixes_mix(tmp_path: Path) -> None:
    paths = [
        save(tmp_path / "x.safetensors"),
        save(tmp_path / "y.pt", {f"module.{name}": tensor for name, tensor in STATE.items()}),
        save(tmp_path / "z.safetensors", {f"_orig_mod.{name}": tensor for name, tensor in STATE.items()}),
    ]
    pool = Pool(paths)
    assert pool.names == ("x", "y", "z")
    assert len(pool) == 3
    assert dict(pool.tensors) == {"a": TensorInfo("float32", (2, 3)), "n": TensorInfo("int64", ())}
    assert pool.nbytes == 32
    for i in range(3):
        state = pool.state_dict(i)
        assert state.keys() == STATE.keys()
        assert all(torch.equal(state[name], STATE[name]) for name in STATE)


def test_a_glob_comes_sorted_and_a_list_as_given(tmp_path: Path) -> None:
    for name in "cab":
        save(tmp_path / f"{name}.pt")
    assert Pool(str(tmp_path / "*.pt")).names == ("a", "b", "c")
    assert Pool([tmp_path / "c.pt", str(tmp_path / "[ab].pt")]).names == ("c", "a", "b")
    assert Pool(tmp_path / "b.pt").names == ("b",)


def test_folders_and_globs_come_in_natural_order_and_a_list_as_given(tmp_path: Path) -> None:
    steps = ["checkpoint-2", "checkpoint-10", "checkpoint-100"]
    for name in steps:
        (tmp_path / "runs" / name).mkdir(parents=True)
        save(tmp_path / "runs" / name / "model.pt")
        save(tmp_path / "files" / f"{name}.pt")
    assert Pool(tmp_path / "files").names == tuple(steps)
    assert Pool(str(tmp_path / "files" / "*.pt")).names == tuple(steps)
    assert Pool(str(tmp_path / "runs" / "*")).names == tuple(steps)
    assert Pool(str(tmp_path / "runs" / "*" / "*.pt")).names == tuple(f"{name}/model" for name in steps)
    given = [tmp_path / "files" / f"{name}.pt" for name in (steps[1], steps[2], steps[0])]
    assert Pool(given).names == (steps[1], steps[2], steps[0])


def test_a_file_whose_name_looks_like_a_glob_is_found(tmp_path: Path) -> None:
    assert Pool(save(tmp_path / "lr[1].pt")).names == ("lr[1]",)


@pytest.mark.parametrize(
    "files, names",
    [
        (["r1/model.pt", "r2/model.pt"], ("r1/model", "r2/model")),
        (["r1/best/model.pt", "r2/best/model.pt", "r2/other.pt"], ("r1/best/model", "r2/best/model", "other")),
        (["run.pt", "run.safetensors"], ("run.pt", "run.safetensors")),
        (["a/run.pt", "a/run.safetensors", "b/run.pt"], ("a/run.pt", "run.safetensors", "b/run.pt")),
    ],
)
def test_names_are_stems_made_distinct(tmp_path: Path, files: list[str], names: tuple[str, ...]) -> None:
    assert Pool([save(tmp_path / file) for file in files]).names == names


def test_names_can_be_given(tmp_path: Path) -> None:
    files = [save(tmp_path / "a.pt"), save(tmp_path / "b.pt")]
    assert Pool(files, names=["x", "y"]).names == ("x", "y")
    with pytest.raises(InputError, match="one name for each of the 2 files"):
        Pool(files, names=["x"])
    with pytest.raises(InputError, match="called 'x'"):
        Pool(files, names=["x", "x"])


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere files cannot have such names")
def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = save(tmp_path / os.fsdecode(b"r\xff.safetensors"))
    with pytest.raises(InputError, match=r"the name 'r\\udcff' cannot be written"):
        Pool([file])
    pool = Pool([file], names=["r"])
    average(pool, np.array([True]), tmp_path / "soup.safetensors")


def test_an_empty_pool_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="empty"):
        Pool([])
    with pytest.raises(MissingFileError, match=r"no file matches '.*\*\.pt'"):
        Pool(str(tmp_path / "*.pt"))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"b\.pt"):
        Pool([save(tmp_path / "a.pt"), tmp_path / "b.pt"])


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    good = [save(tmp_path / f"good{i}.safetensors") for i in range(2)]
    other = save(tmp_path / "other.safetensors", {"b": torch.ones(2)})
    for name in ("torn.safetensors", "torn.pt"):
        (tmp_path / name).write_bytes(b"\x08")
    with pytest.raises(InputError, match="these 5 checkpoints cannot be used") as caught:
        Pool([other, *good, good[0], tmp_path / "gone.pt", tmp_path / "torn.safetensors", tmp_path / "torn.pt"])
    lines = str(caught.value).splitlines()[1:]
    for line, what in zip(
        lines, ("same file", "gone.pt", "torn.safetensors", "torn.pt", "other.safetensors"), strict=True
    ):
        assert what in line
        assert "weights_only" not in line  # nobody is told to run the code in a file


def test_what_there_is_instead_of_a_glob(tmp_path: Path) -> None:
    save(tmp_path / "x.safetensors")
    with pytest.raises(MissingFileError, match=r"The folder .* holds x\.safetensors"):
        Pool(f"{tmp_path}/*.pt")
    with pytest.raises(MissingFileError, match=r"There is no folder .*runs; correct the path"):
        Pool(f"{tmp_path}/runs/*/*.pt")


@pytest.mark.parametrize("again", ["same", "symlink", "hard link"])
def test_one_file_twice_is_refused(tmp_path: Path, again: str) -> None:
    first, second = save(tmp_path / "a.pt"), tmp_path / "b.pt"
    if again == "same":
        second = tmp_path / "." / "a.pt"
    elif again == "symlink":
        second.symlink_to(first)
    else:
        os.link(first, second)
    with pytest.raises(InputError, match="same file"):
        Pool([first, second])


A = STATE["a"]
OTHERS = {
    "a key more": (STATE | {"b": A.clone()}, ["'b'", "but not in"]),
    "a key less": ({"a": A}, ["'n'", "but not in"]),
    "two keys": ({"a": A, "x": A.clone(), "y": A.clone()}, ["'n'"]),
    "another shape": (STATE | {"a": A.T.contiguous()}, ["'a'", "[2, 3]", "[3, 2]"]),
    "more classes": (STATE | {"a": torch.zeros(4, 3)}, ["'a'", "[4, 3]", "classes"]),
    "another dtype": (STATE | {"a": A.half()}, ["'a'", "float32", "float16"]),
}


@pytest.mark.parametrize("suffix", ["safetensors", "pt"])
@pytest.mark.parametrize("state, message", OTHERS.values(), ids=OTHERS.keys())
def test_ingredients_that_do_not_fit_are_refused_with_tensor_and_files(
    tmp_path: Path, state: dict[str, Tensor], message: list[str], suffix: str
) -> None:
    files = [save(tmp_path / "one.safetensors"), save(tmp_path / f"two.{suffix}", state)]
    with pytest.raises(IncompatibleError) as caught:
        Pool(files)
    for part in [*message, *map(str, files)]:
        assert part in str(caught.value)


def test_lora_factors_are_refused_with_the_reason(tmp_path: Path) -> None:
    name = "base_model.model.q.lora_A.default.weight"
    file = save(tmp_path / "adapter.safetensors", {name: torch.zeros(2, 3)})
    with pytest.raises(IncompatibleError, match="not the average of B·A") as caught:
        Pool(file)
    assert name in str(caught.value)
    assert str(file) in str(caught.value)
    assert "merge" in str(caught.value)


def tied(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    network = nn.ModuleDict({"emb": nn.Embedding(5, 3), "head": nn.Linear(3, 5, bias=False)})
    network["head"].weight = network["emb"].weight
    return network


def test_tied_tensors_are_one_under_two_names(tmp_path: Path) -> None:
    save_model(tied(0), str(tmp_path / "a.safetensors"))
    torch.save(tied(1).state_dict(), tmp_path / "b.pt")
    pool = Pool([tmp_path / "a.safetensors", tmp_path / "b.pt"])
    assert dict(pool.aliases) == {"head.weight": "emb.weight"}
    assert list(pool.tensors) == ["emb.weight"]
    for i in range(2):
        state = pool.state_dict(i)
        assert state["head.weight"].data_ptr() == state["emb.weight"].data_ptr()
        assert torch.equal(state["emb.weight"], tied(i).state_dict()["emb.weight"])


def test_a_tie_that_one_ingredient_lacks_is_none(tmp_path: Path) -> None:
    torch.save(tied(0).state_dict(), tmp_path / "a.pt")
    loose = {"emb.weight": torch.zeros(5, 3), "head.weight": torch.ones(5, 3)}
    pool = Pool([tmp_path / "a.pt", save(tmp_path / "b.safetensors", loose)])
    assert dict(pool.aliases) == {}
    assert set(pool.tensors) == set(loose)
    assert torch.equal(pool.state_dict(0)["head.weight"], pool.state_dict(0)["emb.weight"])
    assert torch.equal(pool.state_dict(1)["head.weight"], loose["head.weight"])


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    bad = save(tmp_path / "bad.safetensors")
    bad.write_bytes(bad.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=r"bad\.safetensors"):
        Pool([save(tmp_path / "good.safetensors"), bad])


def test_pools_and_averages_of_safetensors_need_no_torch(tmp_path: Path) -> None:
    for name in "ab":
        save(tmp_path / f"{name}.safetensors")
    program = (
        "import sys, radin; pool = radin.Pool(sys.argv[1]); "
        "radin.average(pool, [0.5, 0.5], sys.argv[2]); assert 'torch' not in sys.modules, 'torch was imported'"
    )
    arguments = [str(tmp_path / "[ab].safetensors"), str(tmp_path / "soup.safetensors")]
    subprocess.run([sys.executable, "-c", program, *arguments], check=True)
    assert Pool(arguments[1]).nbytes == 32


def test_classes_that_the_files_state_must_agree(tmp_path: Path) -> None:
    def stating(name: str, classes: object) -> Path:
        torch.save({"state_dict": STATE, **({"classes": classes} if classes else {})}, tmp_path / name)
        return tmp_path / name

    cats, silent, same = stating("a.pt", ["cat", "dog"]), stating("b.pt", None), stating("c.pt", {"dog": 1, "cat": 0})
    assert Pool([silent, cats, same]).class_names == ("cat", "dog")
    assert Pool(silent).class_names is None
    for classes, message in (
        (["dog", "cat"], "in another order .*class 0 is 'dog' there and 'cat' here"),
        (["cat", "cow"], "others .*class 1 is 'cow' there and 'dog' here"),
        (["cat", "dog", "cow"], "others .*class 2 is 'cow' there and none here"),
    ):
        with pytest.raises(IncompatibleError, match=message):
            Pool([cats, stating("d.pt", classes)])


def test_the_fingerprint_knows_what_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    torch.save({"model": {f"net.{n}": t for n, t in STATE.items()}, "model_ema": STATE | {"net.a": A}}, path)
    fingerprints = [
        Pool(path, weights=weights, prefix=prefix).fingerprint(0)
        for weights, prefix in (("model", None), ("ema", None), ("model", "net"), ("ema", "net"))
    ]
    assert len(set(fingerprints)) == 4
    assert fingerprints[0] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_part_of_a_pool_has_its_ingredients_alone(tmp_path: Path) -> None:
    states = [{"a": torch.full((2,), float(i))} for i in range(4)]
    pool = Pool([save(tmp_path / f"{i}.safetensors", state) for i, state in enumerate(states)], names=list("wxyz"))
    part = pool.only([1, 3])
    assert (part.names, len(part), len(pool)) == (("x", "z"), 2, 4)
    assert part.files == (pool.files[1], pool.files[3])
    assert part.state_dict(1)["a"].tolist() == [3.0, 3.0]
    assert part.fingerprint(0) == pool.fingerprint(1)


FEW_FILES = """
import os, resource, sys
from radin import Pool, average
resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 5, 4096))
average(Pool(sys.argv[2:]), [1 / 12] * 12, sys.argv[1])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_low_limit_on_open_files_is_kept_within(tmp_path: Path) -> None:
    files = [save(tmp_path / f"run{i}.safetensors", {"a": torch.full((3,), float(i))}) for i in range(12)]
    subprocess.run([sys.executable, "-c", FEW_FILES, tmp_path / "soup.safetensors", *files], check=True)
    np.testing.assert_array_equal(Pool([tmp_path / "soup.safetensors"]).state_dict(0)["a"], [5.5] * 3)
