"""`radin show`: a finished run as tables, JSON and CSV, from its folder."""

import csv
import io
import json
from pathlib import Path

import pytest
from helpers.command_line import refused, run


@pytest.mark.usefixtures("wide")
def test_everything_is_shown_again(capsys: pytest.CaptureFixture, finished: Path) -> None:
    code, out, _ = run(capsys, "show", finished)
    document = json.loads((finished / "leaderboard.json").read_text())
    assert code == 0
    assert out.startswith(document["verdict"])
    assert f"on the test set, {80} samples" in out
    assert f"{document['best']['value']:.4f}" in out
    assert "Cost: 9 passes" in out
    for name in ("soup.safetensors", "leaderboard.json"):
        assert str(finished / name) in out


def test_json_is_the_leaderboard(capsys: pytest.CaptureFixture, finished: Path) -> None:
    code, out, _ = run(capsys, "show", finished, "--json")
    assert (code, json.loads(out)) == (0, json.loads((finished / "leaderboard.json").read_text()))


def test_csv_has_a_row_for_each_network(capsys: pytest.CaptureFixture, finished: Path) -> None:
    code, out, _ = run(capsys, "show", finished, "--csv")
    rows, document = list(csv.DictReader(io.StringIO(out))), json.loads((finished / "leaderboard.json").read_text())
    assert code == 0
    assert [json.loads(row["recipe"]) for row in rows] == [one["recipe"] for one in document["leaderboard"]]
    assert [float(row["value"]) for row in rows] == [one["value"] for one in document["leaderboard"]]
    assert all((row["averaged_logits"] == "") == (row["kind"] == "ingredient") for row in rows)


def test_bad_input_is_refused(capsys: pytest.CaptureFixture, finished: Path, tmp_path: Path) -> None:
    assert "--json and --csv are two forms" in refused(capsys, "show", finished, "--json", "--csv")
    assert "is no run folder" in refused(capsys, "show", tmp_path)
    (tmp_path / "ledger.db").touch()
    assert "has not finished" in refused(capsys, "show", tmp_path)
