"""Wrong numbers and lacking tensors are found."""

from __future__ import annotations

import random
from pathlib import Path

from benchmarks.faults import examine
from benchmarks.faults.samples import as_pickle, as_safetensors, state


def test_wrong_numbers_and_lacking_tensors_are_told(tmp_path: Path) -> None:
    tensors = state(random.Random(0))
    (tmp_path / "model.pt").write_bytes(as_pickle({"state_dict": tensors, "epoch": 1}))
    (tmp_path / "soup.safetensors").write_bytes(as_safetensors(tensors))
    expected = examine.reference(tmp_path / "model.pt")
    assert isinstance(expected, list)
    soup = examine.read_soup(tmp_path / "soup.safetensors")
    assert examine.differences(soup, expected, "read") == []
    assert examine.differences(soup | {"embed.bias": tensors["embed.bias"] + 1}, expected, "read") != []
    del soup["embed.bias"]
    assert examine.differences(soup, expected, "read") != []
