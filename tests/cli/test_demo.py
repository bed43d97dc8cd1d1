"""The command demo, on two networks instead of thirteen."""

import json
from pathlib import Path

import pytest
from helpers.command_line import run

from radin.demo import digits


def test_baselines_and_soups_are_printed_and_the_command_to_repeat(
    capsys: pytest.CaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = digits.train_pool
    monkeypatch.setattr(digits, "train_pool", lambda folder, **settings: train(folder, 2, **settings))
    code, out, _ = run(capsys, "demo", "--dir", tmp_path / "demo", "--json")
    assert code == 0
    document = json.loads(out)
    methods = [row["method"] for row in document["rows"]]
    assert methods[:3] == ["best single ingredient", "uniform soup", "greedy soup"]
    assert document["rows"][1]["size"] == 2
    assert f"--run-dir {tmp_path}/demo/run" in document["command"]
    code, out, _ = run(capsys, "demo", "--dir", tmp_path / "demo")
    assert code == 0
    assert "digits: 2 fine-tunings of one network" in out
    assert document["command"] in out
    assert all(method in out for method in methods)
