"""Logits in a run folder: selecting rows in one array, others in parts; earlier folders and splits lose no row."""

from pathlib import Path

import numpy as np
import pytest
from helpers.old_folders import as_written_by_0_1
from helpers.small import SAMPLES, task

import radin
from radin.common.array_folder import ArrayFolder
from radin.evaluation.known_rows import Part
from radin.evaluation.stored_logits import StoredLogits

LOGITS = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
EVEN, ODD, LOW = np.arange(0, 20, 2), np.arange(1, 20, 2), np.arange(10)


@pytest.fixture
def place(tmp_path: Path) -> ArrayFolder:
    return ArrayFolder(tmp_path / "logits")


def kept(tmp_path: Path, selecting: np.ndarray) -> StoredLogits:
    return StoredLogits(ArrayFolder(tmp_path / "partial"), 20, selecting)


def write(stored: StoredLogits, place: ArrayFolder) -> None:
    stored.keep_others(place, "a", "key")
    known = stored.known(place, "a", "key")
    rows = stored.selecting
    batches = iter([known.read(rows)]) if not len(known.missing(rows)) else iter([LOGITS[rows[:4]], LOGITS[rows[4:]]])
    stored.write(place, "a", "key", {"a": 1.0}, batches)


def test_an_array_holds_the_selecting_rows_in_the_order_of_the_data(place: ArrayFolder, tmp_path: Path) -> None:
    stored = kept(tmp_path, EVEN)
    write(stored, place)
    found = kept(tmp_path, EVEN).array(ArrayFolder(place.folder), "a", "key")
    np.testing.assert_array_equal(found, LOGITS[EVEN])
    known = kept(tmp_path, EVEN).known(ArrayFolder(place.folder), "a", "key")
    np.testing.assert_array_equal(known.missing(), ODD)
    assert len(stored.known(place, "a", "another").parts) == 0


def test_where_all_rows_select_keys_are_those_of_version_0_1(place: ArrayFolder, tmp_path: Path) -> None:
    stored = kept(tmp_path, np.arange(20))
    write(stored, place)
    assert stored.key("key") == "key"
    np.testing.assert_array_equal(place.get("a", "key"), LOGITS)


@pytest.mark.parametrize("before", [np.arange(20), LOW])
def test_another_split_keeps_the_rows_that_are_there(before: np.ndarray, place: ArrayFolder, tmp_path: Path) -> None:
    write(kept(tmp_path, before), place)
    write(kept(tmp_path, EVEN), place)
    known = kept(tmp_path, EVEN).known(place, "a", "key")
    everything = np.union1d(before, EVEN)
    np.testing.assert_array_equal(known.missing(), np.setdiff1d(np.arange(20), everything))
    np.testing.assert_array_equal(known.read(everything), LOGITS[everything])
    write(kept(tmp_path, before), place)  # and back
    np.testing.assert_array_equal(kept(tmp_path, before).array(place, "a", "key"), LOGITS[before])
    known = kept(tmp_path, before).known(place, "a", "key")
    np.testing.assert_array_equal(known.read(everything), LOGITS[everything])


def test_arrays_of_another_split_are_put_aside(place: ArrayFolder, tmp_path: Path) -> None:
    write(kept(tmp_path, LOW), place)
    kept(tmp_path, LOW).put_aside(place)
    assert set(place.entries()) == {"a"}
    kept(tmp_path, EVEN).put_aside(place)
    assert place.entries() == {}
    assert not list(place.folder.glob("*.npy"))
    known = kept(tmp_path, EVEN).known(place, "a", "key")
    np.testing.assert_array_equal(known.read(LOW), LOGITS[LOW])


def test_a_bank_is_of_one_split_also_where_ingredients_are_left_out(checkpoints: list[Path], tmp_path: Path) -> None:
    run = tmp_path / "run"
    with radin.Verifier(radin.Pool(checkpoints), task(), run):
        pass
    for one in (task(split_seed=1), task(holdback=0.0), task()):
        with radin.Verifier(radin.Pool(checkpoints[:3]), one, run) as verifier:
            whole = {name: verifier.bank.logits(i) for i, name in enumerate(verifier.names)}
        bank = radin.LogitBank.from_folder(run / "logits")
        assert set(bank.names) == set(whole)
        for i, name in enumerate(bank.names):
            np.testing.assert_array_equal(bank.logits(i), whole[name])
        np.testing.assert_array_equal(bank.labels, one.rows.labels[one.split[0]])
    with radin.Verifier(radin.Pool(checkpoints), task(), run) as verifier:
        passes = {str(name) for name in verifier.names}
        assert verifier.ledger.labels("pass") == passes
        # The last two were run once, on the rows that select at first; of the others each row was run once.
        assert verifier.ledger.rows("pass") == 3 * SAMPLES + 2 * len(task().split[0])


@pytest.mark.parametrize("size", [1, 7, 20])
def test_batches_on_all_rows_are_divided(size: int, tmp_path: Path) -> None:
    others: list[list[np.ndarray]] = []
    batches = (LOGITS[i : i + size] for i in range(0, 20, size))
    mine = np.concatenate(list(kept(tmp_path, LOW).divided(batches, others.append)))
    np.testing.assert_array_equal(mine, LOGITS[LOW])
    np.testing.assert_array_equal(np.concatenate(others[0]), LOGITS[10:])


def test_a_folder_of_version_0_1_opens_and_nothing_is_run_twice(checkpoints: list[Path], tmp_path: Path) -> None:
    pool, how = radin.Pool(checkpoints), {"budget": radin.Budget(soups=2), "baselines": ()}
    first = radin.make_soup(pool, task(), run_dir=tmp_path / "run", **how)
    as_written_by_0_1(tmp_path / "run", pool, task())
    again = radin.make_soup(pool, task(), run_dir=tmp_path / "run", **how)
    assert [one.to_json() for one in again.leaderboard] == [one.to_json() for one in first.leaderboard]
    assert again.report == first.report
    assert (again.spent.passes, again.spent.soups, again.spent.lost) == (5, 2, 0)
    assert again.spent.passes_worth == 5
    held = SAMPLES - len(task().split[0])
    assert again.spent.held_back_rows == 5 * held
    with radin.Ledger(tmp_path / "run" / "ledger.db") as ledger:
        assert (ledger.count("pass"), ledger.count("soup"), ledger.count("held-back")) == (5, 2, 0)
    bank = radin.LogitBank.from_folder(tmp_path / "run" / "logits")
    np.testing.assert_array_equal(bank.labels, task().rows.labels[task().split[0]])


def test_held_back_rows_are_run_after_the_choice_for_what_is_compared(checkpoints: list[Path], tmp_path: Path) -> None:
    pool, one = radin.Pool(checkpoints), task()
    selecting, held = map(len, one.split)
    result = radin.make_soup(pool, one, run_dir=tmp_path / "run")
    with radin.Ledger(tmp_path / "run" / "ledger.db") as ledger:
        assert ledger.rows("pass") == 5 * selecting
        assert ledger.rows("soup") == 4 * selecting
        assert ledger.rows("baseline") == selecting
        uniform = result.baselines[0].soup
        assert uniform is not None
        compared = {result.best.recipe, result.best_ingredient.recipe, uniform.recipe}
        assert ledger.labels("held-back") == {str(recipe) for recipe in compared}
        assert ledger.rows("held-back") == result.spent.held_back_rows == len(compared) * held
    assert result.spent.passes_worth == 5
    again = radin.make_soup(pool, one, run_dir=tmp_path / "run")
    assert again.spent == result.spent


def test_with_a_test_set_no_row_is_held_back_and_none_is_run_for_that(checkpoints: list[Path], tmp_path: Path) -> None:
    from helpers.small import clouds

    result = radin.make_soup(radin.Pool(checkpoints), task(test=clouds(50, 3)), run_dir=tmp_path / "run")
    assert (result.spent.held_back, result.spent.held_back_rows) == (0, 0)
    assert result.spent.test_passes == len(
        {result.best.recipe, result.best_ingredient.recipe, radin.Recipe.uniform(result.best.recipe.names)}
    )


def test_what_a_kill_left_between_part_and_array_is_taken_up(place: ArrayFolder, tmp_path: Path) -> None:
    stored = kept(tmp_path, LOW)
    stored.parts.store("a", "key", Part(EVEN, LOGITS[EVEN]))
    known = stored.known(place, "a", "key")
    np.testing.assert_array_equal(known.missing(LOW), [1, 3, 5, 7, 9])
    fresh = iter([LOGITS[[1, 3]], LOGITS[[5, 7, 9]]])
    stored.write(place, "a", "key", {"a": 1.0}, known.completed(fresh, LOW))
    np.testing.assert_array_equal(stored.array(place, "a", "key"), LOGITS[LOW])
