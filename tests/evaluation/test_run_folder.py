"""The run folder: it belongs to one run, its results are believed only if they are whole, and 0.1's still open."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers.old_folders import as_written_by_0_1
from helpers.small import make_pool, task

import radin
from radin.common.files import fingerprint_of
from radin.errors import RunDirError
from radin.evaluation.keys import data_key
from radin.evaluation.run_folder import RunFolder

BUDGET = radin.Budget(soups=2, candidates=50)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> radin.Pool:
    return radin.Pool(make_pool(tmp_path_factory.mktemp("pool"), 3))


@pytest.fixture(scope="module")
def calm(pool: radin.Pool, tmp_path_factory: pytest.TempPathFactory) -> radin.Result:
    """An undisturbed run."""
    return radin.make_soup(pool, task(), budget=BUDGET, run_dir=tmp_path_factory.mktemp("calm"))


@pytest.fixture
def run(calm: radin.Result, tmp_path: Path) -> Path:
    """A copy of its folder."""
    return Path(shutil.copytree(calm.run_dir, tmp_path / "run"))


def found(result: radin.Result) -> dict:
    """All that a result says, but for its cost."""
    return {name: value for name, value in result.to_json().items() if name not in ("spent", "earlier")}


@pytest.mark.parametrize(
    ("damaged", "lost", "how"),
    [
        ("logits/run1.npy", 1, "changed"),
        ("logits/run1.npy", 1, "emptied"),
        ("logits/index.json", 3, "changed"),
        ("logits/index.json", 3, "emptied"),
        ("soups/*.npy", 1, "changed"),
        ("grams/logits-*.npy", 0, "changed"),
        ("grams/index.json", 0, "emptied"),
        ("logits/split.json", 0, "emptied"),
        ("logits/labels.npy", 0, "changed"),
    ],
)
def test_damaged_results_are_computed_again_and_counted_as_lost(
    pool: radin.Pool, calm: radin.Result, run: Path, damaged: str, lost: int, how: str
) -> None:
    file = sorted(run.glob(damaged))[0]
    content = file.read_bytes()
    file.write_bytes(b"" if how == "emptied" else content[:-9] + bytes(9))
    again = radin.make_soup(pool, task(), budget=BUDGET, run_dir=run)
    assert found(again) == found(calm)
    spent = again.spent
    assert (spent.passes, spent.soups, spent.lost) == (3, calm.spent.soups, lost)
    stored = file.name not in ("split.json", "labels.npy")  # these are written anew by every run
    assert any(file.name in note for note in spent.notes) == stored
    assert file.read_bytes() == content or file.name == "index.json"
    assert (run / "soup.safetensors").read_bytes() == (calm.run_dir / "soup.safetensors").read_bytes()
    assert radin.make_soup(pool, task(), budget=BUDGET, run_dir=run).spent.notes == ()


def test_nothing_is_run_where_the_ledger_is_lost(pool: radin.Pool, run: Path) -> None:
    (run / "ledger.db").write_bytes(b"")
    before = sorted(run.rglob("*"))
    with pytest.raises(RunDirError, match=r"ledger\.db is missing or empty"):
        radin.make_soup(pool, task(), run_dir=run)
    assert sorted(run.rglob("*")) == before


def test_a_kill_between_labels_and_split_leaves_a_folder_that_opens(pool: radin.Pool, run: Path) -> None:
    """As it looks before the first pass: labels, and no index yet."""
    shutil.rmtree(run)
    with RunFolder(run) as folder:
        folder.bind({"task": {}, "ingredients": {}, "settings": {}})
    (run / "logits").mkdir()
    np.save(run / "logits" / "labels.npy", np.arange(3))
    radin.Verifier(pool, task(), run).close()
    assert radin.LogitBank.from_folder(run / "logits").names == pool.names


def test_arrays_of_another_program_are_left_alone(pool: radin.Pool, tmp_path: Path) -> None:
    (tmp_path / "logits").mkdir()
    np.save(tmp_path / "logits" / "mine.npy", np.zeros((3, 3)))
    for _ in range(2):
        with pytest.raises(RunDirError, match="arrays that are of no run"):
            radin.Verifier(pool, task(), tmp_path)


def test_a_folder_of_0_1_opens_and_nothing_is_run_again(pool: radin.Pool, calm: radin.Result, run: Path) -> None:
    as_written_by_0_1(run, pool, task())
    arrays = len([file for file in run.rglob("*.npy") if file.name != "labels.npy"])
    planned = radin.plan(pool, task(), budget=BUDGET, run_dir=run)
    assert planned.passes == 0
    again = radin.make_soup(pool, task(), budget=BUDGET, run_dir=run)
    assert found(again) == found(calm)
    assert (again.spent.passes, again.spent.soups, again.spent.lost) == (3, calm.spent.soups, 0)
    (note,) = again.spent.notes
    assert note.startswith(f"{arrays} arrays of version 0.1 have no checksum")
    assert radin.make_soup(pool, task(), budget=BUDGET, run_dir=run).spent.notes == ()


def test_the_keys_of_0_1_are_kept(pool: radin.Pool, run: Path) -> None:
    """The formulas of version 0.1, written out; arrays hold the selecting rows, and tell of which logits."""
    one = task()
    with radin.Verifier(pool, one, run) as verifier:
        recipe, key = radin.Recipe.uniform(pool.names), data_key(one, one.rows)
        verifier.logits(recipe)
        marks = [pool.fingerprint(i, {}) for i in range(3)]
        expected = fingerprint_of(key, [(mark, 1 / 3) for mark in marks], ["average"])
        assert {one["of"] for one in verifier.folder.soups.entries().values()} >= {expected}
        assert verifier.folder.soups.keys() >= {fingerprint_of("part", expected, one.split[0].tolist())}
        singles = {fingerprint_of(key, [(mark, 1.0)], None) for mark in marks}
        assert {one["of"] for one in verifier.folder.logits.entries().values()} == singles
        scope = fingerprint_of(marks, key, one.split[0].tolist())
        assert verifier.scope == scope
        assert verifier.keys.weight_gram == f"weights-{fingerprint_of(marks)}"[:40]
        assert verifier.keys.logit_gram == f"logits-{scope}"[:40]


def test_other_inputs_are_explained_by_the_settings_that_changed(pool: radin.Pool, run: Path) -> None:
    as_written_by_0_1(run, pool, task())
    with pytest.raises(RunDirError, match="data differs") as caught:
        radin.Verifier(pool, task(samples=200), run)
    assert caught.value.mend == {"data": "a", "limit": "9"}
    assert "--" not in str(caught.value)


def test_statistics_of_other_batches_are_other_statistics(tmp_path: Path) -> None:
    pool = radin.Pool(make_pool(tmp_path / "pool", 2, batchnorm=True))
    recipe, found = radin.Recipe.uniform(pool.names), []
    for batch_size in (300, 32, 300):
        with radin.Verifier(pool, task(batchnorm=True, batch_size=batch_size), tmp_path / "run") as verifier:
            verifier.logits(recipe)
            found.append(verifier.recomputed(recipe))
            soups = verifier.ledger.count("soup"), verifier.ledger.count("soup", "lost")
    assert soups == (2, 0)
    np.testing.assert_array_equal(found[0]["layers.1.running_var"], found[2]["layers.1.running_var"])
    assert not np.array_equal(found[0]["layers.1.running_var"], found[1]["layers.1.running_var"])
