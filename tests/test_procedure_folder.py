"""The run folder of the procedure: what lies there, resumes, and is never lost."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.small import PROOF, SAMPLES, compared, make_pool, task

import radin
from radin.errors import DataError, InputError, RunDirError


@pytest.fixture
def pool(checkpoints: list[Path]) -> radin.Pool:
    return radin.Pool(checkpoints)


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


@pytest.mark.parametrize("given", ["files", "folder", "folders of runs"])
def test_the_folder_of_the_ingredients_is_no_run_folder(checkpoints: list[Path], tmp_path: Path, given: str) -> None:
    """Its soup would be one of them in the next run."""
    places = {"folders of runs": [f"{path.stem}/model.safetensors" for path in checkpoints]}
    for path, place in zip(checkpoints, places.get(given, [path.name for path in checkpoints]), strict=True):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_bytes(path.read_bytes())
    pool = radin.Pool(sorted(tmp_path.iterdir()) if given == "files" else tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=r"is the folder of the ingredients, .* choose another run folder"):
        radin.make_soup(pool, task(), run_dir=tmp_path)
    assert sorted(tmp_path.rglob("*")) == before
    radin.make_soup(pool, task(), run_dir=tmp_path / "radin-run")
    assert radin.Pool(tmp_path).names == pool.names


def test_a_larger_b_goes_on_from_a_smaller_one(pool: radin.Pool, tmp_path: Path) -> None:
    radin.make_soup(pool, task(), budget=radin.Budget(soups=1), run_dir=tmp_path)
    result = radin.make_soup(pool, task(), budget=radin.Budget(soups=3), run_dir=tmp_path)
    assert result.spent.soups == 3
    with radin.Ledger(tmp_path / "ledger.db") as ledger:
        assert ledger.count("soup") == 3


@pytest.mark.pictured
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
