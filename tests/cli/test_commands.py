"""The command line on real files: what it prints, and how it ends."""

import errno
import inspect
import json
import re
from pathlib import Path

import pytest
from helpers.command_line import SMALL, run
from safetensors.torch import load_file

from radin.cli.soup import command as soup_command
from radin.errors import StorageError
from radin.procedure import make_soup
from radin.searching.budget import Budget


@pytest.fixture
def soup(checkpoints: list[Path], tmp_path: Path) -> list[object]:
    """A whole `radin soup` command on the small pool."""
    return ["soup", *checkpoints, "--task", f"{SMALL}:task", "--run-dir", tmp_path / "run"]


@pytest.mark.pictured
def test_soup_prints_a_leaderboard_and_a_verdict(capsys: pytest.CaptureFixture, soup: list, tmp_path: Path) -> None:
    code, out, _ = run(capsys, *soup, "--soups", 2, "-o", tmp_path / "mine.safetensors")
    assert code == 0
    for text in ("leaderboard", "on the selection data", "held-back data, 60 samples", "5 passes of ingredients"):
        assert text in out
    assert load_file(tmp_path / "mine.safetensors").keys() == load_file(tmp_path / "run/soup.safetensors").keys()


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["tables", "json"])
def test_a_soup_that_is_not_saved_elsewhere_is_shown_all_the_same(
    capsys: pytest.CaptureFixture, soup: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: list[str]
) -> None:
    def full(*_: object) -> None:
        raise StorageError(errno.ENOSPC, "mine.safetensors: could not be written")

    monkeypatch.setattr("radin.report.result.Result.save", full)
    code, out, err = run(capsys, *soup, "--soups", 1, "-o", tmp_path / "mine.safetensors", *form)
    assert (code, err.splitlines()[-1]) == (2, "error: mine.safetensors: could not be written")
    if form:
        assert json.loads(out)["best"]
    else:
        assert "leaderboard, on the selection data" in out
        assert f"Soup: {tmp_path / 'run' / 'soup.safetensors'}" in out


def test_soup_as_json_is_the_leaderboard_file(capsys: pytest.CaptureFixture, soup: list, tmp_path: Path) -> None:
    settings = ["--searcher", "monte-carlo", "-p", "p=0.3", "--lam", 0, "--metric", "nll", "--holdback", 0.5]
    code, out, _ = run(capsys, *soup, *settings, "--json")
    assert code == 0
    document = json.loads(out)
    assert document == json.loads((tmp_path / "run" / "leaderboard.json").read_text())
    assert document["settings"]["options"]["p"] == 0.3
    assert document["metric"] == "nll"
    assert document["report"]["n_samples"] == 150


def test_soup_takes_globs_and_folders(capsys: pytest.CaptureFixture, checkpoints: list[Path], tmp_path: Path) -> None:
    folder = checkpoints[0].parent
    for given in (f"{folder}/*.safetensors", folder):
        code, out, _ = run(capsys, "soup", given, "--task", f"{SMALL}:task", "--run-dir", tmp_path / "run", "--json")
        assert code == 0
        assert json.loads(out)["spent"]["passes"] == 5


def test_one_is_not_many(capsys: pytest.CaptureFixture, soup: list, tmp_path: Path) -> None:
    everything = ["--searcher", "monte-carlo", "-p", "p=1", "--candidates", 1, "--soups", 1, "--baselines", "none"]
    code, out, errors = run(capsys, *soup, *everything, "--limit", 5)
    assert code == 0
    assert "1 candidate (" in out and "1 real soup (" in out
    assert not re.findall(r"\b1 (?:\w+ )?\w*(?:soups|candidates|passes|samples)\b", out + errors)


def test_a_plan_spends_nothing(capsys: pytest.CaptureFixture, soup: list, tmp_path: Path) -> None:
    code, out, _ = run(capsys, *soup, "--plan")
    assert code == 0
    said = " ".join(out.replace("│", " ").split())
    assert "ingredients 5 passes" in said
    assert "together at most 9 passes; the greedy soup takes 9" in said
    assert "Nothing was charged or written" in said
    assert "on top of that come start-up" in said
    assert "slow" not in said, "the files are tiny"
    assert not (tmp_path / "run").exists()
    planned = json.loads(run(capsys, *soup, "--plan", "--json")[1])
    assert (planned["passes"], planned["greedy"], planned["is_done"]) == (5, 9, False)


def test_a_plan_in_a_folder_that_is_done_says_that_nothing_is_left(capsys: pytest.CaptureFixture, soup: list) -> None:
    assert run(capsys, *soup)[0] == 0
    code, out, _ = run(capsys, *soup, "--plan")
    assert (code, "Nothing is left to run" in out, "at most" in out) == (0, True, False)
    more = json.loads(run(capsys, *soup, "--soups", 6, "--plan", "--json")[1])
    assert (more["soups"], more["passes"], more["baselines"], more["is_done"]) == (2, 0, 0, False)


def test_a_plan_with_workers_says_what_they_save(capsys: pytest.CaptureFixture, soup: list) -> None:
    code, out, _ = run(capsys, *soup, "--plan", "--workers", 8)
    said = " ".join(out.replace("│", " ").split())
    assert code == 0
    assert "time with 8 workers" in said and "saves" in said and "some seconds to start" in said


def test_soups_side_by_side_need_workers(capsys: pytest.CaptureFixture, soup: list) -> None:
    code, _, errors = run(capsys, *soup, "--at-once", 2)
    assert code == 2
    assert "--at-once verifies soups side by side on workers: give --workers, too" in " ".join(errors.split())


def test_the_command_line_and_the_library_have_the_same_defaults() -> None:
    library = inspect.signature(make_soup).parameters
    options = {option.name: option.default for option in soup_command.params}
    for name in ("searcher", "lam", "seed", "run_dir", "calibrate", "batchnorm"):
        assert options[name] == library[name].default, name
    assert tuple(options["baselines"].split(",")) == library["baselines"].default
    assert Budget(soups=options["soups"], candidates=options["candidates"]) == Budget()
