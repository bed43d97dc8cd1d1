"""`python -m benchmarks.speed.kernels`: what scoring recipes costs, beside its floor and its peers.

All methods run in this process, side by side, alternating, on the same recipes: random subsets. Seconds are per recipe,
medians over the rounds, with their range; `ratio` says how many times as long a method takes as radin's kernel, in
seconds and in CPU seconds; *radin, products* is what radin does without numba. Likelihoods are compared with one
another. The floor is the matrix product of the
live margins alone. `exact` compares the right samples of 1 024 recipes with real arithmetic. Peak memory is what a
method adds to the private memory of the process.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

import radin
from benchmarks import zoos
from benchmarks.speed.growth import peak_growth
from benchmarks.speed.kernel_display import Row, draw_lines, lines, table
from benchmarks.speed.kernel_methods import Peers, autogluon_selection, bare_product, oracle, same_selection
from benchmarks.speed.processes import machine
from benchmarks.speed.synthetic import Fleet, character
from radin.scoring.logit_bank import LogitBank
from radin.scoring.metrics import TemperedLikelihood
from radin.scoring.surrogate.lookup_kernel import compiled

#: How the error of a peer begins that is not there; such a row does not fail the run.
NOT_INSTALLED = "not installed"

#: Products that checking one case against real arithmetic may take.
ORACLE_VALUES = 2e11

Work = Callable[[np.ndarray], Any]


@dataclass(frozen=True)
class Case:
    """A bank by its name, and how much is asked of it."""

    name: str
    bank: Callable[[Path], LogitBank]
    recipes: int = 8192
    checked: int = 1024
    search: int = 0  # candidates of the search from end to end
    selection: int = 0  # steps of the greedy selection with replacement
    likelihoods: bool = True  # beside accuracy


@dataclass(frozen=True)
class Method:
    """One way to do something with masks; `share` of the recipes is enough to time it."""

    name: str
    work: Work
    rival: str = "radin"
    share: float = 1.0
    whole: bool = False  # seconds of the whole, not per recipe
    each: int = 1  # recipes that one mask stands for


def cases(quick: bool, banks: Sequence[str]) -> list[Case]:
    """Measurements; the quick ones take seconds and show only that everything works."""
    if quick:
        return [
            Case("synthetic", Fleet(8, 300, 10).bank_in, 300, 100, search=2000, selection=5),
            Case("float16", Fleet(12, 200, 30, dtype="float16").bank_in, 300, 100),
        ]
    found = [
        Case(f"synthetic {level}", Fleet(32, 10_000, 100, spread).bank_in, selection=25 if level == "mid" else 0)
        for level, spread in {"low": 0.15, "mid": 0.32, "high": 0.6}.items()
    ]
    found.append(Case("wide", Fleet(72, 26_000, 1000, dtype="float16").bank_in, 2048))
    found.append(Case("thousand", Fleet(1000, 2000, 100, dtype="float16").bank_in, 4096))
    found += [Case(name, lambda folder, name=name: _zoo(name, folder), search=1_000_000) for name in zoos.names()]
    for text in banks:
        name, _, folder = text.partition("=")
        found.append(Case(name, lambda _, folder=folder: LogitBank.from_folder(folder), search=1_000_000))
    for axis, sizes in {"N": (8, 16, 64, 128), "M": (1000, 3000, 30_000), "C": (10, 30, 300)}.items():
        for size in sizes:
            shape = {"N": 32, "M": 10_000, "C": 100, axis: size}
            fleet = Fleet(shape["N"], shape["M"], shape["C"])
            found.append(Case(f"{axis} {size}", fleet.bank_in, 4096, 0, likelihoods=False))
    found += [
        Case(f"K {k}", Fleet(32, 10_000, 100).bank_in, k, 0, likelihoods=False) for k in (1, 16, 256, 4096, 65_536)
    ]
    return found


def _zoo(name: str, folder: Path) -> LogitBank:
    zoo = zoos.get(name)
    return radin.Verifier(radin.Pool(zoo.build()), zoo.task(), folder).all_rows


def random_subsets(k: int, n: int, seed: int = 1) -> np.ndarray:
    """Subsets that hold each ingredient with probability one half; none is empty."""
    rng = np.random.default_rng(seed)
    masks = rng.random((k, n)) < 0.5
    masks[np.arange(k), rng.integers(n, size=k)] = True
    return masks


def measure(case: Case, folder: Path, rounds: int, device: str) -> Iterator[Row]:
    """Runs all methods on one case, alternating, and sums each up in one row."""
    bank = case.bank(folder)
    accuracy, agreement = character(bank)
    about = {
        "n": len(bank), "m": bank.n_samples, "c": bank.n_classes, "k": case.recipes, "device": device,
        "accuracy": accuracy, "agreement": agreement, "machine": machine(),
    }  # fmt: skip
    surrogate = radin.Surrogate(bank, device=device)

    def prepare(_: np.ndarray) -> None:
        radin.Surrogate(bank, device=device).kernel  # noqa: B018 -- reads the logits

    seconds, grown = peak_growth(lambda: surrogate.kernel)
    start = time.perf_counter()
    about["compiled"] = compiled() is not None
    about["load_seconds"] = time.perf_counter() - start  # once in a process; a search waits until this pays
    about["rows"] = int(surrogate.kernel.live.starts[-1])
    masks = random_subsets(case.recipes, len(bank))
    ways = [
        Method("radin", surrogate),
        Method("radin, products", lambda rows: surrogate.kernel.products(rows.astype(np.float64))),
        Method("bare product", bare_product(surrogate)),
        Method("radin, preparation", prepare, whole=True),
        *_peers(bank, masks, device, case.likelihoods),
        Method("radin, neighbours", lambda rows: [surrogate.neighbours(row) for row in rows], share=16 / case.recipes),
    ]
    exact = {}
    if case.checked:
        found, about["checked_samples"] = _are_exact(bank, random_subsets(case.checked, len(bank), 2), device)
        exact = {"radin": found[0], "radin, products": found[1]}
    for row in _timed(case, ways, masks, rounds, exact, about):
        if row["method"] == "radin, preparation":
            row["memory_mb"] = grown
            row["first_seconds"] = seconds
            row["gb_per_second"] = 4e-9 * len(bank) * bank.n_samples * bank.n_classes / row["seconds"]
        yield row
    if case.search:
        yield from _search(case, surrogate, rounds, about)
    if case.selection:
        yield from _selection(case, bank, rounds, about)


def measure_likelihoods(case: Case, folder: Path, rounds: int, device: str) -> Iterator[Row]:
    """Runs the methods that compute likelihoods on one case, alternating, and sums each up in one row."""
    bank = case.bank(folder)
    surrogate = radin.Surrogate(bank, "nll", device=device)
    masks = random_subsets(case.recipes, len(bank))
    about = {
        "n": len(bank), "m": bank.n_samples, "c": bank.n_classes, "k": case.recipes, "device": device,
        "bound": surrogate.bound, "machine": machine(),
    }  # fmt: skip
    yield from _timed(case, _likelihoods(bank, Peers(bank, device), masks, device), masks, rounds, {}, about)


def _are_exact(bank: LogitBank, masks: np.ndarray, device: str) -> tuple[list[bool], int]:
    """Whether all recipes have the right samples that they should, in both ways of counting; and on how many samples,
    where all take too long."""
    most = int(ORACLE_VALUES / (len(bank) * bank.n_classes * len(masks)))
    rows = np.linspace(0, bank.n_samples - 1, min(bank.n_samples, most)).astype(np.int64)
    part = bank if most >= bank.n_samples else bank.take(rows)
    truth, kernel = oracle(part, masks), radin.Surrogate(part, device=device).kernel
    counts = kernel.hits(masks), kernel.products(masks.astype(np.float64))
    return [bool((found[:, 0] == truth).all()) for found in counts], part.n_samples


def _peers(bank: LogitBank, masks: np.ndarray, device: str, likelihoods: bool) -> list[Method]:
    peers = Peers(bank, device)
    samples, recipes = peers.best_dense(masks, time.perf_counter)
    share = min(1.0, max(recipes, 64) / len(masks))
    found = [
        Method(f"dense torch, {samples} x {recipes}", lambda m: peers.torch_dense(m, samples, recipes), share=share)
    ]
    if peers.fits:
        few = min(1.0, 8 / len(masks))
        found.append(Method("numpy in place", peers.numpy_in_place, share=few))
        found.append(Method("numpy mean, argmax", peers.numpy_mean, share=few))
        if likelihoods:
            found += _likelihoods(bank, peers, masks, device)
    return found


def _likelihoods(bank: LogitBank, peers: Peers, masks: np.ndarray, device: str) -> list[Method]:
    """Negative log-likelihoods: for ranking (within `Surrogate.bound`), refined (within 1e-6), and dense in torch.

    Tempered ones fit one temperature to each recipe; dense torch does not.
    """
    surrogate = radin.Surrogate(bank, "nll", device=device)
    tempered = radin.Surrogate(bank, TemperedLikelihood(), device=device)
    for one in (surrogate, tempered):  # reads the logits and loads the compiled loops
        one(masks[:1]), one.refined(masks[:1]), one.neighbours(masks[0])
    rival, few = "radin, nll", min(1.0, 32 / len(masks))
    return [
        Method(rival, surrogate, rival=rival),
        Method(
            "radin, nll neighbours",
            lambda rows: [surrogate.neighbours(row) for row in rows],
            rival=rival,
            share=4 / len(masks),
            each=len(bank),
        ),
        Method("radin, nll refined", surrogate.refined, rival=rival, share=few),
        Method("radin, tempered", tempered, rival=rival, share=few),
        Method(
            "radin, tempered neighbours",
            lambda rows: [tempered.neighbours(row) for row in rows],
            rival=rival,
            share=1 / len(masks),
            each=len(bank),
        ),
        Method("dense torch, nll", peers.torch_losses, rival=rival, share=few),
        Method(
            "dense torch, nll float32",
            lambda rows: peers.torch_losses(rows, dtype=torch.float32),
            rival=rival,
            share=few,
        ),
    ]


@dataclass
class _Times:
    """Seconds of one method in each round, memory and the error that ended it."""

    wall: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    memory: float | None = None
    error: str | None = None

    def take(self, way: Method, masks: np.ndarray, *, warms: bool) -> None:
        """Runs a method once; the first time warms caches and is watched, not timed."""
        try:
            if warms:
                self.memory = peak_growth(lambda: way.work(masks))[1]
                return
            start, start_busy = time.perf_counter(), time.process_time()
            way.work(masks)
            each = 1 if way.whole else len(masks) * way.each
            self.wall.append((time.perf_counter() - start) / each)
            self.busy.append((time.process_time() - start_busy) / each)
        except ModuleNotFoundError as error:
            self.error = f"{NOT_INSTALLED}: {error.name}; pip install '.[peers]'"
        except Exception as error:  # a method that fails is a row, and the run's exit status
            self.error = f"{type(error).__name__}: {error}"

    @property
    def median(self) -> float | None:
        """Median seconds; None where no round ended."""
        return statistics.median(self.wall) if self.wall else None

    @property
    def median_busy(self) -> float | None:
        """Median seconds of all cores together; None where no round ended."""
        return statistics.median(self.busy) if self.busy else None


def _timed(
    case: Case, ways: Sequence[Method], masks: np.ndarray, rounds: int, exact: dict[str, bool], about: dict[str, Any]
) -> Iterator[Row]:
    """Runs all methods in turn, round after round, and sums each up in one row."""
    times = {way.name: _Times() for way in ways}
    for turn in range(rounds + 1):
        for way in ways:
            if times[way.name].error is None:
                times[way.name].take(way, masks[: max(1, round(way.share * len(masks)))], warms=not turn)
    for way in ways:
        own, rival = times[way.name], None if way.whole else times.get(way.rival)
        yield {
            "bench": "kernels",
            "case": case.name,
            "method": way.name,
            "seconds": own.median,
            "ratio": _ratio(own.median, rival and rival.median),
            "exact": exact.get(way.name),
            "memory_mb": own.memory,
            "error": own.error,
            "seconds_range": [min(own.wall), max(own.wall)] if own.wall else None,
            "cpu_seconds": own.median_busy,
            "cpu_ratio": _ratio(own.median_busy, rival and rival.median_busy),
            "ratio_to": way.rival,
            "rounds": len(own.wall),
            **about,
        }


def _ratio(ours: float | None, theirs: float | None) -> float | None:
    return None if ours is None or theirs is None else ours / theirs


def _search(case: Case, surrogate: radin.Surrogate, rounds: int, about: dict[str, Any]) -> Iterator[Row]:
    """The whole search beside the bare kernel on as many recipes; a ratio of 2 is half the kernel's rate."""
    budget = radin.Budget(candidates=case.search)
    many = random_subsets(case.search, about["n"], seed=3)
    ways = [
        Method("kernel alone", surrogate, "kernel alone"),
        Method("radin.search", lambda _: radin.search("monte-carlo", surrogate, budget, seed=0), "kernel alone"),
    ]
    yield from _timed(case, ways, many, min(rounds, 3), {}, {**about, "k": case.search})


def _selection(case: Case, bank: LogitBank, rounds: int, about: dict[str, Any]) -> Iterator[Row]:
    """AutoGluon's greedy selection and the same one by radin's kernel, averaging the same probabilities."""
    logits = np.stack([bank.read(i, 0, bank.n_samples) for i in range(len(bank))]).astype(np.float64)
    chances = np.exp(logits - logits.max(axis=2, keepdims=True))
    chances /= chances.sum(axis=2, keepdims=True)
    answers: dict[str, list[int]] = {}

    def way(name: str, select: Callable[..., list[int]]) -> Method:
        def work(_: np.ndarray) -> None:
            answers[name] = select(chances, bank.labels, case.selection, 0)

        return Method(name, work, "radin, selection", whole=False)

    ways = [way("radin, selection", same_selection), way("AutoGluon", autogluon_selection)]
    for row in _timed(case, ways, np.ones((1, len(bank)), dtype=bool), rounds, {}, {**about, "k": case.selection}):
        if "AutoGluon" in answers:
            row["exact"] = answers["AutoGluon"] == answers["radin, selection"]
        yield row


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints the table, appends rows; 1 if any method failed or was not exact."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed.kernels", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--quick", action="store_true", help="tiny banks, to see that it runs")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--case", nargs="+", default=[], help="only cases whose names begin with one of these")
    parser.add_argument("--bank", nargs="+", default=[], metavar="NAME=FOLDER", help="folders of .npy logits, as cases")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--likelihood", action="store_true", help="only the methods that compute likelihoods")
    parser.add_argument("--json", type=Path, help="append one line per row to this file")
    parser.add_argument("--plot", type=Path, help="draw cost against N, M, C and K into this PNG file")
    options = parser.parse_args(arguments)
    rows: list[Row] = []
    for case in cases(options.quick, options.bank):
        if options.case and not case.name.startswith(tuple(options.case)):
            continue
        with tempfile.TemporaryDirectory() as made:
            new = []
            rounds = 2 if options.quick else options.rounds
            way = measure_likelihoods if options.likelihood else measure
            for row in way(case, Path(made), rounds, options.device):
                new.append(row)
                if options.json:
                    with options.json.open("a") as file:
                        file.write(json.dumps(row) + "\n")
        print(table(new), flush=True)
        rows += new
    if options.plot:
        draw_lines(lines(rows), options.plot)
    failed = [
        row for row in rows if row["exact"] is False or not (row["error"] or NOT_INSTALLED).startswith(NOT_INSTALLED)
    ]
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
