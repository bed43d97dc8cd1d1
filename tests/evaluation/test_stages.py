"""Collecting by racing: rows are run once, survivors end as if they had run in full, and all rows are charged."""

import json
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.processes import options, when_written, while_writing
from helpers.small import Network, clouds, task
from helpers.unequal import SAMPLES, make_unequal_pool
from safetensors.torch import load_file
from torch.utils.data import DataLoader, TensorDataset, default_collate

import radin
from benchmarks.faults.nursery import Nursery
from radin.errors import TaskError
from radin.evaluation.stages import against_race

RULE = radin.RaceSettings(stages=(0.1, 0.3), first_rows=60, z=3.0)
SELECTING = SAMPLES * 4 // 5
FIRST, SECOND = SELECTING // 10, SELECTING * 3 // 10


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Six checkpoints, of which run1 and run4 are hopeless."""
    return make_unequal_pool(tmp_path_factory.mktemp("unequal"))


def bill(verifier: radin.Verifier) -> int:
    """Rows that ingredients were charged with."""
    return verifier.ledger.rows("pass") + verifier.ledger.rows("stage")


def race(paths: list[Path], run: Path, rule: radin.RaceSettings = RULE, **settings) -> radin.Verifier:
    return radin.Verifier(radin.Pool(paths), task(SAMPLES, **settings), run, race=rule)


def owed(verifier: radin.Verifier) -> int:
    """Rows of a race: all of those that ran in full, and those seen of the others."""
    return SELECTING * len(verifier.names) + sum(one.rows for one in verifier.dropped)


def test_the_hopeless_are_dropped_early_and_every_row_is_charged_once(paths: list[Path], tmp_path: Path) -> None:
    with race(paths, tmp_path / "run") as verifier:
        assert verifier.names == ("run0", "run2", "run3", "run5")
        assert [(one.name, one.rows) for one in verifier.dropped] == [("run1", FIRST), ("run4", FIRST)]
        assert all("none of 16 stepwise selections" in one.why for one in verifier.dropped)
        assert bill(verifier) == owed(verifier) == 4 * SELECTING + 2 * FIRST
        assert (verifier.ledger.count("pass"), verifier.ledger.count("stage")) == (4, 6 + 4)
        assert verifier.common.names == tuple(path.stem for path in paths)
        assert verifier.common.n_samples == FIRST
        raced = {name: verifier.all_rows.read(i, 0, SAMPLES) for i, name in enumerate(verifier.names)}
    with race(paths, tmp_path / "run") as again:
        assert bill(again) == owed(again)
        assert again.names == verifier.names
        assert again.dropped == verifier.dropped
    with radin.Verifier(radin.Pool(paths), task(SAMPLES), tmp_path / "full") as full:
        for name, logits in raced.items():  # other batches, so equal to rounding only
            np.testing.assert_allclose(logits, full.all_rows.read(full.names.index(name), 0, SAMPLES), atol=1e-5)
        first = full.bank.labels
        assert full.dropped == ()
        assert np.array_equal(verifier.bank.labels, first)


def test_without_a_race_the_dropped_are_completed_and_no_row_is_run_twice(paths: list[Path], tmp_path: Path) -> None:
    with race(paths, tmp_path / "run"):
        pass
    with radin.Verifier(radin.Pool(paths), task(SAMPLES), tmp_path / "run") as verifier:
        assert len(verifier.names) == 6
        assert bill(verifier) == 6 * SELECTING
    with race(paths, tmp_path / "run") as verifier:  # decisions are taken anew over what is stored
        assert [one.name for one in verifier.dropped] == ["run1", "run4"]
        assert bill(verifier) == 6 * SELECTING


def test_other_settings_and_other_splits_use_the_rows_that_are_there(paths: list[Path], tmp_path: Path) -> None:
    with race(paths, tmp_path / "run") as verifier:
        before = bill(verifier)
    longer = radin.RaceSettings(stages=(0.2,), first_rows=60, z=3.0)
    with race(paths, tmp_path / "run", longer) as verifier:
        assert {one.rows for one in verifier.dropped} == {SELECTING // 5}
        assert bill(verifier) == before + 2 * (SELECTING // 5 - FIRST)
    with race(paths, tmp_path / "run", split_seed=1) as verifier:
        assert verifier.names == ("run0", "run2", "run3", "run5")
        new = SAMPLES - SELECTING  # rows of each that were held back before, at most
        assert bill(verifier) <= before + 2 * (SELECTING // 5) + 6 * new


def test_an_addition_costs_its_own_race_and_gives_the_answer_of_a_fresh_run(paths: list[Path], tmp_path: Path) -> None:
    with race(paths[:5], tmp_path / "run") as verifier:
        counts = dict.fromkeys(verifier.names, SELECTING) | {one.name: one.rows for one in verifier.dropped}
    with race(paths, tmp_path / "run") as grown, race(paths, tmp_path / "fresh") as fresh:
        assert (grown.names, grown.dropped) == (fresh.names, fresh.dropped)
        assert grown.scope == fresh.scope
        now = dict.fromkeys(grown.names, SELECTING) | {one.name: one.rows for one in grown.dropped}
        assert bill(grown) == sum(max(now[name], counts.get(name, 0)) for name in now)


def test_small_pools_and_data_without_an_order_run_in_full(paths: list[Path], tmp_path: Path) -> None:
    with race(paths[:3], tmp_path / "few") as verifier:
        assert len(verifier.names) == 3
        assert verifier.ledger.count("stage") == 0
    plain = task(SAMPLES)
    loader = DataLoader(TensorDataset(*plain.data), batch_size=64, collate_fn=lambda batch: default_collate(batch))
    loaded = radin.Task(plain.build_model, loader, source="loader")
    with radin.Verifier(radin.Pool(paths), loaded, tmp_path / "loader", race=RULE) as verifier:
        assert len(verifier.names) == 6
        assert verifier.ledger.count("stage") == 0
    assert "order" in against_race(loaded, 6, RULE)
    assert "ingredients" in against_race(plain, 3, RULE)
    assert against_race(task(50), 6, RULE) == (
        "40 selecting samples are too few for a race, which is first judged after 60 samples"
    )
    assert against_race(plain, 6, RULE) == ""


FEW = 700


def of_kind(name: str) -> radin.Task:
    """A task of another kind for the networks of these pools."""
    (x, y), rng = clouds(FEW * 3, seed=1), np.random.default_rng(0)
    if name == "groups":
        groups = rng.permutation(np.repeat(np.arange(FEW), rng.integers(1, 8, size=FEW))[:FEW])
        return radin.Task(Network, (x[:FEW], y[:FEW]), groups=groups)
    if name == "choices":
        present = y[:FEW] == 2  # all others have two choices; sorted, so that some batches have only such
        order = torch.argsort(present.int(), stable=True)
        inputs = torch.cat([x[:FEW], present[:, None].float()], dim=1)[order]
        return radin.Task(Network, (inputs, y[:FEW][order]), outputs="choices", forward=two_or_three, batch_size=64)
    many, labels = x.reshape(FEW, 3, -1), y.reshape(FEW, 3).clone()
    labels[::5, 2] = -100
    more = {"alternatives": 1} if name == "tokens" else {}
    return radin.Task(Network, (many, labels), outputs=name, **more)


def two_or_three(network: torch.nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """Scores of three choices, of which the last is absent from most samples; of two where it is from all."""
    scores, present = network(inputs[:, :-1]), inputs[:, -1] > 0
    scores = torch.cat([scores[:, :2], scores[:, 2:].masked_fill(~present[:, None], -torch.inf)], dim=1)
    return scores if present.any() else scores[:, :2]


@pytest.mark.parametrize("name", ["groups", "choices", "positions", "tokens"])
def test_other_kinds_race_and_a_race_that_was_cut_short_has_the_same_survivors(
    paths: list[Path], tmp_path: Path, name: str
) -> None:
    given, left = of_kind(name), [6]

    def forward(network: torch.nn.Module, inputs: torch.Tensor) -> torch.Tensor:
        left[0] -= 1
        if not left[0]:
            raise RuntimeError("power cut")
        return network(inputs) if given.forward is None else given.forward(network, inputs)

    def run(folder: str) -> tuple[radin.Verifier, int]:
        cut = replace(given, forward=forward, source="the same")
        with radin.Verifier(radin.Pool(paths), cut, tmp_path / folder, race=RULE) as verifier:
            return verifier, bill(verifier)

    with pytest.raises(TaskError, match="power cut"):
        run("cut")
    (resumed, rows), (calm, expected) = run("cut"), run("calm")
    assert rows == expected
    assert (resumed.names, resumed.dropped) == (calm.names, calm.dropped)
    assert {one.name for one in calm.dropped} >= {"run1", "run4"}
    selecting = len(given.split[0])
    assert expected == len(calm.names) * selecting + sum(one.rows for one in calm.dropped) < 6 * selecting
    with radin.Verifier(radin.Pool(paths), given, tmp_path / "full") as full:
        for name in calm.names:
            one, other = (each.bank.logits(each.names.index(name)) for each in (calm, full))
            np.testing.assert_allclose(one, other, atol=1e-4)


def test_a_plan_says_where_whole_groups_are_cut(paths: list[Path], tmp_path: Path) -> None:
    given = of_kind("groups")
    planned = radin.plan(radin.Pool(paths), given, run_dir=tmp_path / "run", race=RULE)
    assert planned.race.endswith(f"of {len(given.split[0])} samples, whole groups")
    assert planned.least_passes < planned.most_passes == 6
    (x, y), few = clouds(FEW, seed=1), np.arange(FEW) % 15
    large = radin.Task(Network, (x, y), groups=few)
    assert "of 12 groups are too few for a race" in against_race(large, 6, RULE)


def test_a_network_that_changed_unseen_is_noticed_after_the_first_stage(paths: list[Path], tmp_path: Path) -> None:
    shift = [0.0]

    def forward(network: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        if shift[0] < 0:
            raise RuntimeError("stop")
        return network(x) + shift[0] * torch.arange(3)

    def run() -> None:
        with race(paths, tmp_path / "run", forward=forward, source="code"):
            pass

    with race(paths, tmp_path / "run", forward=forward, source="code"):
        pass
    for file in (tmp_path / "run" / "logits").glob("run*.npy"):
        file.unlink()
    shift[0] = 1.0
    with pytest.raises(radin.errors.DataError, match="differ by"):
        run()


def test_the_soup_is_of_survivors_and_the_dropped_are_listed_apart(paths: list[Path], tmp_path: Path) -> None:
    result = radin.make_soup(radin.Pool(paths), task(SAMPLES), run_dir=tmp_path / "run", race=RULE)
    assert [one.name for one in result.dropped] == ["run1", "run4"]
    (uniform,) = (one.soup for one in result.baselines)
    assert uniform is not None
    others = [entry.recipe for entry in result.leaderboard if entry.recipe != uniform.recipe]
    assert {name for recipe in others for name in recipe.member_names} == {"run0", "run2", "run3", "run5"}
    assert result.spent.passes == 4
    assert result.spent.passes_worth == 4 + 2 * FIRST / SELECTING
    compared = {result.best.recipe, result.best_ingredient.recipe, uniform.recipe}
    assert result.spent.held_back_rows == len(compared) * (SAMPLES - SELECTING)
    written = json.loads((tmp_path / "run" / "leaderboard.json").read_text())
    assert [(one["name"], one["rows"]) for one in written["dropped"]] == [("run1", FIRST), ("run4", FIRST)]
    bank = radin.LogitBank.from_folder(tmp_path / "run" / "logits")
    assert bank.names == ("run0", "run2", "run3", "run5")
    full = radin.make_soup(radin.Pool(paths), task(SAMPLES), run_dir=tmp_path / "full", race=False)
    assert full.best.recipe.to_json() == result.best.recipe.to_json()
    assert full.best.value == result.best.value
    assert full.dropped == ()
    assert full.spent.passes_worth == 6


def test_soups_of_survivors_are_the_same_soups_with_their_own_batchnorm_statistics(tmp_path: Path) -> None:
    pool, one = radin.Pool(make_unequal_pool(tmp_path / "pool", batchnorm=True)), task(SAMPLES, batchnorm=True)
    raced = radin.make_soup(pool, one, run_dir=tmp_path / "raced", race=RULE)
    assert [one.name for one in raced.dropped] == ["run1", "run4"]
    with radin.Verifier(pool, one, tmp_path / "full") as full:
        for soup in raced.verified:
            recipe = radin.Recipe.of(full.names, soup.recipe.to_json())
            assert full.score(recipe) == soup.score
            mine, its = full.recomputed(recipe), dict(load_file(tmp_path / "raced" / "soup.safetensors"))
            if soup == raced.best:
                for name, values in mine.items():
                    np.testing.assert_array_equal(values, its[name].numpy())


def test_a_diagnosis_after_a_race_runs_nothing_and_compares_on_common_rows(paths: list[Path], tmp_path: Path) -> None:
    pool, one = radin.Pool(paths), task(SAMPLES)
    radin.make_soup(pool, one, run_dir=tmp_path / "run", race=RULE)
    with radin.Ledger(tmp_path / "run" / "ledger.db") as ledger:
        before = ledger.rows("pass"), ledger.rows("stage")
    found = radin.diagnose(pool, one, run_dir=tmp_path / "run")
    with radin.Ledger(tmp_path / "run" / "ledger.db") as ledger:
        assert (ledger.rows("pass"), ledger.rows("stage")) == before
    assert found.values is not None
    assert len(found.values) == 6
    assert any("run1 and run4" in note and f"{FIRST}" in note for note in found.notes)
    assert len(found.verified) == len(found.to_json()["soups"]) > 0
    for soup in found.verified:  # of those that ran in full, and seen among all
        assert found.dispersion(soup) > 0


def test_a_plan_gives_the_range_and_counts_what_is_stored(paths: list[Path], tmp_path: Path) -> None:
    pool, one = radin.Pool(paths), task(SAMPLES)
    planned = radin.plan(pool, one, run_dir=tmp_path / "run", race=RULE)
    assert (planned.least_passes, planned.most_passes) == (pytest.approx((5 * FIRST + SELECTING) / SELECTING), 6)
    assert f"{FIRST} and {SECOND} of {SELECTING:,}" in planned.race
    radin.make_soup(pool, one, run_dir=tmp_path / "run", race=RULE)
    assert radin.plan(pool, one, run_dir=tmp_path / "run", race=RULE).is_done
    again = radin.plan(pool, one, run_dir=tmp_path / "run", race=RULE, seed=1)  # the race does not depend on it
    assert (again.passes, again.least_passes, again.most_passes, again.is_done) == (0, 0, 0, False)
    later = radin.plan(pool, one, run_dir=tmp_path / "run", race=replace(RULE, stages=(0.2, 0.3)))
    assert (later.passes, later.least_passes < later.most_passes) == (2, True)
    assert later.most_passes == pytest.approx(2 * (SELECTING - FIRST) / SELECTING)
    in_full = radin.plan(pool, one, run_dir=tmp_path / "other", race=False)
    assert (in_full.least_passes, in_full.most_passes, in_full.race) == (6, 6, "")
    assert "in full" in radin.plan(radin.Pool(paths[:3]), one, run_dir=tmp_path / "few", race=RULE).race


def test_killed_at_several_moments_it_has_the_same_survivors_and_the_same_soup(
    nursery: Nursery, paths: list[Path], tmp_path: Path
) -> None:
    run, calm = tmp_path / "run", tmp_path / "calm"
    moments = [  # in the first stage, after the last, in a soup
        while_writing("partial/run2*.npy"),
        when_written("logits/run3.npy"),
        when_written("soups/soup-*.npy"),
    ]
    more = ("--task-arg", f"samples={SAMPLES}", "--race")
    for moment in moments:
        assert nursery.radin(*options(paths, run, *more), stop=moment).status == -signal.SIGKILL
    resumed, expected = (json.loads(nursery.radin(*options(paths, one, *more)).output) for one in (run, calm))
    assert expected["dropped"]
    for part in ("best", "leaderboard", "verified", "report", "settings", "dropped"):
        assert resumed[part] == expected[part]
    assert (run / "soup.safetensors").read_bytes() == (calm / "soup.safetensors").read_bytes()
    for part in ("passes", "passes_worth", "held_back_rows", "soups"):
        assert resumed["spent"][part] == expected["spent"][part]
    assert resumed["spent"]["lost"] == len(moments)
    assert expected["spent"]["lost"] == 0
