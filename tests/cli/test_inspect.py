"""The command inspect: whether checkpoints fit, and all that is wrong with them."""

import json
from pathlib import Path

import pytest
import torch
from helpers.command_line import changed, refused, run

from radin.cli import main


def test_inspect_says_all_that_is_wrong(capsys: pytest.CaptureFixture, pool: list[Path], tmp_path: Path) -> None:
    changed(pool[3], layers__0__weight=torch.full((12, 6), torch.nan))
    changed(pool[2], layers__0__bias=torch.full((12,), -torch.inf))
    twin = tmp_path / "twin.safetensors"
    twin.write_bytes(pool[0].read_bytes())
    with pytest.raises(SystemExit, match="2"):
        main(["inspect", *map(str, pool), str(twin)])
    captured = capsys.readouterr()
    assert "note: 'layers.0.bias' holds infinities in run2" in captured.out
    assert "run3.safetensors: tensor 'layers.0.weight' (72 of 72 values) holds NaN" in captured.err
    assert "twin.safetensors hold the same tensors" in captured.err


def test_inspect_reads_the_files_beside_those_that_cannot_be_read(
    capsys: pytest.CaptureFixture, pool: list[Path], tmp_path: Path
) -> None:
    pool[0].write_bytes(b"nothing")
    changed(pool[1], layers__3__weight=torch.zeros(4, 12), layers__3__bias=torch.zeros(4))
    changed(pool[3], layers__0__weight=torch.full((12, 6), torch.nan))
    error = refused(capsys, "inspect", *pool, tmp_path / "gone.safetensors")
    assert "these 4 checkpoints cannot be used:" in error
    for said in ("no such checkpoint", "run0.safetensors", "run1.safetensors", "run3.safetensors: tensor"):
        assert said in error
    refused(capsys, "inspect", pool[0])


def test_inspect_says_compatible_or_why_not(
    capsys: pytest.CaptureFixture, checkpoints: list[Path], tmp_path: Path
) -> None:
    code, out, _ = run(capsys, "inspect", *checkpoints)
    assert (code, "compatible: they can be averaged" in out) == (0, True)
    twin = tmp_path / "twin.safetensors"
    twin.write_bytes(checkpoints[0].read_bytes())
    code, _, err = run(capsys, "inspect", *checkpoints, twin)
    assert (code, "twin.safetensors hold the same tensors" in err) == (2, True)
    code, out, _ = run(capsys, "inspect", *checkpoints, "--json")
    assert json.loads(out)["compatible"] is True


def test_inspect_takes_absolute_and_relative_paths_together(
    capsys: pytest.CaptureFixture, checkpoints: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(checkpoints[0].parent)
    code, out, _ = run(capsys, "inspect", checkpoints[0].name, *checkpoints[1:])
    assert (code, "compatible: they can be averaged" in out) == (0, True)
    assert str(checkpoints[1].parent) in out
