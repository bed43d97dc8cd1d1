"""Run folders as version 0.1 wrote them: one array on all rows for each network, and no checksums."""

import json
import shutil
import sqlite3
from pathlib import Path

import numpy as np

import radin
from radin.common.array_folder import ArrayFolder


def as_written_by_0_1(run: Path, pool: radin.Pool, task: radin.Task) -> None:
    """Turns a run folder into one of version 0.1, with options of the command line as settings."""
    with radin.Verifier(pool, task, run) as verifier:  # all rows of all networks
        for recipe in (*(radin.Recipe.subset(pool.names, [i]) for i in range(len(pool))), *verifier.evaluated()):
            verifier.logits(recipe)
    keys = {of: key for place in ("logits", "soups") for of, key in _joined(run, place, len(task.rows)).items()}
    shutil.rmtree(run / "partial")
    for index in run.rglob("index.json"):
        if index.parent.name in ("grams", "statistics"):
            index.unlink()
            continue
        entries = json.loads(index.read_text())
        plain = {name: {"key": one["key"], "recipe": one["recipe"]} for name, one in entries.items()}
        index.write_text(json.dumps(plain))
    split = json.loads((run / "logits" / "split.json").read_text())
    (run / "logits" / "split.json").write_text(json.dumps({name: split[name] for name in ("samples", "selection")}))
    with sqlite3.connect(run / "ledger.db") as ledger:
        ledger.execute("DELETE FROM evaluations WHERE kind = 'held-back'")
        ledger.execute("UPDATE evaluations SET kind = 'soup' WHERE kind = 'baseline'")
        for key, whole in keys.items():
            ledger.execute("UPDATE evaluations SET key = ?, rows = ? WHERE key = ?", (whole, len(task.rows), key))
        ledger.execute("DELETE FROM facts WHERE name = 'format'")
        (inputs,) = ledger.execute("SELECT value FROM facts WHERE name = 'inputs'").fetchone()
        changed = json.loads(inputs) | {"settings": {"--task-arg data": "a", "--limit": "9"}}
        ledger.execute("UPDATE facts SET value = ? WHERE name = 'inputs'", (json.dumps(changed),))
    ledger.close()


def _joined(run: Path, place: str, n_rows: int) -> dict[str, str]:
    """Joins arrays and parts to arrays on all rows; returns the keys of the whole by those of the arrays."""
    arrays, parts, keys = ArrayFolder(run / place), ArrayFolder(run / "partial"), {}
    for name, about in arrays.entries().items():
        if "of" in about:
            pieces = [(about["rows"], arrays.get(name, about["key"]))]
            for part, other in parts.entries().items():
                if other.get("of") == about["of"]:
                    pieces.append((other["rows"], parts.get(part, other["key"])))
            whole = np.full((n_rows, pieces[0][1].shape[1]), np.nan, dtype=np.float32)
            for rows, logits in pieces:
                whole[parts.get(f"rows-{rows}", rows)] = logits
            assert np.isfinite(whole).all()
            keys[about["key"]] = about["of"]
            with arrays.writing(name, about["of"], n_rows, {"recipe": about["recipe"]}) as append:
                append(whole)
    return keys
