"""Commands on folders of adapters."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.command_line import refused, run
from helpers.lora import tensors_of, update_of, write_adapter, write_base

RANKS = {"body.first": 2, "head": 3}


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three adapters in a folder; the last one lacks a module."""
    for i in range(3):
        write_adapter(tmp_path / "runs" / f"run{i}", i, RANKS if i < 2 else {"head": 1})
    return tmp_path / "runs"


def test_average_writes_an_adapter(capsys: pytest.CaptureFixture, runs: Path, tmp_path: Path) -> None:
    code, out, err = run(capsys, "average", runs, "--mix", "0.5,0.25,0.25", "-o", tmp_path / "soup")
    assert code == 0 and "run0" in out and "run2 does not adapt body.first" in err
    updates = [update_of(runs / f"run{i}") for i in range(3)]
    expected = 0.5 * updates[0]["head"] + 0.25 * updates[1]["head"] + 0.25 * updates[2]["head"]
    np.testing.assert_allclose(update_of(tmp_path / "soup")["head"], expected, atol=1e-5)


def test_a_cut_rank_says_what_it_loses(capsys: pytest.CaptureFixture, runs: Path, tmp_path: Path) -> None:
    code, out, _ = run(capsys, "average", runs, "--rank", 1, "-o", tmp_path / "soup")
    assert code == 0 and "rank 1:" in out and "% of the energy" in out
    _, out, _ = run(capsys, "average", runs, "--rank", 1, "-o", tmp_path / "soup", "--json")
    assert 0 < json.loads(out)["lost"] < 1


def test_a_merged_soup_takes_the_base(capsys: pytest.CaptureFixture, runs: Path, tmp_path: Path) -> None:
    target = tmp_path / "soup.safetensors"
    assert "--base" in refused(capsys, "average", runs, "--merge", "-o", target)
    base = write_base(tmp_path / "base")
    assert run(capsys, "average", runs, "--merge", "--base", base, "-o", target)[0] == 0
    assert tensors_of(target).keys() == tensors_of(base / "model.safetensors").keys()


def test_flags_that_would_mend_are_named(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    folders = [write_adapter(tmp_path / f"run{i}", i, RANKS, magnitudes=True) for i in range(2)]
    assert "Try --merge." in refused(capsys, "average", *folders, "-o", tmp_path / "soup")
    tied = write_base(tmp_path / "tied", table=True)
    (tied / "config.json").write_text('{"tie_word_embeddings": true}')
    folders = [write_adapter(tmp_path / f"table{i}", i, RANKS, table=1) for i in range(2)]
    said = refused(capsys, "average", *folders, "--merge", "--base", tied, "-o", tmp_path / "soup")
    assert "Try --adapter." in said


def test_inspect_shows_type_rank_and_base(capsys: pytest.CaptureFixture, runs: Path) -> None:
    code, out, _ = run(capsys, "inspect", runs)
    assert code == 0 and "LoRA" in out and "2 to 3" in out and "someone/base" in out and "3 adapters" in out
    _, out, _ = run(capsys, "inspect", runs, "--json")
    about = json.loads(out)["ingredients"][2]["adapter"]
    assert about == {"type": "LoRA", "ranks": [1], "modules": 1, "base": "someone/base"}


def test_diagnose_compares_updates(capsys: pytest.CaptureFixture, runs: Path) -> None:
    code, out, _ = run(capsys, "diagnose", runs)
    assert code == 0 and "run2" in out
