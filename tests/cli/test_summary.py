"""A run on the screen fits the terminal, says what holds, and leaves out what carries nothing."""

import copy
import json
from pathlib import Path
from typing import Any

import click
import pytest

from radin.cli.summary import show_record, weights_text
from radin.report.record import Record

WIDTHS = [60, 80, 100]
COMMAND = click.Command("show")


@pytest.fixture
def document(finished: Path) -> dict[str, Any]:
    return json.loads((finished / "leaderboard.json").read_text())


def printed(capsys: pytest.CaptureFixture, document: dict[str, Any], folder: Path = Path("run")) -> str:
    show_record(Record(document, folder), COMMAND)
    return capsys.readouterr().out


def renamed(document: dict[str, Any], before: str, after: str) -> dict[str, Any]:
    return json.loads(json.dumps(document).replace(before, after))


LONG = "clip-vit-base-patch32-finetuned-on-imagenet-with-mixup-and-rate-"


def dropped(n: int) -> list[dict[str, Any]]:
    about = {"rows": 250, "value": 0.81, "score": -0.4, "behind": 0.12, "error": 0.02, "chosen": 0, "selections": 16}
    return [about | {"name": f"{LONG}lost{i}", "why": "far behind"} for i in range(n)]


@pytest.mark.parametrize("width", WIDTHS)
def test_every_line_fits(
    capsys: pytest.CaptureFixture, document: dict[str, Any], width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    long = renamed(document, '"run', f'"{LONG}run')
    long["dropped"] = dropped(12)
    for case in (document, long):
        out = printed(capsys, case)
        assert max(len(line) for line in out.splitlines()) <= width
    assert "clip-vit" not in out[out.index("leaderboard") :], "what the names share is left out of the tables"
    assert "10 of 12 shown" in out


def test_a_pipe_gets_whole_paragraphs(
    capsys: pytest.CaptureFixture, document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert printed(capsys, document).splitlines()[0] == document["verdict"]


def test_a_soup_is_called_one_only_where_one_won(capsys: pytest.CaptureFixture, document: dict[str, Any]) -> None:
    lost = copy.deepcopy(document)
    singles = (one for one in lost["leaderboard"] if one["size"] == 1)
    lost["leaderboard"] = sorted(singles, key=lambda one: -one["value"])
    assert "The best ingredient, copied: run/soup.safetensors" in printed(capsys, lost)
    won = copy.deepcopy(document)
    won["leaderboard"] = sorted(won["leaderboard"], key=lambda one: -one["size"])
    assert "\nSoup: run/soup.safetensors" in printed(capsys, won)


def test_the_best_ingredient_stands_beside_another_one_that_won(
    capsys: pytest.CaptureFixture, document: dict[str, Any]
) -> None:
    singles = sorted((one for one in document["leaderboard"] if one["size"] == 1), key=lambda one: float(one["value"]))
    (best,) = singles[-1]["recipe"]
    out = printed(capsys, document | {"leaderboard": singles})
    assert f"│ best ingredient, {best}" in out
    assert "The ingredient that was chosen, copied: run/soup.safetensors" in out
    assert "│ best ingredient," not in printed(capsys, document | {"leaderboard": singles[::-1]})


def test_several_test_sets_have_a_row_each_and_a_mean(capsys: pytest.CaptureFixture, document: dict[str, Any]) -> None:
    document["tests"] = {name: document["report"] | {"test_set": name} for name in ("near", "far")}
    out = printed(capsys, document)
    rows = [line.split()[1] for line in out.splitlines() if line.startswith("│")]
    assert rows[:3] == ["near", "far", "mean"]


def test_members_are_listed_by_weight() -> None:
    assert weights_text({"a": 0.2, "b": 0.5, "c": 0.3}, {"b": "…b"}) == "0.5 …b + 0.3 c + 0.2 a"
    assert weights_text({"a": 0.5, "b": 0.5}, {}) == "a + b"
