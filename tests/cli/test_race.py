"""`radin soup --race` and the commands that read its folder say who was dropped, and on how many rows."""

import json
import re
from pathlib import Path

import pytest
from helpers.command_line import SMALL, run
from helpers.unequal import SAMPLES, make_unequal_pool


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_unequal_pool(tmp_path_factory.mktemp("unequal"))


@pytest.mark.usefixtures("wide")
def test_what_was_dropped_is_named_and_the_bill_is_in_rows(
    capsys: pytest.CaptureFixture, paths: list[Path], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    soup = ["soup", *paths, "--task", f"{SMALL}:task", "--task-arg", f"samples={SAMPLES}", "--run-dir", folder]
    _, out, _ = run(capsys, *soup, "--race", "--plan")
    assert "ingredients │ 1.96 to 6 passes" in " ".join(out.split())
    code, out, _ = run(capsys, *soup, "--race", "--soups", 2)
    assert code == 0
    assert "dropped early" in out
    said = " ".join(out.split())
    assert "nats behind the best" in said
    assert "They could no longer matter: on the samples that each ran on, each was behind the best" in said
    assert "for 6 ingredients (3 of them in full) and 2 for real soups; the greedy soup would have taken 11" in said
    assert "uniform soup: 1 real soup, of 6 ingredients" in said
    assert "1 pass for baselines alone" in said
    assert re.search(r"[0-9,]+ held-back rows of networks that were compared", said)
    assert not re.search(r"\bnan\b", out)
    code, out, _ = run(capsys, "diagnose", *soup[1:])
    assert code == 0
    assert "a race dropped run0, run1 and run4" in " ".join(out.split())
    assert (folder / "diagnosis.png").exists()
    _, out, _ = run(capsys, *soup, "--race", "--soups", 2, "--baselines", "none")
    assert "uniform soup" not in out
    code, _, err = run(capsys, *soup, "--baselines", "uniform,gredy")
    assert (code, "did you mean 'greedy'" in err) == (2, True)
    _, out, _ = run(capsys, "rank", "--logits", folder / "logits")
    assert "run0, run1 and run4" in out
    assert json.loads(run(capsys, "rank", "--logits", folder / "logits", "--json")[1])["absent"] == [
        "run0",
        "run1",
        "run4",
    ]
    _, out, _ = run(capsys, *soup, "--no-race", "--json")
    assert json.loads(out)["dropped"] == []
    assert json.loads(run(capsys, "rank", "--logits", folder / "logits", "--json")[1])["absent"] == []


@pytest.mark.usefixtures("wide")
def test_a_race_that_was_asked_for_and_not_held_is_said_so(
    capsys: pytest.CaptureFixture, checkpoints: list[Path], tmp_path: Path
) -> None:
    few = ("--task-arg", "samples=150")
    soup = ["soup", *checkpoints, "--task", f"{SMALL}:task", *few, "--soups", 1, "--run-dir", tmp_path / "run"]
    code, out, err = run(capsys, *soup, "--race")
    assert code == 0, err
    said = " ".join(out.split())
    assert "Warning: All ingredients ran in full, though a race was asked for: " in said
    assert "120 selecting samples are too few for a race, which is first judged after 200 samples." in said
    document = json.loads((tmp_path / "run" / "leaderboard.json").read_text())
    assert [one["kind"] for one in document["findings"]].count("race") == 1
    assert "race" not in document["settings"], "it was not held"
    _, out, _ = run(capsys, *soup, "--json")
    assert "race" not in [one["kind"] for one in json.loads(out)["findings"]], "nobody asked for one"
