"""Structures that overflow a stack, and names that mean something else elsewhere: each is read as promised."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest
import torch

from benchmarks.faults.examine import examine
from benchmarks.faults.mangled_pickles import pickles_of
from benchmarks.faults.mangled_structures import CONTENTS, NAMES, hostile_structure
from benchmarks.faults.samples import Sample, as_pickle


@pytest.fixture(scope="module")
def made() -> list[Sample]:
    return [hostile_structure(random.Random(seed)) for seed in range(120)]


def test_every_structure_is_made_in_both_formats(made: list[Sample]) -> None:
    for kind in CONTENTS:
        for way in ("", "legacy: "):
            assert any(sample.what.startswith(f"{way}{kind} as") for sample in made), (way, kind)
    assert any(sample.what.startswith("names") for sample in made)


def test_an_old_file_is_five_pickles_and_its_storages() -> None:
    written = as_pickle({"a": torch.ones(3)}, legacy=True)
    parts = pickles_of(written)
    assert (len(parts), b"".join(parts), parts[5][8:]) == (6, written, torch.ones(3).numpy().tobytes())
    assert "a" in torch.load(io.BytesIO(b"".join(parts)), weights_only=True)


def test_structures_are_read_as_promised(made: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small = [sample for sample in made if sample.size < 20_000 and not sample.what.startswith("names")]
    for sample in small[:8]:
        assert examine(sample, tmp_path / "work")["faults"] == [], sample.what


@pytest.mark.parametrize("name", ["__metadata__", "format", "pt", "", "_orig_mod"])
def test_names_of_other_meaning_are_read_as_promised(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert name in NAMES
    monkeypatch.chdir(tmp_path)
    content = as_pickle({name: torch.ones(2), "a.weight": torch.arange(3.0)})
    found = examine(Sample("model.pt", {"model.pt": content}, name), tmp_path / "work")
    assert (found["outcome"], found["faults"]) == ("refused" if name == "__metadata__" else "read", [])
