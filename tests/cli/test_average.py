"""The command average: checkpoints in, one soup out."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.command_line import refused, run
from safetensors.torch import load_file


def test_average_writes_the_mean(capsys: pytest.CaptureFixture, checkpoints: list[Path], tmp_path: Path) -> None:
    target = tmp_path / "soup.safetensors"
    code, _, _ = run(capsys, "average", *checkpoints[:2], "--mix", "0.25,0.75", "-o", target)
    assert code == 0
    one, other = load_file(checkpoints[0]), load_file(checkpoints[1])
    for name, tensor in load_file(target).items():
        np.testing.assert_allclose(tensor, 0.25 * one[name] + 0.75 * other[name], rtol=1e-6)


def test_a_large_soup_comes_in_shards(capsys: pytest.CaptureFixture, checkpoints: list[Path], tmp_path: Path) -> None:
    target = tmp_path / "soup.safetensors"
    code, out, _ = run(capsys, "average", *checkpoints, "-o", target, "--max-shard-size", "0.4KB", "--json")
    assert code == 0
    index = Path(json.loads(out)["path"])
    assert index.name == "soup.safetensors.index.json"
    assert not target.exists()
    assert run(capsys, "inspect", index)[0] == 0
    one = tmp_path / "one.safetensors"
    assert run(capsys, "average", *checkpoints, "-o", one, "--max-shard-size", "5GB")[0] == 0
    whole, files = load_file(one), set(json.loads(index.read_text())["weight_map"].values())
    shards = [load_file(tmp_path / file) for file in files]
    assert len(shards) > 1
    assert all(torch.equal(whole[name], tensor) for shard in shards for name, tensor in shard.items())
    code, _, err = run(capsys, "average", *checkpoints, "-o", target, "--max-shard-size", "five")
    assert (code, "such as 5GB" in err) == (2, True)


def test_extra_state_is_said_to_be_no_tensor(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    files = [tmp_path / f"run{i}.pt" for i in range(2)]
    for i, file in enumerate(files):
        torch.save({"w": torch.full((3,), float(i)), "scales._extra_state": {"amax": 2.0}}, file)
    code, _, err = run(capsys, "average", *files, "-o", tmp_path / "soup.safetensors")
    assert code == 0
    assert "'scales._extra_state'" in err and "radin.Pool(path).state_dict(0)" in err


def test_weights_that_are_no_recipe(capsys: pytest.CaptureFixture, pool: list[Path], tmp_path: Path) -> None:
    average = ["average", *pool[:2], "-o", tmp_path / "soup.safetensors", "--mix"]
    for weights, message in (
        ("1,2", "sum to 1, got 1,2"),
        ("1", "expected 2 mixing weights"),
        ("a,b", "numbers"),
        ("2,-1", "at least 0"),
    ):
        assert message in refused(capsys, *average, weights)
    assert not (tmp_path / "soup.safetensors").exists()


def test_averaging_has_no_data_to_recompute_with(
    capsys: pytest.CaptureFixture, pool: list[Path], tmp_path: Path
) -> None:
    error = refused(capsys, "average", *pool, "-o", tmp_path / "soup.safetensors", "--batchnorm", "recompute")
    assert "use `radin soup --task ...`" in error
    error = refused(capsys, "average", *pool, "-o", tmp_path / "soup.safetensors", "--batchnorm", "mean")
    assert "average" in error
    assert "keep" in error
