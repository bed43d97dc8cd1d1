"""Finished runs are read from their folder alone, of every version, and a fault of it is told."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from radin.errors import MissingFileError, RunDirError
from radin.report.record import LEADERBOARD, VERSION, Record


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    """A folder with nothing but the leaderboard, which a test may damage."""
    (tmp_path / LEADERBOARD).write_bytes((finished / LEADERBOARD).read_bytes())
    return tmp_path


def changed(folder: Path, **values: object) -> Path:
    document = json.loads((folder / LEADERBOARD).read_text()) | values
    (folder / LEADERBOARD).write_text(json.dumps(document))
    return folder


def test_the_record_is_the_leaderboard(copied: Path) -> None:
    record, document = Record.read(copied), json.loads((copied / LEADERBOARD).read_text())
    assert record.winner.value == document["best"]["value"]
    assert record.winner.recipe == document["leaderboard"][0]["recipe"]
    assert [one.size for one in record.ingredients] == [1] * 5
    assert record.best_ingredient.value == max(one.value for one in record.ingredients)
    assert [one.recipe for one in record.verified] == [one["recipe"] for one in document["verified"]]
    (unseen,) = record.unseen
    assert (unseen.name, unseen.samples, unseen.selected) == ("test set", 80, False)
    assert unseen.difference == unseen.winner.value - unseen.best_ingredient.value
    assert (record.n_ingredients, record.passes_worth) == (5, 5.0)
    assert Record.read(copied / LEADERBOARD).document == document


def test_paired_noise_is_recorded_for_each_soup(copied: Path) -> None:
    assert all(one.gap_error and one.ahead_error for one in Record.read(copied).verified)
    assert all(one.ahead is None for one in Record.read(copied).ingredients)


def test_what_soups_were_chosen_for_is_recorded(copied: Path) -> None:
    record = Record.read(copied)
    promises = [one.promise for one in record.verified]
    for entry, promise in zip(record.document["verified"], promises, strict=True):
        assert promise is not None and promise.real == pytest.approx(entry["criterion"], abs=1e-7)
    assert [one.corrected is None for one in promises if one is not None] == [True, False, False, False]
    assert all(one.promise is None for one in record.ingredients)


def test_a_leaderboard_of_version_one_is_read(copied: Path) -> None:
    document = json.loads((copied / LEADERBOARD).read_text())
    values = [one["value"] for one in document["leaderboard"]]
    later = ("value", "ensemble_value", "gap_error", "ahead", "ahead_error")
    for one in [*document["leaderboard"], *document["verified"], document["best"]]:
        for name in later:
            del one[name]
        one.pop("promise", None)
    for name in ("version", "findings", "higher_is_better", "dropped"):
        del document[name]
    document["warnings"] = ["one does not belong."]
    (copied / LEADERBOARD).write_text(json.dumps(document))
    record = Record.read(copied)
    assert [one.value for one in record.leaderboard] == values
    assert record.higher_is_better
    assert [one["text"] for one in record.findings] == ["one does not belong."]
    assert record.verified[0].gap_error is None
    assert record.verified[0].promise is None


def test_a_folder_without_a_finished_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="is not there"):
        Record.read(tmp_path / "nowhere")
    with pytest.raises(RunDirError, match="is no run folder"):
        Record.read(tmp_path)
    (tmp_path / "ledger.db").touch()
    with pytest.raises(RunDirError, match=r"has not finished: leaderboard\.json is not there yet"):
        Record.read(tmp_path)
    with pytest.raises(RunDirError, match="is a file, and no run folder"):
        Record.read(tmp_path / "ledger.db")


def test_a_half_written_leaderboard_is_refused(copied: Path) -> None:
    content = (copied / LEADERBOARD).read_bytes()
    (copied / LEADERBOARD).write_bytes(content[: len(content) // 2])
    with pytest.raises(RunDirError, match="is damaged: it is no JSON"):
        Record.read(copied)
    (copied / LEADERBOARD).write_bytes(b"[]")
    with pytest.raises(RunDirError, match="it holds a list"):
        Record.read(copied)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"settings": None}, "None stands among 'settings', where a dictionary belongs"),
        ({"about": ["x"]}, "stands among 'about'"),
        ({"spent": {}}, "'passes' is not there"),
        ({"findings": ["x"]}, "'x' stands among 'findings'"),
        ({"verified": [{"recipe": ["a"], "score": 1.0, "ensemble": 1.0}]}, "has no attribute 'items'"),
        (
            {"verified": [{"recipe": {"a": 1}, "score": "good", "ensemble": 1.0}]},
            "'good' stands where a number belongs",
        ),
        ({"verified": [{"recipe": {"a": 1}, "score": 1, "ensemble": 1, "promise": {}}]}, "'averaged' is not there"),
    ],
)
def test_a_document_that_holds_something_else_is_refused(copied: Path, values: dict, said: str) -> None:
    with pytest.raises(RunDirError, match=rf"is no leaderboard of radin's: .*{said}"):
        Record.read(changed(copied, **values))


def test_other_documents_are_refused(copied: Path) -> None:
    with pytest.raises(RunDirError, match=f"is of version {VERSION + 1}, made by a later radin"):
        Record.read(changed(copied, version=VERSION + 1))
    with pytest.raises(RunDirError, match="it has no ingredient"):
        Record.read(changed(copied, version=VERSION, leaderboard=[]))
    with pytest.raises(RunDirError, match="'recipe' is not there"):
        Record.read(changed(copied, leaderboard=[{"value": 1.0}]))
    (copied / LEADERBOARD).write_text('{"best": 1}')
    with pytest.raises(RunDirError, match="it has no 'verdict'"):
        Record.read(copied)


def test_a_leaderboard_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / LEADERBOARD).mkdir()
    with pytest.raises(RunDirError, match="cannot be read"):
        Record.read(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not hold for root")
def test_a_folder_without_read_permission_is_refused(copied: Path) -> None:
    (copied / LEADERBOARD).chmod(0)
    with pytest.raises(RunDirError, match=r"cannot be read \(Permission denied\)"):
        Record.read(copied)


def test_neither_torch_nor_numpy_is_needed() -> None:
    code = (
        "import sys, radin.cli.show, radin.cli.summary; sys.exit(bool({'torch', 'numpy', 'pydantic'} & {*sys.modules}))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_order_of_the_leaderboard_is_said_where_it_is_not_that_of_the_metric(copied: Path) -> None:
    record = Record.read(changed(copied, criterion="tempered"))
    assert record.criterion == "tempered log-likelihood"
    assert "in the order of tempered log-likelihood, and not of accuracy" in record.order
    record = Record.read(changed(copied, criterion="metric"))
    assert (record.criterion, record.order) == ("", "")


def test_the_best_ingredient_is_that_of_the_metric_in_every_order(copied: Path) -> None:
    board = json.loads((copied / LEADERBOARD).read_text())["leaderboard"]
    record = Record.read(changed(copied, leaderboard=sorted(board, key=lambda one: one["value"]), criterion="tempered"))
    values = [one.value for one in record.leaderboard if not one.is_soup]
    assert record.best_ingredient.value == max(values) > values[0]
    assert [one.value for one in record.ingredients] == sorted(values, reverse=True)
    record = Record.read(changed(copied, higher_is_better=False))
    assert record.best_ingredient.value == min(values)
