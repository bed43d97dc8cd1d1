"""The rows of `kernels` for people: a table, and a plot of cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

#: What one method took on one case, and all that describes both.
Row = dict[str, Any]


def table(rows: Sequence[Row]) -> str:
    """The rows for people."""
    lines = [f"{'case':15} {'method':26} {'µs':>11} {'range':>21} {'ratio':>8} {'cpu':>8} {'exact':>5} {'MB':>6}"]
    for row in rows:
        if row["seconds"] is None:
            lines.append(f"{row['case']:15} {row['method']:26} {row['error']}")
            continue
        low, high = (1e6 * value for value in row["seconds_range"])
        ratio, busy = ("-" if row[key] is None else f"{row[key]:.2f}" for key in ("ratio", "cpu_ratio"))
        exact = {True: "yes", False: "NO", None: "-"}[row["exact"]]
        lines.append(
            f"{row['case']:15} {row['method']:26} {1e6 * row['seconds']:11.1f} {low:10.1f}-{high:10.1f} "
            f"{ratio:>8} {busy:>8} {exact:>5} {row['memory_mb']:6.0f}"
        )
    return "\n".join(lines)


def plot(rows: Sequence[Row], path: Path) -> None:
    """Time per recipe against N, M, C and K."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 3.6), layout="constrained")
    for axis, letter in zip(figure.subplots(1, 4, sharey=True), "NMCK", strict=True):
        chosen = [row for row in rows if row["case"].split()[0] in (letter, "synthetic") and row["seconds"]]
        chosen = [row for row in chosen if row["case"] not in ("synthetic low", "synthetic high")]
        for method in ("radin", "radin, products", "bare product", "dense torch", "numpy in place"):
            # the dense method's name goes on with its block sizes
            named = [row for row in chosen if row["method"].rstrip("0123456789x ,") == method]
            points = sorted((row[letter.lower()], row["seconds"]) for row in named)
            axis.loglog([x for x, _ in points], [y for _, y in points], "o-", label=method)
        axis.set(xlabel=letter, ylabel="seconds per recipe" if letter == "N" else None)
        axis.grid(alpha=0.3)
    figure.axes[0].legend(fontsize=8)
    figure.savefig(path, dpi=120)
