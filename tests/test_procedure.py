"""The whole procedure on a small real pool: what it finds, what it spends, what it says."""

import json
import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.small import SAMPLES, Network, clouds, make_pool, task
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import radin
from radin.errors import DataError, InputError, PluginError, RunDirError, UnknownSearcherError
from radin.report.verified_soup import DIGITS
from radin.scoring.criterion import criterion_of
from radin.scoring.criterion_default import CRITERIA
from radin.searching.problem import Problem, Proposals

#: Batches that prove, once for a task's code, that filling a network in place is loading it.
PROOF = 4


#: Rows that select and rows that are held back, of the task of `helpers.small`.
SELECTING, HELD = (len(rows) for rows in task().split)


def compared(result: radin.Result) -> int:
    """Networks that are run on held-back rows: the winner, the best ingredient and the uniform soup."""
    shown = [one.soup.recipe for one in result.baselines if one.soup is not None]
    return len({result.best.recipe, result.best_ingredient.recipe, *shown})


@pytest.fixture
def pool(checkpoints: list[Path]) -> radin.Pool:
    return radin.Pool(checkpoints)


def plain_value(file: Path, rows: np.ndarray) -> float:
    """Accuracy of the file in a plain network, without radin."""
    network = Network()
    network.load_state_dict(load_file(file))
    x, y = clouds(SAMPLES, 1)
    with torch.inference_mode():
        return float((network(x[rows]).argmax(1) == y[rows]).double().mean())


def test_the_soup_reproduces_its_score_in_a_plain_network(pool: radin.Pool, tmp_path: Path) -> None:
    one = task()
    result = radin.make_soup(pool, one, run_dir=tmp_path / "run")
    saved = result.save(tmp_path / "elsewhere" / "soup.safetensors")
    for file in (tmp_path / "run" / "soup.safetensors", saved):
        assert plain_value(file, one.split[0]) == result.best.score
        assert plain_value(file, one.split[1]) == result.report.winner.value
    with safe_open(saved, "pt") as opened:
        assert json.loads(opened.metadata()["radin.recipe"]) == result.best.recipe.to_json()


def test_a_soup_that_was_replaced_is_not_saved_as_if_it_stood(pool: radin.Pool, tmp_path: Path) -> None:
    first = radin.make_soup(pool, task(), run_dir=tmp_path / "run")
    part = radin.Pool(pool.paths[:2])
    second = radin.make_soup(part, task(), run_dir=tmp_path / "run")
    assert first.best.recipe != second.best.recipe
    with pytest.raises(RunDirError, match="is another soup by now"):
        first.save(tmp_path / "soup.safetensors")
    assert not (tmp_path / "soup.safetensors").exists()
    assert second.save(tmp_path / "soup.safetensors").exists()
    again = radin.make_soup(pool, task(), run_dir=tmp_path / "run")
    assert first.save(tmp_path / "soup.safetensors").read_bytes() == (again.run_dir / "soup.safetensors").read_bytes()


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


@pytest.mark.parametrize("metric", ["accuracy", "balanced-accuracy", "nll"])
def test_never_worse_than_the_best_ingredient(pool: radin.Pool, tmp_path: Path, metric: str) -> None:
    settings = {"criterion": "metric", "budget": radin.Budget(soups=2), "run_dir": tmp_path / "run"}
    result = radin.make_soup(pool, task(metric=metric), **settings)
    sign = -1 if metric == "nll" else 1
    with radin.Verifier(pool, task(metric=metric), tmp_path / "run") as verifier:
        assert result.best.score >= verifier.solo.max()
        assert result.best_ingredient.score == verifier.solo.max()
    assert result.best.value == sign * result.best.score
    assert result.report.winner.low <= result.report.winner.value <= result.report.winner.high
    assert result.metric in result.verdict


@pytest.mark.parametrize("criterion", ["likelihood", "tempered"])
def test_the_winner_is_never_worse_by_the_criterion(pool: radin.Pool, tmp_path: Path, criterion: str) -> None:
    settings = {"criterion": criterion, "budget": radin.Budget(soups=3), "run_dir": tmp_path / "run"}
    result = radin.make_soup(pool, task(), **settings)
    judge = criterion_of(criterion, task().scored_by)
    with radin.Verifier(pool, task(), tmp_path / "run") as verifier:
        by = {
            one.recipe: round(judge.score(verifier.selection_logits(one.recipe), verifier.bank.labels), DIGITS)
            for one in result.leaderboard
        }
        right = {one: verifier.score(one) for one in by}
    assert [one.recipe for one in result.leaderboard] == sorted(by, key=lambda one: (by[one], right[one]), reverse=True)
    assert [one.deciding for one in result.leaderboard] == [by[one.recipe] for one in result.leaderboard]
    assert [one.value for one in result.leaderboard] == [right[one.recipe] for one in result.leaderboard]
    assert result.best_ingredient.score == max(right[one] for one in by if one.size == 1)
    assert (result.criterion, result.settings["criterion"], result.metric) == (criterion, criterion, "accuracy")
    assert CRITERIA[criterion] in result.verdict
    document = json.loads((tmp_path / "run" / "leaderboard.json").read_text())
    assert (document["criterion"], document["best"]["criterion"]) == (criterion, by[result.best.recipe])
    again = radin.make_soup(pool, task(), **settings)
    assert again.spent.soups == 3  # nothing is charged twice
    assert again.to_json()["leaderboard"] == result.to_json()["leaderboard"]


def test_a_metric_without_a_smooth_relative_is_its_own_criterion(pool: radin.Pool, tmp_path: Path) -> None:
    result = radin.make_soup(pool, task(metric="nll"), criterion="tempered", run_dir=tmp_path / "run")
    assert result.criterion == "metric"
    assert "criterion" not in result.settings | result.best.to_json()
    assert result.best.score == max(one.score for one in result.leaderboard)


def test_an_unknown_criterion_is_refused_before_anything_is_run(pool: radin.Pool, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown criterion 'luck'"):
        radin.make_soup(pool, task(), criterion="luck", run_dir=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_metric_of_ones_own(pool: radin.Pool, tmp_path: Path) -> None:
    def confidence(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
        shifted = np.exp(logits - logits.max(1, keepdims=True))
        return (shifted / shifted.sum(1, keepdims=True))[np.arange(len(labels)), labels]

    result = radin.make_soup(pool, task(metric=confidence), run_dir=tmp_path / "run")
    assert result.metric == "confidence"
    assert result.report.test == "paired permutation test"
    assert 0 < result.best.score < 1


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


def test_a_larger_b_goes_on_from_a_smaller_one(pool: radin.Pool, tmp_path: Path) -> None:
    radin.make_soup(pool, task(), budget=radin.Budget(soups=1), run_dir=tmp_path)
    result = radin.make_soup(pool, task(), budget=radin.Budget(soups=3), run_dir=tmp_path)
    assert result.spent.soups == 3
    with radin.Ledger(tmp_path / "ledger.db") as ledger:
        assert ledger.count("soup") == 3


def test_the_run_folder_holds_what_it_should(pool: radin.Pool, tmp_path: Path) -> None:
    result = radin.make_soup(pool, task(), run_dir=tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    folders, pictures = {"logits", "soups", "grams", "partial"}, {"soups.png"}
    assert (
        names == {"ledger.db", "soup.safetensors", "leaderboard.json", "README.md", "report.html"} | folders | pictures
    )
    written = json.loads((tmp_path / "leaderboard.json").read_text())
    assert written == json.loads(json.dumps(result.to_json()))
    assert (tmp_path / "soups.png").read_bytes().startswith(b"\x89PNG")


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


def test_no_ingredient_is_written_over(tmp_path: Path) -> None:
    paths = make_pool(tmp_path / "pool", 3)
    first = radin.make_soup(radin.Pool(paths), task(), run_dir=tmp_path / "run")
    before = paths[0].read_bytes()
    with pytest.raises(InputError, match="belongs to one of the ingredients"):
        first.save(paths[0])
    assert paths[0].read_bytes() == before
    more = radin.Pool([*paths, tmp_path / "run" / "soup.safetensors"])
    with pytest.raises(InputError, match="belongs to one of the ingredients"):
        radin.make_soup(more, task(), run_dir=tmp_path / "run")
    with radin.Ledger(tmp_path / "run" / "ledger.db") as ledger:
        assert ledger.count("pass") == 3
    with pytest.raises(radin.errors.IncompatibleError, match=r"is a soup that radin made of .* leave the soup out"):
        radin.make_soup(more, task(), run_dir=tmp_path / "another")


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


def test_what_was_evaluated_survives_an_error(pool: radin.Pool, tmp_path: Path) -> None:
    calls = []

    def forward(network: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        calls.append(len(x))
        return network(x) * (torch.nan if len(calls) == PROOF + 7 else 1)

    one = task(forward=forward, batch_size=SAMPLES)
    with pytest.raises(DataError, match="not finite"):
        radin.make_soup(pool, one, run_dir=tmp_path)
    result = radin.make_soup(pool, one, run_dir=tmp_path)
    assert (result.spent.passes, result.spent.soups, result.spent.lost) == (5, 4, 1)
    # The five passes and the first soup were not repeated; the baseline and held-back rows come after the soups.
    assert len(calls) == PROOF + 7 + 1 + 3 + 1 + compared(result)


def test_the_plan_comes_true(pool: radin.Pool, tmp_path: Path) -> None:
    one = task(test=clouds(40, 3))
    planned = radin.plan(pool, one, budget=radin.Budget(soups=2), run_dir=tmp_path / "run", baselines=())
    assert planned.seconds > 0
    assert not (tmp_path / "run").exists()
    assert (planned.passes, planned.soups, planned.samples, planned.test_passes) == (5, 2, SAMPLES, 2)
    radin.make_soup(pool, one, budget=radin.Budget(soups=2), run_dir=tmp_path / "run", baselines=())
    files = [file for file in (tmp_path / "run").glob("*/*.npy") if file.stem != "labels"]
    written = sum(np.load(file).nbytes for file in files) + pool.nbytes
    assert planned.disk_bytes == written
    before = (tmp_path / "run" / "ledger.db").read_bytes()
    assert radin.plan(pool, one, budget=radin.Budget(soups=2), run_dir=tmp_path / "run").passes == 0
    with pytest.raises(RunDirError, match="made with other inputs: the data differs"):
        radin.plan(pool, task(samples=200), budget=radin.Budget(soups=2), run_dir=tmp_path / "run")
    assert (tmp_path / "run" / "ledger.db").read_bytes() == before


def test_a_plan_counts_baselines_and_what_is_run_after_the_choice(pool: radin.Pool, tmp_path: Path) -> None:
    planned = radin.plan(pool, task(), run_dir=tmp_path / "run")
    assert (planned.samples, planned.held_back, planned.baselines, planned.tested) == (SELECTING, HELD, 1, 3)
    rows = (5 + 4 + 1) * SELECTING + 3 * HELD
    rest = pool.nbytes + 5**2 * 3 * 8
    assert planned.disk_bytes - rest == rows * planned.classes * 4
    planned = radin.plan(pool, task(), run_dir=tmp_path / "run", baselines=("uniform", "greedy", "last-k"))
    assert (planned.baselines, planned.tested) == (1 + 4 + 4, 5)
    assert radin.plan(pool, task(test=clouds(9, 3)), run_dir=tmp_path / "run").held_back == 0


def test_a_plan_says_what_workers_would_take_without_starting_any(pool: radin.Pool, tmp_path: Path) -> None:
    cores = os.cpu_count() or 1
    planned = radin.plan(pool, task(), run_dir=tmp_path / "run", workers=radin.Workers(count=8, address="auto"))
    assert planned.workers == 8
    assert planned.seconds_workers is not None and planned.seconds_workers > 0
    rows = (5 + 4 + 1) * SELECTING + 3 * HELD
    alone = radin.plan(pool, task(), run_dir=tmp_path / "run")
    assert (alone.workers, alone.seconds_workers) == (0, None)
    averaged = (4 + 1) * 5 / 2 * alone.seconds_fill
    assert alone.seconds == pytest.approx(5 * alone.seconds_fill + averaged + rows * alone.seconds_per_sample)
    here = radin.plan(pool, task(), run_dir=tmp_path / "run", workers="auto")
    assert here.workers == cores
    with pytest.raises(InputError, match="which a plan does not connect to"):
        radin.plan(pool, task(), run_dir=tmp_path / "run", workers=radin.Workers(address="auto"))


def test_a_metric_of_ones_own_may_have_any_name(pool: radin.Pool, tmp_path: Path) -> None:
    def accuracy(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return logits.argmax(1) == labels

    mine = radin.make_soup(pool, task(metric=accuracy), run_dir=tmp_path / "run")
    ours = radin.make_soup(pool, task(), criterion="metric", run_dir=tmp_path / "run")
    assert mine.best.score == ours.best.score
    assert mine.report.test == "paired permutation test"


def test_searches_in_one_folder_are_told_apart(pool: radin.Pool, tmp_path: Path) -> None:
    for seed in (0, 1):
        radin.make_soup(
            pool,
            task(),
            searcher="monte-carlo",
            seed=seed,
            budget=radin.Budget(candidates=2, soups=2),
            run_dir=tmp_path,
        )
    radin.make_soup(
        pool, task(split_seed=5), searcher="monte-carlo", budget=radin.Budget(candidates=2, soups=2), run_dir=tmp_path
    )
    with radin.Ledger(tmp_path / "ledger.db") as ledger:
        units = [row["unit"] for row in ledger.searches()]
    assert units.count("candidate") == 3
    assert units.count("soup") == 3


def test_a_soup_that_is_replaced_is_not_forgotten(pool: radin.Pool, tmp_path: Path) -> None:
    def uniform(problem: radin.Problem) -> radin.Proposals:
        """All of them."""
        yield np.ones((1, problem.n), dtype=bool)

    def make(searcher: object) -> radin.Result:
        return radin.make_soup(
            pool, task(metric="nll"), searcher=searcher, budget=radin.Budget(soups=1), run_dir=tmp_path, baselines=()
        )

    first = make("greedy")
    assert first.earlier == ()
    assert make("greedy").earlier == ()  # the same again replaces nothing
    second = make(uniform)
    assert second.best.recipe != first.best.recipe
    (earlier,) = json.loads((tmp_path / "leaderboard.json").read_text())["earlier"]
    assert earlier["recipe"] == first.best.recipe.to_json()
    assert (earlier["score"], earlier["settings"]["searcher"]) == (first.best.score, "greedy")
    third = make("greedy")
    assert third.spent.passes == len(pool)
    assert [one["recipe"] for one in third.earlier] == [second.best.recipe.to_json()]
