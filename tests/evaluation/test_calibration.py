"""The calibrated surrogate: what it learns, what it leaves alone, and that it takes the same course again."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from helpers.small import make_pool, task

import radin
from radin.evaluation.calibration import as_rows, calibrated, expected_gaps, foretold, scale
from radin.evaluation.gram import Gram
from radin.recipe import Recipe
from radin.scoring.metrics import get_metric
from radin.scoring.significance import paired_error
from radin.searching.shortlist import Candidate, Shortlist

NAMES = tuple(f"run{i}" for i in range(7))


class Synthetic:
    """Soups whose gap is proportional to their dispersion: an objective over which nothing but β is unknown."""

    unit = "soup"

    def __init__(self, slope: float, noise: float = 1e-4, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        points = rng.normal(size=(7, 20)) * rng.uniform(0.2, 2.0, size=(7, 1))
        self.gram = Gram(NAMES, points @ points.T)
        self.noise, self.slope, self.names = noise, slope, NAMES
        self.solo = np.zeros(7)
        subsets = [np.isin(np.arange(7), members) for k in range(2, 8) for members in combinations(range(7), k)]
        self.masks = np.array(subsets)
        self.promised = dict(zip(map(self.key, self.masks), rng.normal(0.9, 0.002, len(self.masks)), strict=True))
        self.misfits = dict(zip(map(self.key, self.masks), rng.normal(0, noise, len(self.masks)), strict=True))
        ranked = sorted(self.masks, key=lambda mask: -self.promised[self.key(mask)])
        listed = [
            Candidate(Recipe.of(NAMES, mask), self.promised[self.key(mask)], number)
            for number, mask in enumerate(ranked)
        ]
        empty = np.zeros(0, dtype=np.int64), np.zeros(0)
        self.shortlist = Shortlist(tuple(listed), "all", {}, 0, "candidate", len(listed), 0, 0.0, "finished", empty)

    @staticmethod
    def key(mask: np.ndarray) -> bytes:
        return np.packbits(np.asarray(mask) > 0).tobytes()

    def gap(self, mask: np.ndarray) -> float:
        return self.slope * float(self.gram.dispersion(mask[None])[0]) + self.misfits[self.key(mask)]

    def __call__(self, weights: np.ndarray, /) -> np.ndarray:
        return np.array([self.promised[self.key(mask)] + self.gap(mask) for mask in weights])

    def searcher(self, at_once: int = 1):
        return calibrated(
            self.shortlist,
            lambda rows: self.gram.dispersion(rows)[:, None],
            lambda recipe: (self.gap(np.asarray(recipe.weights) > 0), self.noise),
            at_once,
        )

    def best_after(self, soups: int) -> float:
        return radin.search(self.searcher(), self, radin.Budget(soups=soups))[0].score

    def plain_after(self, soups: int) -> float:
        return max(self(np.array([one.recipe.row for one in self.shortlist[:soups]])))


def test_a_gap_that_follows_dispersion_is_learned() -> None:
    pool = Synthetic(slope=-0.002)
    truth = max(pool(pool.masks))
    assert pool.plain_after(4) < truth - 0.001
    assert pool.best_after(4) > truth - 2 * pool.noise
    seen = radin.search(pool.searcher(), pool, radin.Budget(soups=4), top=4)
    spread = {one.number: pool.gram.dispersion(one.recipe.row[None])[0] for one in seen}
    assert spread[3] < spread[0]


def test_the_gap_that_was_expected_of_a_soup_is_reported() -> None:
    pool = Synthetic(slope=-0.002)
    seen = radin.search(pool.searcher(), pool, radin.Budget(soups=5), top=5)
    expected, in_turn = foretold(seen), sorted(seen, key=lambda one: one.number)
    assert set(expected) == {one.recipe for one in in_turn[1:]}  # nothing was known before the first
    for number, one in enumerate(in_turn[1:], start=1):
        before = np.array([other.recipe.weights for other in in_turn[:number]])
        rows = np.array([other.recipe.weights for other in pool.shortlist])
        features = scale(pool.gram.dispersion(rows)[:, None])
        places = [[other.recipe for other in pool.shortlist].index(each.recipe) for each in in_turn[:number]]
        gaps = np.array([pool.gap(row > 0) for row in before])
        gap = expected_gaps(features, np.array(places), gaps, np.full(number, pool.noise))
        place = [other.recipe for other in pool.shortlist].index(one.recipe)
        assert expected[one.recipe] == gap[place]
    assert not foretold(pool.shortlist)


def test_without_a_gap_the_order_is_that_of_the_shortlist() -> None:
    pool = Synthetic(slope=0.0, noise=1e-4)
    seen = radin.search(pool.searcher(), pool, radin.Budget(soups=6), top=6)
    in_turn = [one.recipe for one in sorted(seen, key=lambda one: one.number)]
    assert in_turn == [one.recipe for one in pool.shortlist[:6]]


def test_the_first_soup_is_the_shortlists_first() -> None:
    pool = Synthetic(slope=-0.002)
    found = radin.search(pool.searcher(), pool, radin.Budget(soups=1))
    assert [one.recipe for one in found] == [pool.shortlist[0].recipe]


def test_luck_of_the_draw_is_no_dispersion() -> None:
    """Equal gaps at unequal dispersion are the shortlist's optimism; gaps that grow with it are not."""
    features, errors = np.array([[0.2], [1.0], [1.8], [1.0]]), np.full(3, 0.01)
    even = expected_gaps(features, np.arange(3), np.full(3, -0.05), errors)
    grown = expected_gaps(features, np.arange(3), np.array([-0.01, -0.05, -0.09]), errors)
    assert abs(even[2] - even[0]) < 0.2 * abs(grown[2] - grown[0])


def test_every_recipe_is_proposed_once() -> None:
    pool = Synthetic(slope=-0.002)
    found = radin.search(pool.searcher(), pool, radin.Budget(soups=None), top=1000)
    assert found.stopped == "finished"
    assert found.charged == found.proposed == len(pool.shortlist) == len(found)


@pytest.mark.parametrize("promised", [0.0, -np.inf], ids=["a gap", "a score"])
def test_what_is_infinite_teaches_nothing_and_stops_nothing(promised: float) -> None:
    pool = Synthetic(slope=-0.002)
    first = pool.shortlist[0]
    low = [replace(one, score=promised or one.score) for one in pool.shortlist[100:]]
    pool.shortlist = replace(pool.shortlist, candidates=(*pool.shortlist[:100], *low))

    def observe(recipe: Recipe) -> tuple[float, float]:
        return (-np.inf, np.nan) if recipe == first.recipe else (pool.gap(np.asarray(recipe.weights) > 0), pool.noise)

    searcher = calibrated(pool.shortlist, lambda rows: pool.gram.dispersion(rows)[:, None], observe)
    found = radin.search(searcher, pool, radin.Budget(soups=None), top=1000)
    assert found.stopped == "finished"
    assert found.charged == found.proposed == len(pool.shortlist)
    unlearnt, *learnt = (gap for _, gap in sorted((number, found.reported[name]) for number, name in numbered(found)))
    assert unlearnt == 0 and np.isfinite(learnt).all() and np.any(learnt)


def numbered(found: Shortlist) -> list[tuple[int, str]]:
    """Numbers of soups, and the names of the gaps that were expected of them."""
    return [(int(name.rsplit(" ", 1)[1]), name) for name in found.reported]


def test_expected_gaps_is_the_posterior_mean() -> None:
    """At one point of the grid, by the ridge regression that the equations say, with a column for the optimism."""
    rng = np.random.default_rng(0)
    features, gaps, errors = rng.uniform(size=(9, 2)), rng.normal(size=4), rng.uniform(0.5, 1, size=4)
    seen, unit = np.array([0, 3, 4, 7]), np.sqrt(np.square(errors).mean())
    width, misfit, optimism = 2.0, 0.5, 3.0
    noise = np.diag(1 / (np.square(errors) + (misfit * unit) ** 2))
    design = np.column_stack([features[seen], np.ones(4)])
    precision = design.T @ noise @ design + np.diag(np.square(unit * np.array([width, width, optimism])) ** -1.0)
    beta = np.linalg.solve(precision, design.T @ noise @ gaps)
    expected = expected_gaps(features, seen, gaps, errors, ((width,), (misfit,), (optimism,)))
    np.testing.assert_allclose(expected, features @ beta[:2], rtol=1e-9)


def test_no_dispersion_no_gap_and_no_noise_no_failure() -> None:
    features = scale(np.array([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0]]))
    np.testing.assert_allclose(features[:, 0].mean(), 1.0)
    expected = expected_gaps(features, np.array([1, 2]), np.array([-1.0, -3.0]), np.zeros(2))
    assert expected[0] == 0
    np.testing.assert_allclose(expected[1:], [-1, -3], rtol=0.05)
    assert not expected_gaps(features, np.array([1]), np.zeros(1), np.zeros(1)).any()


@pytest.mark.parametrize("metric", ["accuracy", "balanced-accuracy", "nll", "macro-f1"])
def test_the_paired_error_is_the_spread_over_samples(metric: str) -> None:
    """Against draws of fresh samples, for two networks that err on much the same ones."""
    rng, m = np.random.default_rng(0), 400
    one = get_metric(metric)

    def draw() -> tuple[float, float]:
        labels = rng.integers(3, size=m)
        signal = np.eye(3)[labels] * 1.5 + rng.normal(size=(m, 3))
        ours, theirs = (one.measure(signal + 0.3 * rng.normal(size=(m, 3)), labels) for _ in range(2))
        return one.value_of(ours, labels) - one.value_of(theirs, labels), paired_error(one, ours, theirs, labels)

    differences, errors = np.array([draw() for _ in range(12 if metric == "macro-f1" else 60)]).T
    assert 0.7 < np.median(errors) / differences.std() < 1.4


def run(pool: radin.Pool, folder: Path, soups: int, calibrate: bool, **settings) -> radin.Result:
    how = {"budget": radin.Budget(soups=soups, candidates=50), "baselines": (), "seed": 3}
    return radin.make_soup(pool, task(**settings), searcher="monte-carlo", run_dir=folder, calibrate=calibrate, **how)


def test_with_one_soup_it_is_the_plain_surrogate(checkpoints: list[Path], tmp_path: Path) -> None:
    pool = radin.Pool(checkpoints)
    one, other = (run(pool, tmp_path / str(on), 1, on) for on in (True, False))
    assert [entry.to_json() for entry in one.leaderboard] == [entry.to_json() for entry in other.leaderboard]
    three = run(pool, tmp_path / "True", 3, True)
    assert three.verified[0] == one.verified[0]
    assert three.spent.soups == 3


@pytest.mark.parametrize("metric", ["accuracy", "nll"])
def test_it_goes_on_where_it_was_cut_off(tmp_path: Path, metric: str) -> None:
    """The third soup fails once; what follows is what an undisturbed run does."""
    pool = radin.Pool(make_pool(tmp_path / "pool", 6))
    calm = run(pool, tmp_path / "calm", 5, True, metric=metric)
    calls = []

    def forward(network, x):
        calls.append(len(x))
        if len(calls) == 4 + 6 + 2 + 1:
            raise OSError("pulled the plug")
        return network(x)

    settings = {"metric": metric, "forward": forward, "batch_size": 300, "source": "same"}
    with pytest.raises(radin.RadinError, match="pulled the plug"):
        run(pool, tmp_path / "run", 5, True, **settings)
    resumed = run(pool, tmp_path / "run", 5, True, **settings)
    assert [one.to_json() for one in resumed.verified] == [one.to_json() for one in calm.verified]
    assert resumed.spent.soups == 5
    assert resumed.spent.lost == 1
    # Proof, passes, soups, the one that failed, the check on restart, the rest, and held-back rows of what is compared.
    compared = {resumed.best.recipe, resumed.best_ingredient.recipe}
    assert len(calls) == 4 + 6 + 2 + 1 + 1 + 3 + len(compared)


def test_the_soups_of_a_round_are_chosen_before_any_of_them_is_known() -> None:
    rounds = []

    class Recording(Synthetic):
        at_once = 3

        def __call__(self, weights: np.ndarray, /) -> np.ndarray:
            rounds.append(weights)
            return super().__call__(weights)

    soups = Recording(slope=-0.05)
    found = radin.search(soups.searcher(at_once=3), soups, radin.Budget(soups=6), top=6)
    listed = np.array([np.asarray(one.recipe.weights) > 0 for one in soups.shortlist])
    first, second = rounds
    assert len(foretold(found)) == 3  # those of the second round
    np.testing.assert_array_equal(first, listed[:3])  # nothing was learnt yet
    assert not (second[:, None] == first[None]).all(axis=2).any()  # none twice
    learnt, plain = (soups.gram.dispersion(rows).mean() for rows in (second, listed[3:6]))
    assert learnt < plain  # three gaps have taught that dispersion costs


def test_a_round_may_hold_subsets_and_mixtures() -> None:
    even, odd = Recipe(NAMES[:3], (0.5, 0.5, 0.0)), Recipe(NAMES[:3], (0.5, 0.3, 0.2))
    assert as_rows([even, even]).dtype == np.bool_
    np.testing.assert_array_equal(as_rows([even, odd]), [even.weights, odd.weights])
