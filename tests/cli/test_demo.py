"""The command demo, on two networks and three that do not belong, instead of thirteen and three."""

import json
from pathlib import Path

import pytest
from helpers.command_line import run
from helpers.tiny_zoo import tiny_digits

from radin.cli.demo import said
from radin.demo import digits
from radin.demo.comparison import Difference, Row


def test_baselines_and_soups_are_printed_and_the_command_to_repeat(
    capsys: pytest.CaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = digits.train_pool
    monkeypatch.setattr(digits, "SWEEP", tiny_digits(digits.SWEEP))
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
    assert "On the 519 held-back images, which chose nothing, RADIN, B = 4" in " ".join(out.split())
    assert document["command"] in out
    assert all(method in out for method in methods)


def row(method: str, passes: float, size: int = 2) -> Row:
    return Row(method, 0.9, 0.9, 0.8, 1.0, 4, passes, size)


def test_noise_and_more_than_noise_are_told_apart() -> None:
    rows = [row("greedy soup", 31.0, 1), row("RADIN, B = 4", 20.0)]
    near, far = Difference("greedy soup", -0.002, 0.8), Difference("uniform soup", 0.4, 0.001)
    passes = (
        "A pass runs one network over the data that choose. RADIN, B = 4 took 20 passes in all, the greedy soup 31."
    )
    assert said(rows, [far, near], 519) == [
        passes,
        "On the 519 held-back images, which chose nothing, RADIN, B = 4 is better than the uniform soup "
        "(+0.4000, p = 0.001) by more than noise. It differs from the greedy soup (-0.0020, p = 0.8) by no more than "
        "noise.",
    ]
    assert said(rows, [near, Difference("uniform soup", -0.1, 0.01)], 519) == [
        passes,
        "On the 519 held-back images, which chose nothing, RADIN, B = 4 is worse than the uniform soup "
        "(-0.1000, p = 0.01) by more than noise. It differs from the greedy soup (-0.0020, p = 0.8) by no more than "
        "noise.",
    ]
    assert said(rows, [near], 519)[1].endswith(
        "RADIN, B = 4 differs from the greedy soup (-0.0020, p = 0.8) by no more than noise."
    )


def test_budgets_at_which_no_soup_won_are_named() -> None:
    rows = [
        row("greedy soup", 31.0),
        row("RADIN, B = 1", 17.0, 1),
        row("RADIN, B = 2", 18.0, 1),
        row("RADIN, B = 4", 20.0),
    ]
    assert (
        "RADIN, B = 1 and RADIN, B = 2 end at a single ingredient: no soup that was built was better."
        in said(rows, [], 519)[0]
    )
    assert "RADIN, B = 1 ends at a single ingredient" in said([*rows[:2], rows[3]], [], 519)[0]
