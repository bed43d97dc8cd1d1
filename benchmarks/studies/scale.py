"""`python -m benchmarks.studies.scale`: how the time of a search grows with the pool, on synthetic logits.

Each search runs in a process of its own, on 1 000 samples of 10 classes, until it has scored K candidates, is done, or
its time is up. `end` gives the reason: `seconds` is the cap on time, which is checked between evaluations; a search
that is still running, or out of memory, long after that is ended and has no score. Rows go to OUT/scale.jsonl; a second
run adds the missing ones.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import radin
from benchmarks.comparison.runs import versions
from benchmarks.comparison.tables import markdown
from benchmarks.speed.processes import machine
from benchmarks.speed.synthetic import Fleet
from radin.common.bars import Bars

SAMPLES, CLASSES = 1000, 10

#: Seconds that a process may take beside its search: imports, logits, the kernel.
GRACE = 120

#: Address space of one process.
MEMORY = 12 << 30

COLUMNS = ("searcher", "N", "candidates", "seconds", "ms each", "best score", "of the best ingredient", "end")


def search(searcher: str, n: int, candidates: int, seconds: float) -> dict[str, Any]:
    """Runs one search and returns its row."""
    surrogate = radin.Surrogate(Fleet(n, SAMPLES, CLASSES, disagreement=0.6).bank(), lam=0.0)
    start = time.perf_counter()
    best_single = float(surrogate.solo.max())
    prepared = time.perf_counter() - start
    found = radin.search(searcher, surrogate, radin.Budget(candidates=candidates, seconds=seconds), top=1)
    return {
        "charged": found.charged,
        "seconds": found.seconds,
        "seconds_preparing": prepared,
        "stopped": found.stopped,
        "score": found[0].score if found else None,
        "best_single": best_single,
        "error": None,
    }


def apart(searcher: str, n: int, candidates: int, seconds: float) -> dict[str, Any]:
    """Runs one search in a process of its own, which is ended when it takes too long or too much memory."""
    code = (
        "import json, sys; from benchmarks.studies.scale import search; s, n, k, t = sys.argv[1:];"
        "print(json.dumps(search(s, int(n), int(k), float(t))))"
    )
    command = [sys.executable, "-c", code, searcher, str(n), str(candidates), str(seconds)]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=seconds + GRACE,
            cwd=Path(__file__).resolve().parents[2],
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
        )
    except subprocess.TimeoutExpired:
        return {"error": f"not over after {seconds + GRACE:.0f} s"}
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"ended by signal {-done.returncode}"])[-1]
        return {"error": "out of memory" if "MemoryError" in said or "allocate" in said else said}
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def table(rows: Sequence[dict[str, Any]]) -> str:
    """All rows, as Markdown."""
    lines = []
    for row in sorted(rows, key=lambda row: (row["searcher"], row["n"])):
        head = [row["searcher"], f"{row['n']:,}"]
        if row["error"] is not None:
            lines.append([*head, "", "", "", "", "", row["error"]])
            continue
        each = 1000 * row["seconds"] / max(row["charged"], 1)
        score = "" if row["score"] is None else f"{100 * row['score']:.1f}"
        lines.append(
            [
                *head,
                f"{row['charged']:,}",
                f"{row['seconds']:.2f}",
                f"{each:.3g}",
                score,
                f"{100 * row['best_single']:.1f}",
                row["stopped"],
            ]
        )
    return markdown(COLUMNS, lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what is missing and prints the table; returns 1 if a search failed for another reason than its cost."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.studies.scale",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--searcher", nargs="+", default=list(radin.searchers()), help="all that are installed")
    parser.add_argument("--ingredients", nargs="+", type=int, default=[10, 100, 1000, 10_000], metavar="N")
    parser.add_argument("--candidates", type=int, default=20_000, help="K of every search (20000)")
    parser.add_argument("--seconds", type=float, default=60.0, help="time that one search may take (60)")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder of the rows (results)")
    given = parser.parse_args(arguments)
    file = given.out / "scale.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    asked = {"candidates": given.candidates, "seconds_allowed": given.seconds}
    wanted = [(name, n) for n in sorted(given.ingredients) for name in given.searcher]
    done = {(row["searcher"], row["n"]) for row in rows if asked.items() <= row.items()}
    missing = [one for one in wanted if one not in done]
    given.out.mkdir(parents=True, exist_ok=True)
    with Bars() as bars, bars.stage("searches", len(missing), "run") as advance:
        for name, n in missing:
            result = apart(name, n, given.candidates, given.seconds)
            fleet = asdict(Fleet(n, SAMPLES, CLASSES, disagreement=0.6))
            about = {"searcher": name, "n": n, **asked, "fleet": fleet, "versions": versions(), "machine": machine()}
            rows.append(about | result)
            with file.open("a") as target:
                target.write(json.dumps(rows[-1]) + "\n")
            advance(1)
    shown = [row for row in rows if (row["searcher"], row["n"]) in wanted and asked.items() <= row.items()]
    print(table(shown))
    costly = ("not over", "out of memory")
    return 1 if any(row["error"] and not row["error"].startswith(costly) for row in shown) else 0


if __name__ == "__main__":
    sys.exit(main())
