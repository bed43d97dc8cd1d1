"""The studies of racing and of criteria, on a small pool, and the criteria against their definitions."""

import json

import numpy as np
import pytest

import radin
from benchmarks import zoos
from benchmarks.studies import draws, racing
from benchmarks.studies.draws import Draw
from radin.evaluation.race_settings import RaceSettings
from radin.scoring.criterion import criterion_of


def test_the_study_of_racing_adds_what_is_missing_and_compares_by_replicate(zoo, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(zoos, "get", lambda name: zoo)
    options = ["--zoo", "digits", "--rows", "60", "1000", "--replicates", "2", "--out", str(tmp_path)]
    assert racing.main(options) == 0
    rows = [json.loads(line) for line in (tmp_path / "racing.jsonl").read_text().splitlines()]
    assert {(row["rule"], row["soups"]) for row in rows} == {
        (rule, soups) for rule in (racing.IN_FULL, "halves alone, H = 8") for soups in racing.SOUPS
    }
    assert {row["rows"] for row in rows} == {60}  # 1 000 of 300 samples would leave no truth
    assert all(0 < row["passes"] <= row["n"] for row in rows)
    assert "| digits | 60 | all passes | metric | 4 | 2 | 1.00 |" in capsys.readouterr().out
    assert racing.main(options) == 0
    assert len((tmp_path / "racing.jsonl").read_text().splitlines()) == len(rows)
    picture = tmp_path / "pictures" / "bills.png"
    assert racing.main([*options, "--z", "3", "--votes", "2", "--plot", str(picture)]) == 0
    assert picture.stat().st_size > 10_000
    more = [json.loads(line) for line in (tmp_path / "racing.jsonl").read_text().splitlines()][len(rows) :]
    assert {row["rule"] for row in more} == {"z = 3, H = 8, votes = 2"}


def test_a_race_that_keeps_all_changes_nothing(store):
    draw = Draw(store, 0, 100)
    everything = RaceSettings(z=1e9, first_rows=20)
    rows = list(racing.measure(draw, "tiny", {None: ["metric"], everything: ["metric"]}))
    full, raced = rows[: len(racing.SOUPS)], rows[len(racing.SOUPS) :]
    assert [row["held_out"] for row in full] == [row["held_out"] for row in raced]
    assert all(row["passes"] == draw.n for row in rows)


def test_a_calibrated_order_begins_as_the_plain_one_and_takes_each_soup_once(store):
    draw = Draw(store, 0, 100)
    for criterion in ("metric", "tempered"):
        taken = draw.calibrated(criterion, soups=3)
        surrogate = radin.Surrogate(
            radin.LogitBank([store.names[i] for i in draw.members], list(draw.stack), draw.labels),
            criterion_of(criterion, store.metric),
        )
        (first,) = radin.search("forward", surrogate, radin.Budget(candidates=20_000), top=1)
        assert np.flatnonzero(taken[0]).tolist() == list(first.recipe.members)
        assert len({mask.tobytes() for mask in taken}) == len(taken) == 3
    assert draw.calibrated("metric", np.array([1])) == []
    (one, four) = racing.measure(draw, "tiny", {None: ["calibrated-one-se"]})
    assert (one["verified"], four["verified"]) == (1, 4)


def test_a_pool_that_fails_is_named_and_the_exit_code_says_so(tmp_path, monkeypatch, capsys):
    def broken(name):
        raise radin.errors.InputError("no such pool")

    monkeypatch.setattr(zoos, "get", broken)
    assert racing.main(["--quick", "--out", str(tmp_path)]) == 1
    assert "no such pool" in capsys.readouterr().err


def test_an_interval_is_students_over_replicates():
    mean, half = draws.interval([0.0, 0.02])
    assert mean == pytest.approx(0.01) and half == pytest.approx(12.706 * 0.01, rel=1e-3)
