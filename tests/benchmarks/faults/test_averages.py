"""A soup under its name is read as a user reads it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from benchmarks.faults.averages import read_soup

STATE = {"a": np.arange(4.0), "b": np.ones(3)}


def test_one_file_and_shards_hold_the_same_soup(tmp_path: Path) -> None:
    assert read_soup(tmp_path) == ""
    save_file(STATE, tmp_path / "soup.safetensors")
    whole = read_soup(tmp_path)
    (tmp_path / "soup.safetensors").unlink()
    for name in STATE:
        save_file({name: STATE[name]}, tmp_path / f"{name}.safetensors")
    places = {name: f"{name}.safetensors" for name in STATE}
    (tmp_path / "soup.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    assert read_soup(tmp_path) == whole != ""


def test_a_part_of_a_soup_is_broken(tmp_path: Path) -> None:
    soup = tmp_path / "soup.safetensors"
    save_file(STATE, soup)
    soup.write_bytes(soup.read_bytes()[:-8])
    assert read_soup(tmp_path).startswith("broken")
