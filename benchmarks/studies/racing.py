"""`python -m benchmarks.studies.racing`: how many passes racing saves, and what it costs in held-out score.

For each pool, number of selecting rows and replicate (a random three quarters of the pool, random selecting rows, the
truth on all others) ingredients run in full or race by several rules. Candidates are those of stepwise selection on
the averaged logits of the survivors; the best B are verified on real soups and the winner is chosen among them and the
survivors. Everything is compared, paired by replicate, with all passes and with the full greedy soup on real soups.
Rows go to OUT/racing.jsonl; a second run adds what is missing. Soups are kept beside the pool.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks import zoos
from benchmarks.comparison.runs import described, versions
from benchmarks.comparison.store import Store
from benchmarks.comparison.tables import markdown
from benchmarks.studies.bills import IN_FULL, draw_bills, spots, summary
from benchmarks.studies.criteria import ONE_SE, tempered
from benchmarks.studies.draws import Draw, Row, accuracy, add_rows, least_values, likelihood, points, read_rows
from radin.common.bars import Bars
from radin.common.progress import SILENT, Progress
from radin.evaluation.race_settings import RaceSettings
from radin.evaluation.racing import RaceResult, race

#: Real soups that are verified.
SOUPS = (1, 4)

#: By what candidates are ranked and soups are chosen.
CRITERIA = {"metric": accuracy, "likelihood": likelihood, "tempered": tempered, ONE_SE: tempered}

#: Begins the name of a criterion where each verified soup helps to choose the next, as `radin.make_soup` does.
CALIBRATED = "calibrated-"

#: By how much the held-out score may be below the full greedy soup's where a rule counts as not inferior.
MARGIN = 0.003

#: Selecting rows; a pool takes part at those that leave half of its samples for the truth.
ROWS = (300, 500, 1_000, 2_000, 5_000)

COLUMNS = (
    "pool",
    "rows",
    "rule",
    "ranked by",
    "B",
    "replicates",
    "share of N passes",
    "bill / greedy's",
    "bill / (N + B)",
    "against all passes",
    "against greedy in full",
    "against the best ingredient",
)


def named(rule: RaceSettings | None) -> str:
    """A rule in a few words."""
    if rule is None:
        return IN_FULL
    near = f"z = {rule.z:g}" if rule.z else "halves alone"
    return f"{near}, H = {rule.halves}" + (f", votes = {rule.votes}" if rule.votes > 1 else "")


def play(draw: Draw, rule: RaceSettings | None) -> RaceResult | None:
    """The race on one draw; None runs all in full."""
    if rule is None:
        return None
    return race(
        draw.n,
        draw.labels,
        draw.store.metric,
        lambda ingredients, rows: [draw.stack[i][rows] for i in ingredients],
        rule,
        draw.number,
    )


def measure(
    draw: Draw,
    zoo: str,
    asked: Mapping[RaceSettings | None, Sequence[str]],
    references: Mapping[str, float] | None = None,
) -> Iterator[Row]:
    """A row for each rule, each criterion that is asked of it, and each B.

    Arguments:
        draw: the replicate.
        zoo: name of the pool.
        asked: criteria by rule.
        references: held-out scores of the greedy soup and of the best ingredient, where other rows of this draw have
            them: the greedy soup takes N - 1 soups.
    """
    if references is None:
        references = {"greedy": draw.held_out(draw.greedy), "best_single": draw.held_out(draw.best_single)}
    for rule, criteria in asked.items():
        result = play(draw, rule)
        survivors = np.arange(draw.n) if result is None else result.survivors
        for criterion in criteria:
            name = criterion.removeprefix(CALIBRATED)
            score, most = CRITERIA[name], max(SOUPS)
            if name == criterion:
                order = draw.candidates(score, survivors, top=most)
            else:
                order = draw.calibrated(name, survivors, most)
            for soups in SOUPS:
                winner = draw.chosen([*order[:soups], *draw.singles(survivors)], score, name == ONE_SE)
                yield {
                    "zoo": zoo,
                    "store": draw.store.key,
                    "replicate": draw.number,
                    "rows": draw.rows,
                    "rule": named(rule),
                    "criterion": criterion,
                    "soups": soups,
                    "n": draw.n,
                    "passes": float(draw.n) if result is None else result.passes,
                    "survivors": len(survivors),
                    "verified": len(order[:soups]),
                    "held_out": draw.held_out(winner),
                    "size": int(winner.sum()),
                    **references,
                    "versions": versions(),
                }


def table(rows: Sequence[Row]) -> str:
    """Every rule, paired with all passes, with greedy and with the best ingredient; and the mean over pools last."""
    full = {_key(row): row["held_out"] for row in rows if row["rule"] == IN_FULL}
    groups: dict[tuple[str, int, str, str, int], list[Row]] = {}
    for row in rows:
        group = (row["zoo"], row["rows"], row["criterion"], row["rule"], row["soups"])
        groups.setdefault(group, []).append(row)
    lines = []
    for (zoo, count, criterion, rule, soups), group in sorted(groups.items()):
        paired = [row["held_out"] - full[_key(row)] for row in group if _key(row) in full]
        bills = [row["passes"] + row["verified"] for row in group]
        lines.append(
            [
                zoo,
                f"{count:,}",
                rule,
                criterion,
                str(soups),
                str(len(group)),
                f"{np.mean([row['passes'] / row['n'] for row in group]):.2f}",
                f"{np.median([bill / (2 * row['n'] - 1) for bill, row in zip(bills, group, strict=True)]):.2f}",
                f"{np.median([bill / (row['n'] + soups) for bill, row in zip(bills, group, strict=True)]):.2f}",
                points(paired) if rule != IN_FULL else "0",
                points([row["held_out"] - row["greedy"] for row in group]),
                points([row["held_out"] - row["best_single"] for row in group]),
            ]
        )
    return markdown(COLUMNS, lines, texts=4)


def over_pools(rows: Sequence[Row]) -> str:
    """Every rule over all pools and numbers of rows: the mean over pools, each pool a unit, with its interval."""
    full = {_key(row): row["held_out"] for row in rows if row["rule"] == IN_FULL}
    groups: dict[tuple[str, str, int], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["criterion"], row["rule"], row["soups"]), []).append(row)
    lines = []
    for (criterion, rule, soups), group in sorted(groups.items()):
        pools = sorted({row["zoo"] for row in group})
        of = {zoo: [row for row in group if row["zoo"] == zoo] for zoo in pools}
        shares = [np.mean([row["passes"] / row["n"] for row in of[zoo]]) for zoo in pools]
        against = [[row["held_out"] - full[_key(row)] for row in of[zoo] if _key(row) in full] for zoo in pools]
        greedy = [[row["held_out"] - row["greedy"] for row in of[zoo]] for zoo in pools]
        lines.append(
            [
                rule,
                criterion,
                str(soups),
                str(len(pools)),
                str(len(group)),
                f"{np.mean(shares):.2f}",
                points([float(np.mean(one)) for one in against if one]) if rule != IN_FULL else "0",
                points([float(np.mean(one)) for one in greedy]),
            ]
        )
    head = (
        "rule",
        "ranked by",
        "B",
        "pools",
        "replicates",
        "share of N passes",
        "against all passes",
        "against greedy",
    )
    return markdown(head, lines, texts=2)


def inferiority(rows: Sequence[Row], margin: float = MARGIN) -> str:
    """Every rule against the full greedy soup, by pool: the least that the difference may be, and the median bill.

    *At least* are one-sided 95 % bounds that hold on all pools together (Holm); a rule is not inferior where all are
    above minus the margin. The unit is the draw: a replicate at one number of selecting rows.
    """
    groups: dict[tuple[str, str, int], dict[str, list[Row]]] = {}
    for row in rows:
        by_pool = groups.setdefault((row["criterion"], row["rule"], row["soups"]), {})
        by_pool.setdefault(row["zoo"], []).append(row)
    lines = []
    for (criterion, rule, soups), by_pool in sorted(groups.items()):
        lost = {zoo: [row["held_out"] - row["greedy"] for row in group] for zoo, group in sorted(by_pool.items())}
        bounds = least_values(list(lost.values()), margin)
        for (zoo, differences), bound in zip(lost.items(), bounds, strict=True):
            group = by_pool[zoo]
            bills = [row["passes"] + row["verified"] for row in group]
            greedy = np.median([bill / (2 * row["n"] - 1) for bill, row in zip(bills, group, strict=True)])
            plain = np.median([bill / (row["n"] + soups) for bill, row in zip(bills, group, strict=True)])
            least, of_greedy, of_plain = f"{100 * bound:+.2f}", f"{greedy:.2f}", f"{plain:.2f}"
            about = [rule, criterion, str(soups), zoo, str(len(group))]
            lines.append([*about, points(differences), least, of_greedy, of_plain])
    head = (
        "rule",
        "ranked by",
        "B",
        "pool",
        "draws",
        "against greedy",
        "at least",
        "bill / greedy's",
        "bill / (N + B)",
    )
    return markdown(head, lines, texts=4)


def _key(row: Row) -> tuple[str, str, int, int, str, int]:
    return row["zoo"], row["store"], row["replicate"], row["rows"], row["criterion"], row["soups"]


def run(
    store: Store,
    zoo: str,
    counts: Sequence[int],
    replicates: int,
    rules: Sequence[RaceSettings | None],
    criteria: Sequence[str],
    file: Path,
    progress: Progress = SILENT,
) -> None:
    """Adds the rows of one pool that are not in the file."""
    rows = [row for row in read_rows(file) if row["store"] == store.key]
    done = {(*_key(row)[:4], row["rule"], row["criterion"]) for row in rows}
    known = {_key(row)[:4]: {name: row[name] for name in ("greedy", "best_single")} for row in rows}
    fitting = [count for count in counts if 2 * count <= len(store.labels)]
    with progress.stage(f"{zoo}: replicates", replicates * len(fitting), "replicate") as advance:
        for number in range(replicates):
            for count in fitting:
                missing: dict[RaceSettings | None, list[str]] = {}
                for rule, criterion in product(rules, criteria):
                    if (zoo, store.key, number, count, named(rule), criterion) not in done:
                        missing.setdefault(rule, []).append(criterion)
                if missing:
                    references = known.get((zoo, store.key, number, count))
                    add_rows(file, measure(Draw(store, number, count), zoo, missing, references))
                advance(1)


def rules_of(given: argparse.Namespace) -> list[RaceSettings | None]:
    """The rules of the command line, all passes first."""
    rules = [
        RaceSettings(z=z, halves=halves, votes=votes)
        for z in given.z
        for halves in given.halves
        for votes in given.votes
    ]
    return [None, *rules]


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.studies.racing",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    say = parser.add_argument
    say("--zoo", nargs="+", default=["digits"], choices=zoos.names(), metavar="NAME", help="the pools (digits)")
    say("--rows", nargs="+", type=int, default=list(ROWS), metavar="M", help="selecting rows (300 500 1000 2000 5000)")
    say("--replicates", type=int, default=10, metavar="R", help="replicates of each (10)")
    say("--z", nargs="+", type=float, default=[0.0], metavar="Z", help="paired standard errors; 0: halves alone (0)")
    say("--halves", nargs="+", type=int, default=[8], metavar="H", help="random halves (8)")
    say("--votes", nargs="+", type=int, default=[1], metavar="V", help="selections that keep an ingredient (1)")
    say(
        "--criterion",
        nargs="+",
        default=["metric"],
        choices=[*CRITERIA, *(CALIBRATED + name for name in CRITERIA)],
        help="ranks and chooses (metric)",
    )
    say("--out", type=Path, default=Path("results"), help="folder of the rows (results)")
    say("--plot", type=Path, help="draw held-out score against the whole bill into this PNG file")
    say("--quick", action="store_true", help="two replicates at 300 rows: shows that everything works")
    given = parser.parse_args(arguments)
    if given.quick:
        given.rows, given.replicates = [300], 2
    return given


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures what is missing and prints the tables; returns 1 if a pool failed."""
    given = parsed(arguments)
    file, failed = given.out / "racing.jsonl", 0
    with Bars() as bars:
        for zoo in given.zoo:
            try:
                with Store(zoos.get(zoo), progress=bars) as store:
                    run(store, zoo, given.rows, given.replicates, rules_of(given), given.criterion, file, bars)
            except Exception as error:
                # Whatever is wrong with one pool, the others are not to blame.
                print(f"{zoo}: {described(error)}", file=sys.stderr)
                failed += 1
    asked = {named(rule) for rule in rules_of(given)}
    rows = [row for row in read_rows(file) if row["zoo"] in given.zoo and row["rule"] in asked]
    rows = [row for row in rows if row["criterion"] in given.criterion]
    print(table(rows), over_pools(rows), inferiority(rows), summary(rows), sep="\n")
    if given.plot and rows:
        draw_bills(spots(rows), given.plot)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
