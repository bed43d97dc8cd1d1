"""The studies of racing and of criteria, on a small pool, and the criteria against their definitions."""

import json

import numpy as np
import pytest
from helpers.tiny_zoo import TinyZoo
from scipy import optimize, special

import radin
from benchmarks import zoos
from benchmarks.comparison.store import Store
from benchmarks.studies import criteria, draws, racing
from benchmarks.studies.draws import Draw
from radin.evaluation.racing import RaceSettings


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    return TinyZoo(tmp_path_factory.mktemp("zoo"))


@pytest.fixture
def store(zoo):
    with Store(zoo) as opened:
        yield opened


@pytest.fixture
def logits():
    return 2 * np.random.default_rng(0).normal(size=(4, 50, 3)).astype(np.float32)


LABELS = np.arange(50) % 3


def test_a_draw_selects_on_some_samples_and_reports_on_all_others(store):
    draw = Draw(store, 0, 60)
    assert len(draw.selecting) == 60
    assert sorted([*draw.selecting, *draw.reporting]) == list(range(len(store.labels)))
    assert draw.stack.shape == (draw.n, 60, 3) and draw.n == 4
    single = draw.singles()[2]
    np.testing.assert_array_equal(draw.logits(single)[draw.selecting], draw.stack[2])


def test_candidates_are_those_of_forward_on_the_surrogate(store):
    draw = Draw(store, 1, 60)
    names = [str(i) for i in range(draw.n)]
    bank = radin.LogitBank.from_arrays(list(draw.stack), draw.labels, names)
    found = radin.search("forward", radin.Surrogate(bank, lam=0.0), radin.Budget(candidates=1_000), top=5)
    masks = draw.candidates(draws.accuracy, top=5)
    scores = draws.Averaged(draw.stack, draw.labels, draws.accuracy)(np.array(masks))
    assert scores.tolist() == [one.score for one in found]
    inside = draw.candidates(draws.likelihood, among=np.array([0, 3]))
    assert [mask.tolist() for mask in inside] == [[True, False, False, True]]


def test_the_greedy_soup_is_that_of_the_searcher_on_real_soups(store):
    draw = Draw(store, 2, 60)

    class Real:
        unit = "soup"
        names = tuple(str(i) for i in range(draw.n))
        solo = draws.accuracy(draw.stack, draw.labels)

        def __call__(self, weights):
            rows = np.asarray(weights) > 0
            return np.array([draws.accuracy(draw.logits(row)[draw.selecting][None], draw.labels)[0] for row in rows])

    found = radin.search("greedy", Real(), radin.Budget(soups=None), top=1)
    best = found[0].recipe.members if found and found[0].score > Real.solo.max() else (int(Real.solo.argmax()),)
    assert tuple(np.flatnonzero(draw.greedy)) == tuple(best)


def test_criteria_are_what_they_say(logits):
    p = special.softmax(logits.astype(np.float64), axis=-1)
    own = p[:, np.arange(50), LABELS]
    np.testing.assert_allclose(draws.likelihood(logits, LABELS), np.log(own).mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(criteria.probability(logits, LABELS), own.mean(axis=1), rtol=1e-5)
    distance = np.square(p - np.eye(3)[LABELS]).sum(axis=-1).mean(axis=1)
    np.testing.assert_allclose(criteria.brier(logits, LABELS), -distance, rtol=1e-5)
    assert draws.accuracy(logits, LABELS)[1] == (logits[1].argmax(1) == LABELS).mean()
    both = criteria.weighted(2.0, 0.5)(logits, LABELS)
    np.testing.assert_allclose(both, 2 * draws.accuracy(logits, LABELS) + 0.5 * draws.likelihood(logits, LABELS))


def test_the_temperature_is_the_best_one():
    rng = np.random.default_rng(1)
    for sharp in (0.3, 1.0, 5.0):
        logits = (rng.normal(size=(400, 3)) + 1.5 * np.eye(3)[np.arange(400) % 3]).astype(np.float32)
        labels = np.arange(400) % 3
        found = criteria.tempered(sharp * logits[None], labels)[0]
        best = optimize.minimize_scalar(lambda t, x=logits, y=labels: -draws.likelihood((x * np.exp(t))[None], y)[0])
        assert found == pytest.approx(-best.fun, abs=1e-4)


def test_the_noise_weighted_sum_leans_on_the_metric_where_there_is_no_noise(store):
    draw = Draw(store, 0, 60)
    assert np.isfinite(criteria.noise_weighted(draw)(draw.stack, draw.labels)).all()

    class Sure:
        """Ingredients whose accuracies differ by far more than likelihood and noise explain."""

        n, labels = 6, np.arange(4_000) % 2
        stack = np.zeros((6, 4_000, 2), dtype=np.float32)

    for i in range(6):
        right = np.arange(4_000) < 2_000 + 300 * i
        Sure.stack[i, np.arange(4_000), np.where(right, Sure.labels, 1 - Sure.labels)] = 0.001
    score = criteria.noise_weighted(Sure())(Sure.stack, Sure.labels)
    assert np.argsort(score).tolist() == list(range(6)) and np.ptp(score) > 0.2


def test_the_study_of_racing_adds_what_is_missing_and_compares_by_replicate(zoo, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(zoos, "get", lambda name: zoo)
    options = ["--zoo", "digits", "--rows", "60", "1000", "--replicates", "2", "--out", str(tmp_path)]
    assert racing.main(options) == 0
    rows = [json.loads(line) for line in (tmp_path / "racing.jsonl").read_text().splitlines()]
    assert {(row["rule"], row["soups"]) for row in rows} == {
        (rule, soups) for rule in (racing.IN_FULL, "z = 3, H = 8") for soups in racing.SOUPS
    }
    assert {row["rows"] for row in rows} == {60}  # 1 000 of 300 samples would leave no truth
    assert all(0 < row["passes"] <= row["n"] for row in rows)
    assert "| digits | 60 | all passes | metric | 4 | 2 | 1.00 |" in capsys.readouterr().out
    assert racing.main(options) == 0
    assert len((tmp_path / "racing.jsonl").read_text().splitlines()) == len(rows)
    assert racing.main([*options, "--z", "0", "--votes", "2"]) == 0
    more = [json.loads(line) for line in (tmp_path / "racing.jsonl").read_text().splitlines()][len(rows) :]
    assert {row["rule"] for row in more} == {"halves alone, H = 8, votes = 2"}


def test_a_race_that_keeps_all_changes_nothing(store):
    draw = Draw(store, 0, 100)
    everything = RaceSettings(z=1e9, first_rows=20)
    rows = list(racing.measure(draw, "tiny", {None: ["metric"], everything: ["metric"]}))
    full, raced = rows[: len(racing.SOUPS)], rows[len(racing.SOUPS) :]
    assert [row["held_out"] for row in full] == [row["held_out"] for row in raced]
    assert all(row["passes"] == draw.n for row in rows)


def test_the_study_of_criteria_compares_with_the_metric(zoo, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(zoos, "get", lambda name: zoo)
    options = ["--zoo", "digits", "--rows", "60", "0", "--replicates", "2", "--out", str(tmp_path)]
    assert criteria.main(options) == 0
    rows = [json.loads(line) for line in (tmp_path / "criteria.jsonl").read_text().splitlines()]
    assert len(rows) == 2 * 2 * len(criteria.PAIRS) * len(criteria.SOUPS)
    assert {row["rows"] for row in rows} == {60, 150}
    assert "| digits | 60 | metric | metric | 1 | 2 | 0 |" in capsys.readouterr().out
    assert criteria.main(options) == 0
    assert len((tmp_path / "criteria.jsonl").read_text().splitlines()) == len(rows)


def test_a_pool_that_fails_is_named_and_the_exit_code_says_so(tmp_path, monkeypatch, capsys):
    def broken(name):
        raise radin.errors.InputError("no such pool")

    monkeypatch.setattr(zoos, "get", broken)
    assert racing.main(["--quick", "--out", str(tmp_path)]) == 1
    assert "no such pool" in capsys.readouterr().err


def test_an_interval_is_students_over_replicates():
    mean, half = draws.interval([0.0, 0.02])
    assert mean == pytest.approx(0.01) and half == pytest.approx(12.706 * 0.01, rel=1e-3)
