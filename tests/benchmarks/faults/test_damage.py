"""Damage is done to one file, and told from what is no damage."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from benchmarks.faults import damage
from benchmarks.faults.lab import Lab


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_one_file_is_damaged_and_every_trial_can_be_repeated(tmp_path: Path) -> None:
    for seed in range(60):
        found = []
        for name in ("one", "again"):
            folder = tmp_path / f"{name}{seed}"
            folder.mkdir()
            np.save(folder / "tuned0.npy", np.arange(30.0).reshape(5, 6))
            (folder / "index.json").write_text("{}")
            before = contents(folder)
            file, kind, how = damage.hurt(random.Random(seed), folder)
            after = contents(folder)
            assert [name for name in before if before[name] != after.get(name)] == [file.name], how
            found.append((kind, how, after))
        assert found[0] == found[1]


def test_names_of_one_kind_are_one() -> None:
    assert damage.kind_of(Path("logits/tuned3.npy")) == "logits/#.npy"
    assert damage.kind_of(Path("soups/soup-8d166fc63e29fb56.npy")) == "soups/soup-#.npy"
    assert damage.kind_of(Path("logits/labels.npy")) == "logits/labels.npy"


def test_what_was_spent_is_no_finding() -> None:
    assert damage.found({"best": {"score": 1, "seconds": 3}, "spent": {"soups": 3}}) == {"best": {"score": 1}}


def test_a_soup_that_was_cut_short_is_written_again(lab: Lab) -> None:
    lab.fresh()
    lab.soup("plain")
    soup = lab.run_dir / "soup.safetensors"
    soup.write_bytes(soup.read_bytes()[:100])
    assert damage.judge(lab, "plain", soup) == ("same result", [])


def test_an_index_may_lose_entries_but_not_change_them(tmp_path: Path) -> None:
    calm, now = tmp_path / "calm", tmp_path / "now"
    for folder in (calm, now):
        folder.mkdir()
        (folder / "index.json").write_text('{"a": 1, "b": 2}')
    assert not damage.is_stale("index.json", now, calm)
    (now / "index.json").write_text('{"a": 1}')
    assert not damage.is_stale("index.json", now, calm)
    for changed in ('{"a": 3}', '{"c": 1}', "[]", '{"a": 1', ""):
        (now / "index.json").write_text(changed)
        assert damage.is_stale("index.json", now, calm)
