"""`python -m benchmarks.studies.surrogate`: how well averaged logits rank real soups, beside other surrogates.

On each pool random subsets of several sizes are built and evaluated for real. Spearman's rank correlation between real
soups and the surrogate's scores is taken within each size, and over all of them; the gap is the real score minus the
surrogate's. One half of the samples is for surrogates that have to be fitted; all scores are on the other half.
Rows go to OUT/surrogate.jsonl, and a picture beside them. Soups are kept beside the pool, so that a second run is fast.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

import radin
from benchmarks import zoos
from benchmarks.comparison.ensembles import Ensembles
from benchmarks.comparison.pictures import panels
from benchmarks.comparison.runs import described, versions
from benchmarks.comparison.store import Store
from benchmarks.comparison.tables import markdown
from radin.common.bars import Bars
from radin.common.files import written_aside
from radin.common.progress import SILENT, Progress
from radin.scoring.likelihood import losses

Row = dict[str, Any]

#: Of each pool `rank_correlation`, and of its soups `sizes`, `said` and `real`.
Dots = dict[str, dict[str, Any]]

SIZES = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48)

COLUMNS = ("pool", "surrogate", "size", "soups", "rank correlation", "of losses", "gap, %", "its spread, %")

#: The marks of soups by the number of their ingredients; colours that the colour-blind tell apart (Okabe and Ito).
MARKS = {
    (2, 3): ("soups of 2 or 3 ingredients", "^", "#D55E00"),
    (4, 8): ("soups of 4 to 8", "o", "#0072B2"),
    (9, math.inf): ("soups of more", "s", "#000000"),
}


def measure(store: Store, zoo: str, subsets: int, progress: Progress = SILENT) -> list[Row]:
    """Rows of one pool: for each surrogate one for each size, and one for all sizes together."""
    n, rng = len(store.pool), np.random.default_rng(0)
    recipes = [
        radin.Recipe.subset(store.names, rng.permutation(n)[:size])
        for size in SIZES
        if size < n
        for _ in range(subsets)
    ]
    sizes = np.array([recipe.size for recipe in recipes])
    fitting, scoring = np.array_split(rng.permutation(len(store.labels)), 2)
    labels, rows = store.labels[scoring], list[Row]()

    def scores(logits: np.ndarray) -> tuple[float, float]:
        return store.metric.score(logits[scoring], labels), -float(losses(logits[scoring], labels).mean())

    with progress.stage(f"{zoo}: soups", len(recipes), "soup") as advance:
        real = []
        for recipe in recipes:
            real.append(scores(store.logits(recipe)))
            advance(1)
    for name, predict in Ensembles(store, fitting):
        said = np.array([scores(predict(recipe)) for recipe in recipes])
        for size in [*np.unique(sizes).tolist(), None]:
            chosen = np.arange(len(recipes)) if size is None else np.flatnonzero(sizes == size)
            about = {"zoo": zoo, "store": store.key, "surrogate": name, "size": size, "error": None}
            rows.append(
                about | compared(np.array(real)[chosen], said[chosen], sizes[chosen]) | {"versions": versions()}
            )
    return rows


def compared(real: np.ndarray, said: np.ndarray, sizes: np.ndarray) -> Row:
    """Rank correlations and gap of some soups: columns of `real` and `said` are score and negated loss."""
    gaps = real[:, 0] - said[:, 0]
    return {
        "soups": len(real),
        "rank_correlation": correlation(real[:, 0], said[:, 0]),
        "rank_correlation_losses": correlation(real[:, 1], said[:, 1]),
        "gap": float(gaps.mean()),
        "gap_spread": float(gaps.std(ddof=1)),
        "real": real[:, 0].tolist(),
        "said": said[:, 0].tolist(),
        "sizes": sizes.tolist(),
    }


def correlation(one: np.ndarray, other: np.ndarray) -> float | None:
    """Spearman's rank correlation; None where all values are equal."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return float(stats.spearmanr(one, other).statistic)


def table(rows: Sequence[Row]) -> str:
    """All rows, as Markdown."""
    lines = [
        [
            row["zoo"],
            row["surrogate"],
            "all" if row["size"] is None else str(row["size"]),
            str(row["soups"]),
            *(
                "–" if row[name] is None else f"{row[name]:.2f}"
                for name in ("rank_correlation", "rank_correlation_losses")
            ),
            f"{100 * row['gap']:+.2f}",
            f"{100 * row['gap_spread']:.2f}",
        ]
        for row in rows
    ]
    return markdown(COLUMNS, lines, texts=2)


def dots(rows: Sequence[Row]) -> Dots:
    """The soups that the picture shows, of each pool: what averaged logits say of them, and what they really score."""
    shown = [row for row in rows if row["surrogate"] == "logits" and row["size"] is None]
    return {
        row["zoo"]: {
            "rank_correlation": row["rank_correlation"] and round(row["rank_correlation"], 4),
            "sizes": row["sizes"],
            "said": [round(value, 5) for value in row["said"]],
            "real": [round(value, 5) for value in row["real"]],
        }
        for row in shown
    }


def draw(found: Dots, path: Path) -> None:
    """Draws the real score against the score of averaged logits: a panel for each pool, a mark for each soup.

    Arguments:
        found: the soups of each pool.
        path: the PNG file to write, 900 pixels wide for two pools and more.
    """
    columns = 2 if len(found) < 5 else 3
    figure, axes = panels(len(found), width=9 / columns, height=3.0, columns=columns)
    for panel, (zoo, one) in zip(axes, found.items(), strict=True):
        said, real, sizes = 100 * np.array(one["said"]), 100 * np.array(one["real"]), np.array(one["sizes"])
        for (least, most), (label, mark, colour) in MARKS.items():
            chosen = (sizes >= least) & (sizes <= most)
            style = {"s": 22, "marker": mark, "color": colour, "linewidths": 0.4, "edgecolors": "white"}
            panel.scatter(said[chosen], real[chosen], label=label, **style)
        ends = [min(said.min(), real.min()), max(said.max(), real.max())]
        panel.plot(ends, ends, color="#555555", linewidth=1, zorder=0, label="as good as its averaged logits")
        panel.set_title(f"{zoo}: rank correlation {one['rank_correlation'] or 0:.2f}", fontsize=10)
        panel.tick_params(labelsize=9)
        panel.locator_params(nbins=5)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, fontsize=10, frameon=False)
    figure.supxlabel("accuracy of averaged logits, %", fontsize=11)
    figure.supylabel("accuracy of the real soup, %", fontsize=11)
    with written_aside(path) as file:
        figure.savefig(file, format="png", dpi=100)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures the pools that are not in the file, prints the table and draws the picture."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.studies.surrogate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--zoo", nargs="+", default=["digits"], choices=zoos.names(), metavar="NAME", help="the pools")
    parser.add_argument("--subsets", type=int, default=30, help="random subsets of each size (30)")
    parser.add_argument("--limit", type=int, help="use this many samples of each pool, so that a soup is cheap")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder of rows and picture (results)")
    given = parser.parse_args(arguments)
    file = given.out / "surrogate.jsonl"
    known = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    failed = 0
    with Bars() as bars:
        for zoo in given.zoo:
            try:
                with Store(zoos.get(zoo), limit=given.limit, progress=bars) as store:
                    if not any(row.get("store") == store.key for row in known):
                        known += (new := measure(store, zoo, given.subsets, bars))
                        given.out.mkdir(parents=True, exist_ok=True)
                        with file.open("a") as target:
                            target.writelines(json.dumps(row) + "\n" for row in new)
            except Exception as error:
                # A fault of one pool must not cost the others.
                print(f"{zoo}: {described(error)}", file=sys.stderr)
                failed += 1
    if known:
        print(table(known))
        draw(dots(known), given.out / "surrogate.png")
        print(f"\npicture: {given.out / 'surrogate.png'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
