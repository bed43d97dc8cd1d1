"""The command demo, on two networks and three that do not belong, instead of thirteen and three."""

import json
from pathlib import Path

import pytest
from helpers.command_line import run

from radin.cli.demo import said
from radin.demo import digits
from radin.demo.comparison import Difference, Row


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
    assert document["rows"][1]["size"] == 5
    assert [one["passes"] for one in document["rows"]] == [5, 1, 9, 6, 7, 9]
    assert len(document["differences"]) == 3
    assert f"--run-dir {tmp_path}/demo/run" in document["command"]
    code, out, _ = run(capsys, "demo", "--dir", tmp_path / "demo")
    assert code == 0
    assert "digits: 5 networks, three of which do not belong" in out and "95 % interval" in out
    assert "On the held-back data RADIN" in out or "The held-back data cannot tell" in out
    assert document["command"] in out
    assert all(method in out for method in methods)


def test_noise_and_more_than_noise_are_told_apart() -> None:
    ours = Row("RADIN", 0.9, 0.9, 0.8, 1.0, 4, 20, 2)
    near, far = Difference("greedy soup", -0.002, 0.8), Difference("uniform soup", 0.4, 0.001)
    assert said(ours, [far, near]) == (
        "On the held-back data RADIN differs by more than noise from the uniform soup (+0.4000). "
        "They cannot tell it from the greedy soup (-0.0020): the difference is noise."
    )
    assert said(ours, [near, Difference("uniform soup", 0.001, 0.9)]) == (
        "The held-back data cannot tell RADIN from the greedy soup (-0.0020) and the uniform soup (+0.0010): "
        "the differences are noise."
    )
