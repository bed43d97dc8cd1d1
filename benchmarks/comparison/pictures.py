"""Pictures of the runs in a file: what a budget, a prior, a number of candidates and a pool's size buy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import radin
from benchmarks.comparison.rows import Row
from benchmarks.comparison.tables import DEFAULT, REFERENCE, Mean, Setting, by_setting
from radin.common.files import written_aside

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Groups = Mapping[Any, Sequence[Row]]

#: Baselines without B that a picture of B shows as lines.
LINES = {"best single": ":", "uniform": "-.", "greedy soup": "-", "model stock": (0, (1, 4)), "ensemble": "--"}

#: Of pools that share a panel.
MARKERS = "osv^DPX*"

#: λ = 0 has a place on a logarithmic axis left of the smallest other λ.
_LAM_TICKS = (0, 0.25, 0.5, 1, 2, 4, 10)


def draw(rows: Iterable[Row], out: Path) -> list[Path]:
    """Draws what the rows have something to say about, and returns the pictures' files."""
    settings = by_setting(rows)
    drawn = [
        (out / "score-against-budget.png", _budgets(settings)),
        (out / "lambda.png", _lambdas(settings)),
        (out / "candidates.png", _candidates(settings)),
        (out / "pool-size.png", _pool_sizes(settings)),
    ]
    for path, figure in drawn:
        if figure is not None:
            with written_aside(path) as file:
                figure.savefig(file, format="png", dpi=110)
    return [path for path, figure in drawn if figure is not None]


def grouped(rows: Iterable[Row], *fields: str) -> dict[Any, list[Row]]:
    """Rows by the values of some fields; by the value itself if it is one field."""
    found: dict[Any, list[Row]] = {}
    for row in rows:
        key = tuple(row[field] for field in fields)
        found.setdefault(key[0] if len(key) == 1 else key, []).append(row)
    return found


def panels(count: int, width: float = 5.2, height: float = 4.2, columns: int = 3) -> tuple[Figure, list[Axes]]:
    """A figure with this many panels, in rows of a few."""
    from matplotlib.figure import Figure

    wide = min(count, columns)
    high = -(-count // wide)
    figure = Figure(figsize=(width * wide, height * high), layout="constrained")
    axes = list(np.ravel(figure.subplots(high, wide, squeeze=False)))
    for unused in axes[count:]:
        unused.remove()
    for one in axes[:count]:
        one.grid(alpha=0.25)
    return figure, axes[:count]


def look(method: str, kind: str = "searcher") -> dict[str, Any]:
    """The style of a method in all pictures: a colour for each searcher, a solid line where it is calibrated."""
    if kind == "baseline":
        marker = {"greedy soup": "o", "random soups": "x", "top-k": "^"}.get(method, "s")
        return {"color": "#333333", "linestyle": "--", "linewidth": 1, "marker": marker, "markersize": 4}
    plain = method.removeprefix("calibrated ")
    known = list(radin.searchers())
    number = known.index(plain) if plain in known else len(known)
    return {"color": f"C{number % 10}", "linestyle": ":" if plain == method else "-", "marker": "."}


def name_all(figure: Figure, axes: Sequence[Axes]) -> None:
    """One legend for all panels, below them."""
    named = {label: handle for one in axes for handle, label in zip(*one.get_legend_handles_labels(), strict=True)}
    figure.legend(named.values(), named.keys(), loc="outside lower center", ncols=6, fontsize=7, frameon=False)


def curve(axes: Axes, groups: Groups, field: str, *, scale: float = 1.0, band: bool = True, **style: Any) -> None:
    """Means of a number over replicates against the groups' keys, with their 95 % intervals."""
    xs = sorted(groups)
    means = [Mean.of(row[field] for row in groups[x] if row.get(field) is not None) for x in xs]
    values = scale * np.array([mean.value for mean in means])
    (line,) = axes.plot(xs, values, **style)
    halves = scale * np.array([mean.half for mean in means])
    if band and np.isfinite(halves).all():
        axes.fill_between(xs, values - halves, values + halves, color=line.get_color(), alpha=0.07, linewidth=0)


def _budgets(settings: Mapping[Setting, Sequence[Row]]) -> Figure | None:
    """Held-out score against B, a panel for each pool."""
    shown = {s: _default_share(s, rows) for s, rows in _largest_per_zoo(settings).items()}
    if not shown:
        return None
    figure, axes = panels(len(shown))
    for panel, (setting, rows) in zip(axes, shown.items(), strict=True):
        for (kind, method), group in grouped((r for r in rows if r["soups"] is not None), "kind", "method").items():
            name = f"{method}, cut off" if method == "greedy soup" else method
            curve(panel, grouped(group, "soups"), "held_out", scale=100, band=False, label=name, **look(method, kind))
        low, high = panel.get_ylim()
        for method, group in grouped((row for row in rows if row["soups"] is None), "method").items():
            level = 100 * Mean.of(row["held_out"] for row in group).value
            if method in LINES and level > low - 2 * (high - low):  # those far below would squeeze all others
                panel.axhline(level, linestyle=LINES[method], color="#999999", linewidth=1.2, label=method)
        panel.set_xscale("log", base=2)
        panel.set_xticks(sorted({row["soups"] for row in rows} - {None}), minor=False)
        panel.xaxis.set_major_formatter("{x:.0f}")
        panel.set_title(str(setting), fontsize=9)
        panel.set_xlabel("B, real soups")
        panel.set_ylabel(f"{rows[0]['metric']} on held-out samples, %")
    name_all(figure, axes)
    return figure


def _lambdas(settings: Mapping[Setting, Sequence[Row]]) -> Figure | None:
    """Held-out score beside the greedy soup against λ, a panel for each pool; then size and overlap of the soups."""
    shown = {setting: swept for setting, rows in settings.items() if (swept := _swept(rows))}
    if not shown:
        return None
    figure, axes = panels(len(shown) + 2, height=3.6, columns=4)
    for panel, (setting, methods) in zip(axes, shown.items(), strict=False):
        for method, group in methods.items():
            curve(panel, grouped(group, "lam"), "difference", scale=100, label=method, **look(method))
        panel.axhline(0, color="#999999", linewidth=1)
        panel.set_title(f"{setting.zoo}, n = {setting.n}, B = {next(iter(methods.values()))[0]['soups']}", fontsize=9)
        panel.set_ylabel("held out, points over the greedy soup")
    for panel, field in zip(axes[len(shown) :], ("share", "overlap"), strict=True):
        for number, (setting, methods) in enumerate(shown.items()):
            style = {"color": f"C{number % 10}", "marker": MARKERS[number % len(MARKERS)], "markersize": 4}
            method = DEFAULT[0] if DEFAULT[0] in methods else next(iter(methods))
            rows = [row | {"share": row["sizes"] / setting.n} for row in methods[method] if row["sizes"] is not None]
            curve(panel, grouped(rows, "lam"), field, band=False, label=setting.zoo, **style)
        panel.set_title("mean size of the verified soups / n" if field == "share" else "their mean overlap", fontsize=9)
    axes[len(shown)].legend(fontsize=7, frameon=False)
    for panel in axes:
        panel.set_xscale("symlog", linthresh=0.25)
        panel.set_xticks(_LAM_TICKS, [f"{lam:g}" for lam in _LAM_TICKS])
        panel.set_xlim(-0.03, 11)
        panel.set_xlabel("λ")
    name_all(figure, axes[: len(shown)])
    return figure


def _swept(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The searchers that ran with every λ of at least three, at the default B where it ran, beside the greedy soup."""
    whole = {row["replicate"]: row["held_out"] for row in rows if (row["method"], row["soups"]) == (REFERENCE, None)}
    swept = [row for row in rows if row["kind"] == "searcher" and row["replicate"] in whole]
    budgets, lams = {row["soups"] for row in swept}, {row["lam"] for row in swept}
    soups = usual if (usual := radin.Budget().soups) in budgets else max(budgets, default=None)
    at_that = (
        row | {"difference": row["held_out"] - whole[row["replicate"]]} for row in swept if row["soups"] == soups
    )
    groups = grouped(at_that, "method", "candidates")
    found = {method: group for (method, _), group in groups.items() if {row["lam"] for row in group} == lams}
    return found if len(lams) > 2 else {}


def _candidates(settings: Mapping[Setting, Sequence[Row]]) -> Figure | None:
    """Held-out score and time of the search against candidates that were charged."""
    shown = {}
    for setting, rows in settings.items():
        rows = [row for row in rows if row["kind"] == "searcher" and row["lam"] == DEFAULT[1]]
        if len({row["candidates"] for row in rows}) > 2:
            most = max(row["soups"] for row in rows)
            shown[setting] = [row for row in rows if row["soups"] == most]
    if not shown:
        return None
    figure, axes = panels(2 * len(shown), columns=2)
    for number, (setting, rows) in enumerate(shown.items()):
        score, time = axes[2 * number : 2 * number + 2]
        for method, group in grouped(rows, "method").items():
            curve(score, grouped(group, "candidates"), "held_out", scale=100, band=False, label=method, **look(method))
            curve(time, grouped(group, "candidates"), "seconds_search", band=False, **look(method))
        score.set_title(str(setting), fontsize=9)
        score.set_ylabel(f"{rows[0]['metric']} on held-out samples, %")
        time.set_ylabel("search, seconds")
        time.set_yscale("log")
        for panel in (score, time):
            panel.set_xscale("log")
            panel.set_xlabel("K, candidates allowed")
    name_all(figure, axes)
    return figure


def _pool_sizes(settings: Mapping[Setting, Sequence[Row]]) -> Figure | None:
    """Held-out score and time of the search against the number of ingredients in a sub-pool."""
    zoos: dict[str, list[Row]] = {}
    for setting, rows in settings.items():
        zoos.setdefault(setting.zoo, []).extend(_default_share(setting, rows))
    shown = {zoo: rows for zoo, rows in zoos.items() if len({row["n"] for row in rows}) > 2}
    if not shown:
        return None
    figure, axes = panels(2 * len(shown), columns=2)
    for number, (zoo, rows) in enumerate(shown.items()):
        score, time = axes[2 * number : 2 * number + 2]
        most = max(row["soups"] or 0 for row in rows)
        searched = [row for row in rows if row["kind"] == "searcher" and row["soups"] == most]
        whole = [row for row in rows if row["soups"] is None and row["method"] in LINES]
        for method, group in grouped(searched, "method").items():
            curve(score, grouped(group, "n"), "held_out", scale=100, band=False, label=method, **look(method))
            curve(time, grouped(group, "n"), "seconds_search", band=False, **look(method))
        for method, group in grouped(whole, "method").items():
            style = {"color": "#999999", "linestyle": LINES[method], "label": method}
            curve(score, grouped(group, "n"), "held_out", scale=100, band=False, **style)
        score.set_title(f"{zoo}, B = {most}", fontsize=9)
        score.set_ylabel(f"{rows[0]['metric']} on held-out samples, %")
        time.set_ylabel("search, seconds")
        time.set_yscale("log")
        for panel in (score, time):
            panel.set_xlabel("n, ingredients in the sub-pool")
    name_all(figure, axes)
    return figure


def _default_share(setting: Setting, rows: Sequence[Row]) -> list[Row]:
    """Baselines, and searchers at the default λ, or at the smallest that was run, with the most candidates."""
    searched = [row for row in rows if row["kind"] == "searcher"]
    lams, most = {row["lam"] for row in searched}, max((row["candidates"] for row in searched), default=None)
    lam = DEFAULT[1] if DEFAULT[1] in lams else min(lams, default=None)
    return [row for row in rows if row["kind"] == "baseline" or (row["lam"], row["candidates"]) == (lam, most)]


def _largest_per_zoo(settings: Mapping[Setting, Sequence[Row]]) -> dict[Setting, Sequence[Row]]:
    """Of each pool the setting with the most runs."""
    best: dict[str, Setting] = {}
    for setting, rows in settings.items():
        if setting.zoo not in best or len(rows) > len(settings[best[setting.zoo]]):
            best[setting.zoo] = setting
    return {setting: settings[setting] for setting in best.values()}
