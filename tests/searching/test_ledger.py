"""Ledgers outlive their process."""

import gc
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from radin.errors import RunDirError, StorageError
from radin.searching.ledger import Ledger, PastSearch


def test_charges_are_counted_by_kind(tmp_path):
    with Ledger(tmp_path / "new" / "ledger.db") as ledger:
        for kind, times in (("pass", 3), ("soup", 2), ("test", 1)):
            for i in range(times):
                with ledger.charge(kind, f"{kind}{i}", "label", rows=10):
                    assert ledger.count(kind) == i
        assert [ledger.count(kind) for kind in ("pass", "soup", "test")] == [3, 2, 1]
        assert [ledger.count(kind, "lost") for kind in ("pass", "soup", "test")] == [0, 0, 0]


def test_an_evaluation_that_fails_is_lost(tmp_path):
    with Ledger(tmp_path / "ledger.db") as ledger:
        with pytest.raises(KeyboardInterrupt), ledger.charge("soup", "key", "a + b", rows=10):
            raise KeyboardInterrupt
        assert (ledger.count("soup"), ledger.count("soup", "lost")) == (0, 1)
        assert ledger.seconds("soup") == 0


def test_seconds_are_those_of_completed_evaluations(tmp_path):
    with Ledger(tmp_path / "ledger.db") as ledger:
        begun = time.perf_counter()
        for i in range(2):
            with ledger.charge("pass", f"key{i}", "a", rows=10):
                time.sleep(0.01)
        assert 0.02 <= ledger.seconds("pass") <= time.perf_counter() - begun


def test_what_was_spent_is_there_when_the_file_is_opened_again(tmp_path):
    with Ledger(tmp_path / "ledger.db") as ledger:
        with ledger.charge("pass", "key", "a", rows=10):
            pass
        ledger.set_fact("batch_size", 64)
        seconds = ledger.seconds("pass")
    with Ledger(tmp_path / "ledger.db") as ledger:
        assert (ledger.count("pass"), ledger.seconds("pass"), ledger.fact("batch_size")) == (1, seconds, 64)


def test_facts_have_defaults_and_are_replaced(tmp_path):
    with Ledger(tmp_path / "ledger.db") as ledger:
        assert ledger.fact("digests", {}) == {}
        assert ledger.fact("digests") is None
        for value in ({"a": [1, 2.5, None]}, "text"):
            ledger.set_fact("digests", value)
            assert ledger.fact("digests") == value


def test_a_ledger_takes_over_what_another_knows_and_starts_over(tmp_path):
    with Ledger(tmp_path / "one.db") as one, one.charge("pass", "key", "a", rows=10):
        one.set_fact("digests", {"a": "1"})
        one.set_fact("batch_size", 64)
    with Ledger(tmp_path / "other.db") as other:
        other.adopt(tmp_path / "none.db")
        assert not other.has_results()
        other.adopt(tmp_path / "one.db")
        assert (other.has_results(), other.count("pass"), other.fact("batch_size")) == (True, 1, 64)
        other.begin_search("key", searcher="greedy", options={}, seed=0, unit="soup")
        other.start_over(keep=("digests",))
        assert (other.has_results(), other.searches()) == (False, [])
        assert (other.fact("digests"), other.fact("batch_size")) == ({"a": "1"}, None)


def test_searches_add_up_over_restarts(tmp_path):
    def begin(ledger, key, seed=0):
        return ledger.begin_search(key, searcher="greedy", options={"accept": "ties"}, seed=seed, unit="candidate")

    with Ledger(tmp_path / "ledger.db") as ledger:
        assert begin(ledger, "one") == PastSearch(0, 0.0, None)
        ledger.update_search("one", charged=5, seconds=1.5, stopped=None)
        assert begin(ledger, "two", seed=1) == PastSearch(0, 0.0, None)
    with Ledger(tmp_path / "ledger.db") as ledger:
        assert begin(ledger, "one") == PastSearch(5, 1.5, None), "it was killed, so its seconds count"
        ledger.update_search("one", charged=9, seconds=2.5, stopped="budget")
        assert begin(ledger, "one") == PastSearch(9, 2.5, "budget"), "it had ended, so it is to be replayed"
        one, two = ledger.searches()
    assert one == {
        "key": "one",
        "searcher": "greedy",
        "options": {"accept": "ties"},
        "seed": 0,
        "unit": "candidate",
        "charged": 9,
        "seconds": 2.5,
        "stopped": "budget",
    }
    assert (two["key"], two["seed"], two["charged"], two["stopped"]) == ("two", 1, 0, None)


HOLDS = """
import sys
from radin.searching.ledger import Ledger
with Ledger(sys.argv[1]) as ledger, ledger.charge("soup", "complete", "a + b", rows=10):
    pass
ledger = Ledger(sys.argv[1])
with ledger.charge("soup", sys.argv[2], "a + c", rows=10):
    print("inside", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process in the middle of a charge, and the path of its ledger."""
    path = tmp_path / "ledger.db"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, path, "in flight"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "inside\n"
    with process:
        yield process, path
        process.kill()


def test_a_second_process_is_refused_until_the_first_is_gone(holder):
    process, path = holder
    with pytest.raises(RunDirError, match="another process is using this run folder"):
        Ledger(path)
    process.stdin.close()
    assert process.wait() == 0
    with Ledger(path) as ledger:
        ledger.recover(lambda key: pytest.fail(f"nothing was left running, but {key}"))
        assert (ledger.count("soup"), ledger.count("soup", "lost")) == (2, 0)


@pytest.mark.parametrize(("on_disk", "done", "lost"), [(False, 1, 1), (True, 2, 0)])
def test_a_charge_cut_short_by_a_kill_is_settled(holder, on_disk, done, lost):
    process, path = holder
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    with Ledger(path) as ledger:
        assert (ledger.count("soup"), ledger.count("soup", "lost")) == (1, 0)
        asked = []
        ledger.recover(lambda key: asked.append(key) or on_disk)
        assert asked == ["in flight"]
        assert (ledger.count("soup"), ledger.count("soup", "lost")) == (done, lost)
        ledger.recover(lambda key: pytest.fail(f"{key} was settled already"))
        assert ledger.seconds("soup") > 0


def test_in_one_process_too_a_ledger_is_held_once(tmp_path):
    with Ledger(tmp_path / "ledger.db"), pytest.raises(RunDirError, match="another process"):
        Ledger(tmp_path / "ledger.db")
    Ledger(tmp_path / "ledger.db").close()


def test_a_ledger_that_was_made_in_vain_goes_with_its_folders(tmp_path: Path) -> None:
    file = tmp_path / "runs" / "one" / "ledger.db"
    ledger = Ledger(file)
    ledger.set_fact("format", 2)
    ledger.discard()
    assert list(tmp_path.iterdir()) == []
    with Ledger(file) as ledger:
        ledger.set_fact("format", 2)
    Ledger(file).discard()  # it was there before
    with Ledger(file) as ledger:
        assert ledger.fact("format") == 2


def test_a_ledger_with_a_charge_or_a_folder_with_something_else_stays(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "charged" / "ledger.db")
    with pytest.raises(KeyError), ledger.charge("pass", "key", "a", 10):
        raise KeyError
    ledger.discard()
    with Ledger(tmp_path / "charged" / "ledger.db") as again:
        assert again.count("pass", "lost") == 1
    ledger = Ledger(tmp_path / "shared" / "ledger.db")
    (tmp_path / "shared" / "notes.txt").touch()
    ledger.discard()
    assert [one.name for one in (tmp_path / "shared").iterdir()] == ["notes.txt"]


def test_a_file_that_is_no_ledger_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "ledger.db"
    path.write_bytes(b"no database at all, but longer than the header of one" * 40)
    before = path.read_bytes()
    with pytest.raises(RunDirError, match="no ledger of radin"):
        Ledger(path)
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(RunDirError, match="expected a folder for the run, got a file"):
        Ledger(tmp_path / "file" / "ledger.db")


def test_a_ledger_that_cannot_be_opened_takes_no_space_to_mend(tmp_path):
    (tmp_path / "ledger.db").mkdir()
    with pytest.raises(StorageError, match="unable to open database file; make it writable, or choose another") as met:
        Ledger(tmp_path / "ledger.db")
    assert "space" not in str(met.value)


def test_a_full_disk_is_named_and_what_was_there_stays(tmp_path, monkeypatch):
    # SQLite reports a file that may not grow as it reports a full disk.
    path, connect = tmp_path / "ledger.db", sqlite3.connect

    def limited(*given, **more):
        connection = connect(*given, **more)
        connection.execute("PRAGMA max_page_count = 20")
        return connection

    monkeypatch.setattr(sqlite3, "connect", limited)
    with Ledger(path) as ledger:
        ledger.set_fact("small", 1)
        with pytest.raises(StorageError, match="full; free some space"):
            ledger.set_fact("large", "x" * 100_000)
        assert ledger.fact("small") == 1
    with Ledger(path) as ledger:
        assert (ledger.fact("small"), ledger.fact("large")) == (1, None)


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE notes (text TEXT)")
    other.close()
    with pytest.raises(RunDirError, match="no ledger of radin"):
        Ledger(path)
    with sqlite3.connect(path) as other:
        assert [name for (name,) in other.execute("SELECT name FROM sqlite_master")] == ["notes"]
    other.close()


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_an_evaluation_that_outlives_its_ledger_is_settled_by_the_next(tmp_path: Path) -> None:
    """As an interruption leaves it that strikes between two instructions of a `with` statement."""
    ledger = Ledger(tmp_path / "ledger.db")
    left = ledger.charge("pass", "key", "a pass", 10)
    left.__enter__()
    ledger.close()
    del left
    gc.collect()
    with Ledger(tmp_path / "ledger.db") as again:
        again.recover(lambda key: False)
        assert again.count("pass", "lost") == 1


def test_a_charge_whose_result_is_gone_counts_as_lost(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db") as ledger:
        assert not ledger.lose("soup", "key")
        for _ in range(2):
            ledger.lose("soup", "key")
            with ledger.charge("soup", "key", "a + b", rows=10):
                pass
        assert (ledger.count("soup"), ledger.count("soup", "lost")) == (1, 1)
        assert not ledger.lose("pass", "key")


@pytest.mark.parametrize("how", ["truncated", "zeroed within", "fact"])
def test_a_damaged_ledger_is_an_error_that_names_it(tmp_path: Path, how: str) -> None:
    path = tmp_path / "ledger.db"
    with Ledger(path) as ledger:
        for i in range(200):
            ledger.set_fact(f"fact {i}", "x" * 100)
    content = path.read_bytes()
    if how == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif how == "zeroed within":
        path.write_bytes(content[:8192] + bytes(8192) + content[16384:])
    else:
        with sqlite3.connect(path) as other:
            other.execute("UPDATE facts SET value = '[1' WHERE name = 'fact 7'")
        other.close()
    with pytest.raises(RunDirError, match=r"ledger\.db: .*damaged.*nothing is run"):
        Ledger(path)
