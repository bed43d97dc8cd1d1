"""The comparison is fair, charges what it says, and goes on where it was stopped."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.tiny_zoo import INGREDIENTS, TinyZoo

import radin
from benchmarks import compare, zoos
from benchmarks.comparison import pictures
from benchmarks.comparison.rows import Rows
from benchmarks.comparison.store import Store
from benchmarks.comparison.trial import Replicate, Trial

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> TinyZoo:
    return TinyZoo(tmp_path_factory.mktemp("zoo"))


@pytest.fixture
def run(zoo: TinyZoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs the command on the tiny pool; returns the exit code and the rows by method, B and replicate."""
    monkeypatch.setitem(zoos._ZOOS, "tiny", zoo)
    draw = pictures.draw

    def go(
        *arguments: str, out: Path = tmp_path / "out", drawn: bool = False
    ) -> tuple[int, dict[tuple[str, int | None, int], dict]]:
        monkeypatch.setattr(pictures, "draw", draw if drawn else lambda rows, out: [])
        code = compare.main(["--zoo", "tiny", "--out", str(out), *arguments])
        return code, {(row["method"], row["soups"], row["replicate"]): row for row in Rows(out / "runs.jsonl")}

    return go


FEW = ("--searcher", "monte-carlo", "--candidates", "30", "--lam", "1", "--replicates", "1")


def without_clock(row: dict) -> dict:
    return {key: value for key, value in row.items() if not key.startswith(("seconds", "machine"))}


def test_a_smaller_budget_is_the_beginning_of_a_larger_one(run, tmp_path: Path) -> None:
    code, large = run(*FEW, "--soups", "1", "2", "5", "--criterion", "metric")
    assert code == 0
    _, small_one = run(*FEW, "--soups", "2", "--criterion", "metric", out=tmp_path / "other")
    assert small_one.keys() < large.keys()
    for key, row in small_one.items():
        assert without_clock(row) == without_clock(large[key])
    for method in ("monte-carlo", "calibrated monte-carlo", "random soups", "top-k"):
        selection = [large[method, cap, 0]["selection"] for cap in (1, 2, 5)]
        assert selection == sorted(selection)
        assert [large[method, cap, 0]["soups_charged"] for cap in (1, 2)] == [1, 2]


@pytest.mark.parametrize("criterion", ["metric", "tempered"])
def test_a_run_is_charged_and_scored_as_make_soup_on_the_same_ingredients(
    run, zoo, tmp_path: Path, criterion: str
) -> None:
    searched = (
        "--searcher",
        "local-search",
        "--candidates",
        "9",
        "--lam",
        "0.5",
        "--replicates",
        "1",
        "--first",
        "1",
        "--soups",
        "4",
    )
    _, rows = run(*searched, "--criterion", criterion)
    with Store(zoo) as store:
        replicate = Replicate(1)
        trial = Trial(store, replicate)
        task = replace(store.task, holdback=0.5, split_seed=1)
        for calibrate, name in ((False, "local-search"), (True, "calibrated local-search")):
            budget = radin.Budget(candidates=9, soups=4)
            settings = {"searcher": "local-search", "budget": budget, "lam": 0.5, "seed": 1, "run_dir": tmp_path / name}
            how = {"criterion": criterion, "baselines": (), "calibrate": calibrate}
            plain = radin.make_soup(trial.pool, task, **how, **settings)
            row = rows[name, 4, 1]
            assert row["selection"] == plain.best.score
            assert row["held_out"] == plain.report.winner.value
            assert row["size"] == plain.best.recipe.size
            assert (row["soups_charged"], row["candidates_charged"]) == (plain.spent.soups, plain.spent.candidates)
            single = rows["best single", None, 1]
            assert single["held_out"] == plain.report.best_ingredient.value


def test_the_greedy_soup_is_the_greedy_searcher_on_real_soups(run, zoo) -> None:
    _, rows = run(*FEW, "--soups", "2", "99")
    with Store(zoo) as store:
        trial = Trial(store, Replicate(0))
        full = radin.search("greedy", trial, radin.Budget(soups=None), top=1)
        cut = radin.search("greedy", trial, radin.Budget(soups=2), top=1)
    for row, found in ((rows["greedy soup", None, 0], full), (rows["greedy soup", 2, 0], cut)):
        assert row["selection"] == max(found[0].score, trial.solo.max())
        assert row["soups_charged"] == found.charged
    assert rows["greedy soup", 99, 0]["soups_charged"] == trial.n - 1


def test_every_row_says_what_it_is(run) -> None:
    _, rows = run(*FEW, "--soups", "1", "--batchnorm", "keep")
    for row in rows.values():
        assert row["error"] is None
        assert row["versions"]["radin"] == radin.__version__
        assert row["batchnorm"] == "average"  # a pool without such statistics has nothing to keep
        if row["method"] == "model stock":
            assert "no pretrained checkpoint" in row["skipped"]
            continue
        assert 0 <= row["held_out"] <= 1
        assert 0 < row["standard_error"] < 0.1
    searched = rows["monte-carlo", 1, 0]
    assert searched["options"]["p"] == 0.5
    assert (searched["lam"], searched["candidates"], searched["n"], searched["pool_size"]) == (1.0, 30, 4, INGREDIENTS)
    assert searched["candidates_charged"] <= 2**4 - 1
    assert rows["ensemble", None, 0]["inference_passes"] == 4


def test_what_fails_is_a_row_and_exit_code_1_and_is_tried_again(run, monkeypatch, capsys) -> None:
    healthy = False

    def moody(problem: radin.Problem) -> radin.Proposals:
        """Fails at first."""
        if not healthy and problem.rng.bit_generator.seed_seq.entropy == 1:  # type: ignore[attr-defined] # its seed
            raise RuntimeError("not today")
        yield np.ones((1, problem.n), dtype=bool)

    installed = radin.searchers()
    monkeypatch.setattr(radin, "searchers", lambda: {**installed, "moody": radin.searching.plugins.Searcher.of(moody)})
    arguments = ("--searcher", "moody", "greedy", "--lam", "0", "--replicates", "2", "--soups", "1", "2")
    code, rows = run(*arguments)
    assert code == 1
    assert "4 runs failed" in capsys.readouterr().err
    assert "not today" in rows["moody", 2, 1]["error"]
    assert rows["moody", 2, 0]["error"] is None
    assert rows["greedy", 2, 1]["error"] is None
    healthy = True
    code, rows = run(*arguments)
    assert code == 0
    assert all(row["error"] is None for row in rows.values())


def test_the_quick_run_has_every_searcher_that_is_installed(run) -> None:
    code, rows = run("--quick", "--replicates", "1", "--candidates", "40")
    assert code == 0
    methods_run = {method for method, _, _ in rows}
    assert methods_run >= {name for searcher in radin.searchers() for name in (searcher, f"calibrated {searcher}")}
    assert {cap for _, cap, _ in rows} == {None, 1, 2}


def test_a_searcher_that_refuses_a_pool_is_passed_over_with_its_reason(run, zoo) -> None:
    code, rows = run("--searcher", "exhaustive", "--option", "exhaustive.largest=3", *FEW[2:], "--soups", "1")
    assert code == 0
    assert "too many to score all of them" in rows["exhaustive", 1, 0]["skipped"]


def test_a_pool_that_cannot_be_built_leaves_the_others_alone(run, tmp_path: Path, monkeypatch) -> None:
    class Lost(TinyZoo):
        def build(self, progress=radin.common.progress.SILENT):
            raise radin.errors.MissingFileError("its data are gone")

    monkeypatch.setitem(zoos._ZOOS, "lost", Lost(tmp_path / "lost"))
    code, rows = run("--zoo", "lost", "tiny", *FEW, "--soups", "1")
    assert code == 1
    errors = [row for row in rows.values() if row["error"]] if rows else []
    assert [row["zoo"] for row in errors] == ["lost"] and "its data are gone" in errors[0]["error"]
    assert ("greedy soup", None, 0) in rows


KILLED = f"""
import itertools, os, signal, sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests")!r}]
from pathlib import Path
from benchmarks import compare
from benchmarks import zoos
from benchmarks.comparison.rows import Rows
from helpers.tiny_zoo import TinyZoo
zoos._ZOOS["tiny"] = TinyZoo(Path(sys.argv[1]))
add, numbers = Rows.add, itertools.count(1)
Rows.add = lambda self, row: (add(self, row), next(numbers) == 7 and os.kill(os.getpid(), signal.SIGKILL))
compare.main(sys.argv[2:])
"""


def test_killed_after_a_row_it_ends_as_if_nothing_had_happened(run, zoo, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    arguments = ["--zoo", "tiny", "--out", str(out), *FEW, "--soups", "1", "2"]
    killed = subprocess.run([sys.executable, "-c", KILLED, str(zoo.root), *arguments], capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    file = out / "runs.jsonl"
    written = file.read_text()
    file.write_text(written[:-20])  # as if the kill had come in the middle of a line
    code, resumed = run(*FEW, "--soups", "1", "2", out=out)
    _, calm = run(*FEW, "--soups", "1", "2", out=tmp_path / "calm")
    assert code == 0
    assert len(written.splitlines()) == 7 < len(calm)
    assert {key: without_clock(row) for key, row in resumed.items()} == {
        key: without_clock(row) for key, row in calm.items()
    }
    lines = file.read_text().splitlines()
    assert len(lines) == len(calm) + 1, "the line that was cut short stays, and nothing that was whole is run again"


def test_model_stock_takes_part_where_there_is_a_pretrained_checkpoint(run, zoo, tmp_path: Path) -> None:
    pretrained = zoo.root / "pretrained" / "start.safetensors"
    pretrained.parent.mkdir()
    first = zoo.build()[0]
    pretrained.write_bytes(first.read_bytes())
    try:
        _, rows = run(*FEW, "--soups", "1", out=tmp_path / "with")
    finally:
        pretrained.unlink()
        pretrained.parent.rmdir()
    row = rows["model stock", None, 0]
    assert row["skipped"] is None
    assert row["soups_charged"] == 1
    assert 0.3 < row["held_out"] <= 1


def test_tables_and_pictures_are_written(run, tmp_path: Path) -> None:
    one = ("--searcher", "monte-carlo", "--replicates", "1")
    run(*one, "--lam", "0", "0.5", "1", "--soups", "1", "4", "--candidates", "9")
    run(*one, "--lam", "0", "--soups", "4", "--candidates", "5", "15", "--part", "0.8")
    code, _ = run(*one, "--lam", "0", "--soups", "4", "--candidates", "9", "--part", "0.8", "1", drawn=True)
    assert code == 0
    out = tmp_path / "out"
    assert "| monte-carlo, λ = 0.5 | 4 |" in (out / "tables.md").read_text()
    for name in ("score-against-budget", "lambda", "candidates", "pool-size"):
        assert (out / f"{name}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--soups 0", "expected at least 1"),
        ("--part 1.5", "at most 1"),
        ("--zoo nowhere", "no pool is called 'nowhere'"),
        ("--searcher gredy", "did you mean 'greedy'?"),
        ("--option greedy.acept=ties", "has no option 'acept'"),
        ("--option other.a=1 --searcher greedy", "no searcher 'other' takes part"),
    ],
)
def test_what_cannot_be_is_said_before_anything_runs(arguments: str, message: str, capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        compare.main(arguments.split())
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_it_runs_as_a_file_too() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "compare.py"), "--help"], capture_output=True, text=True, cwd="/"
    )
    assert done.returncode == 0, done.stderr
    assert "examples:" in done.stdout
