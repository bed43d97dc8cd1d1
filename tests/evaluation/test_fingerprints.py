"""Fingerprints of checkpoints depend on their contents alone, and files that are known are not read again."""

from pathlib import Path

import pytest
from helpers.small import make_pool
from safetensors.torch import load_file, save_file

import radin
from radin.common.progress import SILENT
from radin.errors import CheckpointError, IncompatibleError
from radin.evaluation.fingerprints import fingerprints_of
from radin.evaluation.run_folder import RunFolder


@pytest.fixture
def folder(tmp_path: Path):
    with RunFolder(tmp_path / "run") as opened:
        yield opened


def test_names_and_places_do_not_count(tmp_path: Path, folder: RunFolder) -> None:
    paths = make_pool(tmp_path / "pool", 2)
    copies = [path.rename(path.with_name(f"copy-{path.name}")) for path in paths]
    found = fingerprints_of(radin.Pool(copies), folder, SILENT)
    assert found == fingerprints_of(radin.Pool(make_pool(tmp_path / "other", 2)), folder, SILENT)
    assert len(set(found)) == 2


def test_known_files_are_not_read_again(tmp_path: Path, folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = radin.Pool(make_pool(tmp_path / "pool", 2))
    found = fingerprints_of(pool, folder, SILENT)

    def opened(path: Path, *more: object) -> None:
        raise AssertionError(f"{path} was read again")

    monkeypatch.setattr(Path, "open", opened)
    assert fingerprints_of(pool, folder, SILENT) == found


def test_one_model_under_two_names_is_refused(tmp_path: Path, folder: RunFolder) -> None:
    paths = make_pool(tmp_path / "pool", 2)
    twin = tmp_path / "pool" / "twin.safetensors"
    twin.write_bytes(paths[1].read_bytes())
    with pytest.raises(IncompatibleError, match=r"run1.safetensors and .*twin.safetensors have the same contents"):
        fingerprints_of(radin.Pool([*paths, twin]), folder, SILENT)


def test_all_that_hold_nan_are_named(tmp_path: Path, folder: RunFolder) -> None:
    paths = make_pool(tmp_path / "pool", 3)
    for path in paths[1:]:
        state = load_file(path)
        save_file(state | {"layers.0.bias": state["layers.0.bias"] * float("nan")}, path)
    with pytest.raises(CheckpointError, match=r"(?s)run1.*run2") as caught:
        fingerprints_of(radin.Pool(paths), folder, SILENT)
    assert "run0" not in str(caught.value)
