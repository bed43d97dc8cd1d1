"""The whole procedure on a small real pool: what it finds, what it spends, what it says."""

import json
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.small import HELD, PROOF, SAMPLES, SELECTING, clouds, compared, make_pool, plain_value, task
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import radin
from radin.errors import InputError, PluginError, UnknownSearcherError
from radin.searching.problem import Problem, Proposals


@pytest.fixture
def pool(checkpoints: list[Path]) -> radin.Pool:
    return radin.Pool(checkpoints)


def test_the_soup_reproduces_its_score_in_a_plain_network(pool: radin.Pool, tmp_path: Path) -> None:
    one = task()
    result = radin.make_soup(pool, one, run_dir=tmp_path / "run")
    saved = result.save(tmp_path / "elsewhere" / "soup.safetensors")
    for file in (tmp_path / "run" / "soup.safetensors", saved):
        assert plain_value(file, one.split[0]) == result.best.score
        assert plain_value(file, one.split[1]) == result.report.winner.value
    with safe_open(saved, "pt") as opened:
        assert json.loads(opened.metadata()["radin.recipe"]) == result.best.recipe.to_json()


def test_the_ledger_counts_what_was_run(pool: radin.Pool, tmp_path: Path) -> None:
    batches = []

    def forward(network: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        batches.append(len(x))
        return network(x)

    one = task(forward=forward, batch_size=SAMPLES)
    settings = {"searcher": "monte-carlo", "budget": radin.Budget(soups=3, candidates=20), "run_dir": tmp_path / "run"}
    result = radin.make_soup(pool, one, **settings)
    # Five passes, three soups and a baseline on the selecting rows; what is compared on the others, after the choice.
    expected = [SAMPLES] * PROOF + [SELECTING] * (5 + 3 + 1) + [HELD] * compared(result)
    assert batches == expected
    assert (result.spent.passes, result.spent.soups, result.spent.candidates) == (5, 3, 20)
    again = radin.make_soup(pool, one, **settings)
    assert batches[:-1] == expected  # and the first batch of one ingredient, to see that nothing changed
    assert [entry.to_json() for entry in again.leaderboard] == [entry.to_json() for entry in result.leaderboard]
    with radin.Ledger(tmp_path / "run" / "ledger.db") as ledger:
        assert (ledger.count("pass"), ledger.count("soup"), ledger.count("pass", "lost")) == (5, 3, 0)
        assert [(row["unit"], row["charged"]) for row in ledger.searches()] == [("candidate", 20), ("soup", 3)]


def test_with_budget_for_everything_the_best_subset_wins(pool: radin.Pool, tmp_path: Path) -> None:
    budget = radin.Budget(soups=26, candidates=2000)
    settings = {"searcher": "monte-carlo", "criterion": "metric", "budget": budget}
    result = radin.make_soup(pool, task(), **settings, run_dir=tmp_path / "run")
    assert result.spent.soups == 25  # all subsets of two or more but the uniform one, which is the baseline
    with radin.Verifier(pool, task(), tmp_path / "run") as verifier:
        scores = [
            verifier.score(radin.Recipe.subset(pool.names, list(members)))
            for size in range(1, 6)
            for members in combinations(range(5), size)
        ]
    assert result.best.score == max(scores)


def test_when_no_soup_wins_it_is_said(tmp_path: Path) -> None:
    """Twelve networks that differ in the order of their hidden units alone: one function, but no average."""
    (first,) = make_pool(tmp_path / "pool", 1)
    weights = load_file(first)
    for shift in range(1, 12):
        turned = {
            "layers.0.weight": weights["layers.0.weight"].roll(shift, 0),
            "layers.0.bias": weights["layers.0.bias"].roll(shift, 0),
            "layers.3.weight": weights["layers.3.weight"].roll(shift, 1),
            "layers.3.bias": weights["layers.3.bias"],
        }
        save_file(turned, tmp_path / "pool" / f"turned{shift}.safetensors")

    def everything(problem: Problem) -> Proposals:
        """All ingredients at once."""
        yield np.ones((1, problem.n), dtype=bool)

    pool = radin.Pool(str(tmp_path / "pool" / "*"))
    result = radin.make_soup(pool, task(), searcher=everything, run_dir=tmp_path / "run")
    assert not result.soup_won
    assert result.report.p_value is None
    assert result.verdict.startswith("No soup won")
    assert "in weight space" in result.verdict
    assert plain_value(tmp_path / "run" / "soup.safetensors", task().split[0]) == result.best_ingredient.score


def test_a_pool_of_one(checkpoints: list[Path], tmp_path: Path) -> None:
    result = radin.make_soup(radin.Pool(checkpoints[:1]), task(), run_dir=tmp_path / "run")
    assert result.best.recipe.size == 1
    assert result.verified == []
    assert "No soup was verified" in result.verdict
    assert result.surrogate_gap is None
    soup, ingredient = load_file(tmp_path / "run" / "soup.safetensors"), load_file(checkpoints[0])
    assert all(torch.equal(soup[name], ingredient[name]) for name in ingredient)


def test_a_search_that_lists_fewer_soups_than_may_be_verified_is_named(pool: radin.Pool, tmp_path: Path) -> None:
    def two(problem: Problem) -> Proposals:
        """Two recipes, and no more."""
        yield np.eye(problem.n, dtype=bool)[[0, 1]] | np.eye(problem.n, dtype=bool)[2]

    def said(searcher: object, **budget: int) -> list[str]:
        result = radin.make_soup(
            pool, task(), searcher=searcher, budget=radin.Budget(**budget), run_dir=tmp_path / "run"
        )
        assert list(result.warnings) == result.to_json()["warnings"]
        return [text for text in result.warnings if text.startswith("Only ")]

    (finished,) = said(two, soups=4)
    assert finished.startswith("Only 2 of the 4 soups that the budget allows could be verified: two proposed no more;")
    (capped,) = said("monte-carlo", soups=4, candidates=3)
    assert capped.endswith("verified: 3 candidates held no more; allow monte-carlo more of them.")
    assert said(two, soups=2) == []
    assert said("monte-carlo", soups=30, candidates=2000) == []  # there are 26


def test_the_gap_is_real_minus_promised(pool: radin.Pool, tmp_path: Path) -> None:
    result = radin.make_soup(pool, task(), run_dir=tmp_path / "run")
    bank = radin.LogitBank.from_folder(tmp_path / "run" / "logits")
    surrogate = radin.Surrogate(bank)
    for soup in result.verified:
        assert soup.ensemble == surrogate(soup.recipe.row[None])[0]
        assert soup.gap == soup.score - soup.ensemble
    assert f"over {len(result.verified)} verified" in (result.surrogate_gap or "")


def test_the_report_says_which_data_it_speaks_of(pool: radin.Pool, tmp_path: Path) -> None:
    held = radin.make_soup(pool, task(), run_dir=tmp_path / "a").report
    assert (held.data, held.n_samples) == ("held-back", 60)
    assert "60 samples are few" in held.remarks[0]
    tested = radin.make_soup(pool, task(test=clouds(600, 5)), run_dir=tmp_path / "b").report
    assert (tested.data, tested.n_samples, tested.remarks) == ("test", 600, [])
    selected = radin.make_soup(pool, task(holdback=0.0), run_dir=tmp_path / "c").report
    assert selected.data == "selection"
    assert "selected the winner" in selected.remarks[0]


def test_a_searcher_of_ones_own_needs_no_plugin(pool: radin.Pool, tmp_path: Path) -> None:
    def everything(problem: Problem) -> Proposals:
        """All ingredients at once."""
        yield np.ones((1, problem.n), dtype=bool)

    result = radin.make_soup(pool, task(), searcher=everything, run_dir=tmp_path, baselines=())
    assert [soup.recipe.size for soup in result.verified] == [5]


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"searcher": "gredy"}, UnknownSearcherError, "greedy"),
        ({"searcher": "greedy", "options": {"acept": "ties"}}, PluginError, "accept"),
        ({"searcher": "greedy", "options": {"accept": "maybe"}}, PluginError, "accept"),
        ({"lam": -1.0}, InputError, "λ|lam"),
        ({"lam": float("nan")}, InputError, "λ|lam"),
        ({"budget": radin.Budget(soups=None)}, InputError, "number of soups"),
    ],
)
def test_wrong_settings_cost_nothing(
    pool: radin.Pool, tmp_path: Path, settings: dict, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        radin.make_soup(pool, task(), run_dir=tmp_path / "run", **settings)
    assert not (tmp_path / "run").exists()


NUMPYS = """
import sys
import numpy as np
import radin
from helpers.small import task
pool, run = radin.Pool(sys.argv[2:]), sys.argv[1]
for whole, real in (int, float), (np.int64, np.float32):
    one = task(split_seed=whole(1), holdback=real(0.25))
    budget = radin.Budget(candidates=whole(30), soups=whole(2))
    result = radin.make_soup(pool, one, budget=budget, lam=real(0.5), seed=whole(3), run_dir=run)
    print(result.settings, result.spent.passes, [str(entry.recipe) for entry in result.leaderboard])
"""


def test_numbers_of_numpy_are_as_good_as_any(checkpoints: list[Path], tmp_path: Path) -> None:
    """In a process without type checks, which would refuse them."""
    call = [sys.executable, "-c", NUMPYS, str(tmp_path / "run"), *map(str, checkpoints)]
    run = subprocess.run(call, check=False, capture_output=True, text=True, cwd=Path(__file__).parent)
    assert run.returncode == 0, run.stderr
    plain, numpys = run.stdout.splitlines()
    assert plain == numpys
