"""The picture of a run is drawn for every kind of run."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from radin.report.record import Record
from radin.report.run_picture import draw_run, networks


@pytest.fixture
def document(finished: Path) -> dict[str, Any]:
    return json.loads((finished / "leaderboard.json").read_text())


def with_baseline(document: dict[str, Any]) -> dict[str, Any]:
    """The same run with one of its soups as a baseline."""
    soup, value = document["verified"][0], document["report"]["winner"]
    about = {
        "name": "greedy",
        "soup": soup,
        "soups": 1,
        "failure": "",
        "tests": dict.fromkeys(document["tests"], value),
    }
    return document | {"baselines": [about]}


def test_a_run_is_drawn_wide_enough_to_read(document: dict[str, Any], tmp_path: Path) -> None:
    draw_run(Record(document, tmp_path), tmp_path / "soups.png")
    with Image.open(tmp_path / "soups.png") as drawn:
        assert drawn.size[0] == 1200
        colours = {colour for _, colour in drawn.convert("RGB").getcolors(1 << 24)}
    assert {(0x0A, 0x5A, 0x9C), (0x76, 0x7B, 0x82), (0xDF, 0xE9, 0xF3)} <= colours, "soups, ingredients, noise"


def test_runs_of_every_kind_are_drawn(document: dict[str, Any], tmp_path: Path) -> None:
    names = json.loads(json.dumps(document).replace('"run0"', r'"$\\frac$_{"'))
    singles = [one for one in document["leaderboard"] if one["size"] == 1]
    far = singles[0] | {"recipe": {"far": 1.0}, "value": -1000.0}
    diverged = singles[0] | {"recipe": {"diverged": 1.0}, "value": float("inf")}  # a perplexity
    several = {f"set {i}": document["report"] | {"test_set": f"set {i}"} for i in range(5)}
    cases = [
        names,
        document | {"leaderboard": singles, "verified": []},
        document | {"leaderboard": [*document["leaderboard"], far]},
        document | {"metric": "perplexity", "higher_is_better": False, "leaderboard": [singles[0], diverged]},
        document
        | {"metric": "perplexity", "higher_is_better": False, "leaderboard": [singles[0], singles[1], diverged]},
        document | {"tests": several},
        with_baseline(document),
    ]
    for number, case in enumerate(cases):
        draw_run(Record(case, tmp_path), tmp_path / f"{number}.png")
        assert (tmp_path / f"{number}.png").stat().st_size > 5_000


def test_baselines_stand_on_unseen_data_too(document: dict[str, Any], tmp_path: Path) -> None:
    record = Record(with_baseline(document), tmp_path)
    assert [name for name, _, _ in networks(record, 0)][-1] == "greedy soup"
    assert record.title_of(record.verified[0]) == "greedy soup"
    assert record.title_of(record.verified[1]) == ""


def test_the_criterion_stands_below_the_soups(document: dict[str, Any], tmp_path: Path) -> None:
    for criterion in ("metric", "tempered"):
        draw_run(Record(document | {"criterion": criterion}, tmp_path), tmp_path / f"{criterion}.png")
    with Image.open(tmp_path / "metric.png") as plain, Image.open(tmp_path / "tempered.png") as said:
        differ = ImageChops.difference(plain.convert("RGB"), said.convert("RGB")).getbbox()
        assert differ is not None and differ[1] > plain.size[1] / 2, "words below the left axis"
