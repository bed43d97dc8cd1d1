"""Ledger: the cost of a run so far, which survives a kill at any moment."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from radin.errors import RadinError, RunDirError, StorageError
from radin.scoring.objective import Unit

Kind = Literal["pass", "stage", "soup", "baseline", "held-back", "test", "statistics", "control", "reference"]

#: Tells SQLite files of radin from those of other programs: "RADN".
APPLICATION_ID = 0x5241444E

SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS evaluations (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,        -- pass: an ingredient, stage: an ingredient on a part of the rows, soup: a real soup,
                               -- baseline: a network that only a baseline needs, held-back: a network on the rows
                               -- that select nothing, test: a network on the test set,
                               -- statistics: a soup's BatchNorm statistics computed anew, control: an ingredient with
                               -- such statistics, reference: a soup that chooses what is kept of outputs
    key TEXT NOT NULL,         -- fingerprint of everything the logits depend on
    label TEXT NOT NULL,       -- the ingredient's name, or the recipe
    state TEXT NOT NULL CHECK (state IN ('running', 'done', 'lost')),
    rows INTEGER NOT NULL,
    started REAL NOT NULL,     -- seconds since the epoch
    seconds REAL
);
CREATE TABLE IF NOT EXISTS searches (
    key TEXT PRIMARY KEY,      -- fingerprint of everything the search depends on
    searcher TEXT NOT NULL,
    options TEXT NOT NULL,
    seed INTEGER NOT NULL,
    unit TEXT NOT NULL,        -- candidate or soup
    charged INTEGER NOT NULL,
    seconds REAL NOT NULL,     -- over all restarts
    stopped TEXT               -- why it ended, NULL while it runs
);
"""


@dataclass(frozen=True)
class PastSearch:
    """A search as the ledger knows it: evaluations charged, seconds, and why it ended (None if it has not)."""

    charged: int
    seconds: float
    stopped: str | None


class Ledger:
    """The cost of a run so far, in a SQLite file that survives a kill at any moment.

    One process holds a ledger at a time; a second one is refused. Close it, or use it in a `with` statement.

    Arguments:
        path: the file; made, with its folder, if it is not there.

    Raises:
        RunDirError: another process has this ledger open, or the file is damaged or no ledger.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        with _storage_errors(self.path), ExitStack() as undo:
            self._made = [one for one in (self.path, *self.path.parents) if not one.exists()]
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path, timeout=0.5, isolation_level=None)
            undo.callback(self._db.close)
            # The lock lives as long as the connection and dies with the process, so a killed run leaves none behind.
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("BEGIN EXCLUSIVE")
            self._refuse_others()
            for statement in SCHEMA.split(";"):
                self._db.execute(statement)
            self._db.execute("COMMIT")
            if not self.path.exists():
                raise RunDirError(f"{self.path} was removed by another process while it was opened; run this again")
            self._refuse_damaged()
            undo.pop_all()
        self._open = True

    def _refuse_others(self) -> None:
        """Marks an empty database as a ledger, and refuses one that another program has filled."""
        (mark,) = self._db.execute("PRAGMA application_id").fetchone()
        (tables,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and mark != APPLICATION_ID:
            raise RunDirError(f"{self.path}: this database is no ledger of radin; choose another run folder")
        self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}")

    def _refuse_damaged(self) -> None:
        """Refuses a ledger whose pages or facts are damaged."""
        (found,) = self._db.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            raise _damaged(self.path, " ".join(found.split()))
        for name, value in self._db.execute("SELECT name, value FROM facts"):
            try:
                json.loads(value)
            except (ValueError, TypeError) as error:
                raise _damaged(self.path, f"the fact {name!r} is no JSON") from error

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the file; another process may open it then."""
        self._open = False
        self._db.close()

    def discard(self) -> None:
        """Lets go of the file, and removes it, with the folders that were made for it, where nothing was charged.

        A file that was there before stays, and so does a folder that holds anything else.
        """
        with suppress(OSError, sqlite3.Error, RadinError):
            charged = "SELECT EXISTS (SELECT 1 FROM evaluations) OR EXISTS (SELECT 1 FROM searches)"
            if self.path in self._made and not self._execute(charged).fetchone()[0]:
                self.path.unlink()  # while it is locked, so that no other process has begun to use it
        self.close()
        if not self.path.exists():
            with suppress(OSError):  # not empty
                for folder in self._made[1:]:
                    folder.rmdir()

    # Evaluations: what costs a forward pass over the data.

    @contextmanager
    def charge(self, kind: Kind, key: str, label: str, rows: int) -> Iterator[None]:
        """Records one evaluation: `running` when the block is entered, `done` when it ends, `lost` when it fails.

        Arguments:
            kind: `pass` for an ingredient, `stage` for one on a part of the rows, in a race, `soup` for a real soup,
                `baseline` for either where only a baseline needs it, `held-back` for either on the rows that select
                nothing, `test` for either on the test set, `statistics` for computing a soup's BatchNorm statistics
                anew, `control` for an ingredient with such statistics, `reference` for a soup that chooses what is kept
                of outputs.
            key: fingerprint of everything that the resulting logits depend on.
            label: a name for people to read.
            rows: samples evaluated; those of a pass without the ones that stages before it have run.
        """
        begun = time.perf_counter()
        insert = "INSERT INTO evaluations (kind, key, label, state, rows, started) VALUES (?, ?, ?, 'running', ?, ?)"
        row = self._execute(insert, kind, key, label, rows, time.time()).lastrowid
        state = "lost"
        try:
            yield
            state = "done"
        finally:
            seconds = time.perf_counter() - begun
            # Ctrl-C may leave this block to the garbage collector, after the ledger: `recover` settles the entry then.
            if self._open:
                self._execute("UPDATE evaluations SET state = ?, seconds = ? WHERE id = ?", state, seconds, row)

    def record_loss(self, kind: Kind, key: str, label: str, rows: int) -> None:
        """Records work that was lost inside of an evaluation that goes on: a part of it died with its worker."""
        insert = "INSERT INTO evaluations (kind, key, label, state, rows, started) VALUES (?, ?, ?, 'lost', ?, ?)"
        self._execute(insert, kind, key, label, rows, time.time())

    def lose(self, kind: Kind, key: str) -> bool:
        """Counts a completed evaluation as lost, since its result is gone; returns whether there was one."""
        update = "UPDATE evaluations SET state = 'lost' WHERE kind = ? AND key = ? AND state = 'done'"
        return self._execute(update, kind, key).rowcount > 0

    def has_results(self) -> bool:
        """Whether any evaluation was completed."""
        return bool(self._execute("SELECT count(*) FROM evaluations WHERE state = 'done'").fetchone()[0])

    def recover(self, finished: Callable[[str], bool]) -> None:
        """Settles what a killed process left running: `done` if its result is complete on disk, `lost` if not."""
        for row, key in self._execute("SELECT id, key FROM evaluations WHERE state = 'running'").fetchall():
            state = "done" if finished(key) else "lost"
            self._execute("UPDATE evaluations SET state = ? WHERE id = ?", state, row)

    def count(self, kind: Kind, state: Literal["done", "lost"] = "done") -> int:
        """The number of evaluations of a kind that were completed, or were lost to an interruption or damage."""
        query = "SELECT count(*) FROM evaluations WHERE kind = ? AND state = ?"
        return int(self._execute(query, kind, state).fetchone()[0])

    def rows(self, kind: Kind) -> int:
        """Samples that the completed evaluations of a kind took in all."""
        query = "SELECT coalesce(sum(rows), 0) FROM evaluations WHERE kind = ? AND state = 'done'"
        return int(self._execute(query, kind).fetchone()[0])

    def labels(self, kind: Kind) -> set[str]:
        """Labels of the completed evaluations of a kind; what was run in parts has one label."""
        query = "SELECT DISTINCT label FROM evaluations WHERE kind = ? AND state = 'done'"
        return {label for (label,) in self._execute(query, kind)}

    def keys(self, kind: Kind) -> set[str]:
        """Keys of the completed evaluations of a kind."""
        query = "SELECT DISTINCT key FROM evaluations WHERE kind = ? AND state = 'done'"
        return {key for (key,) in self._execute(query, kind)}

    def seconds(self, kind: Kind, keys: Collection[str] | None = None) -> float:
        """Wall-clock seconds spent in completed evaluations of a kind, of all or of those with these keys."""
        query = "SELECT key, coalesce(seconds, 0) FROM evaluations WHERE kind = ? AND state = 'done'"
        return float(sum(seconds for key, seconds in self._execute(query, kind) if keys is None or key in keys))

    # Searches: totals only, since a search on the surrogate is replayed from its seed.

    def begin_search(self, key: str, *, searcher: str, options: dict[str, Any], seed: int, unit: Unit) -> PastSearch:
        """Opens a search, or opens it again, and returns what earlier processes spent on it and whether it ended."""
        insert = "INSERT OR IGNORE INTO searches VALUES (?, ?, ?, ?, ?, 0, 0, NULL)"
        self._execute(insert, key, searcher, json.dumps(options, default=str), seed, unit)
        query = "SELECT charged, seconds, stopped FROM searches WHERE key = ?"
        return PastSearch(*self._execute(query, key).fetchone())

    def update_search(self, key: str, *, charged: int, seconds: float, stopped: str | None) -> None:
        """Records a search's totals; `stopped` says why it ended and is None while it runs."""
        update = "UPDATE searches SET charged = ?, seconds = ?, stopped = ? WHERE key = ?"
        self._execute(update, charged, seconds, stopped, key)

    def searches(self) -> list[dict[str, Any]]:
        """All searches with their totals, oldest first."""
        cursor = self._execute("SELECT * FROM searches ORDER BY rowid")
        columns = [column[0] for column in cursor.description]
        rows = [dict(zip(columns, row, strict=True)) for row in cursor]
        return [row | {"options": json.loads(row["options"])} for row in rows]

    # Facts: single values that a later process needs, such as the batch size that was found to fit.

    def fact(self, name: str, default: Any = None) -> Any:
        """A recorded value, or the default."""
        row = self._execute("SELECT value FROM facts WHERE name = ?", name).fetchone()
        return default if row is None else json.loads(row[0])

    def adopt(self, path: Path) -> None:
        """Copies facts and evaluations of another ledger, if it is there, without writing to it."""
        if not path.exists():
            return
        with _storage_errors(path), closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as other:
            for table, places in (("facts", "?, ?"), ("evaluations", "?, ?, ?, ?, ?, ?, ?, ?")):
                self._db.executemany(f"INSERT INTO {table} VALUES ({places})", other.execute(f"SELECT * FROM {table}"))

    def start_over(self, keep: Collection[str]) -> None:
        """Forgets all evaluations and searches, and all facts but some, which hold whatever is evaluated."""
        self._execute("DELETE FROM evaluations")
        self._execute("DELETE FROM searches")
        self._execute(f"DELETE FROM facts WHERE name NOT IN ({', '.join('?' * len(keep))})", *keep)

    def set_fact(self, name: str, value: Any) -> None:
        """Records a value that JSON can hold."""
        self._execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", name, json.dumps(value))

    def _execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        with _storage_errors(self.path):
            return self._db.execute(statement, values)


@contextmanager
def _storage_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except RadinError:  # some of them are OSErrors, too
        raise
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise RunDirError(
                f"{path.parent}: another process is using this run folder; wait for it, or choose another"
            ) from error
        # A file that may not grow, and so a full quota, is an I/O error to SQLite.
        full = getattr(error, "sqlite_errorname", "").startswith(("SQLITE_FULL", "SQLITE_IOERR"))
        what_to_do = "free some space and run again" if full else "make it writable, or choose another run folder"
        raise StorageError(f"{path}: could not write the ledger: {error}; {what_to_do}") from error
    except sqlite3.DatabaseError as error:
        raise _damaged(path, str(error)) from error
    except (FileExistsError, NotADirectoryError) as error:
        raise RunDirError(f"{path.parent}: expected a folder for the run, got a file; choose another") from error
    except OSError as error:
        raise StorageError(f"{path}: could not make the ledger: {error.strerror}; choose another run folder") from error


def _damaged(path: Path, fault: str) -> RunDirError:
    return RunDirError(
        f"{path}: this ledger is damaged, or no ledger of radin ({fault}), so what was spent cannot be known and "
        "nothing is run; bring it back from a copy, or choose another run folder"
    )
