"""`python -m benchmarks.speed.averaging`: time and memory of building a soup, beside a lower bound and peers.

Every method runs in a process of its own, one after the other, round after round, on files that lie in the page cache.
Times are medians over the rounds, with their range. The peers are the loop of model-soups' `main.py` on `.pt` (written
from its description) and mergekit, as `mergekit-pytorch` on files and `mergekit-yaml` on folders of models; the lower
bound reads every byte and writes as many as one file has.
`exact` tells whether the result is, bit for bit, the float32 sum of products in pool order.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

from benchmarks.speed.checkpoints import LLAMA, Shapes, llama, transformer, vit_b32, write_pt, write_safetensors
from benchmarks.speed.processes import Cost, interpreter_mb, machine, run

Row = dict[str, Any]

#: Stands for the suffix of a checkpoint that is a folder of a model.
FOLDER = "/model.safetensors"


@dataclass(frozen=True)
class Case:
    """`n` checkpoints of some shapes; folders of models where there is a config for them."""

    name: str
    shapes: Shapes
    n: int
    config: Mapping[str, Any] | None = None

    def takes(self, way: Method) -> bool:
        """Whether a method is for checkpoints such as these."""
        return (way.suffix == FOLDER) == (self.config is not None)

    def files(self, folder: Path, suffix: str) -> list[Path]:
        """The checkpoints' files, made if they are not there; larger cases contain smaller ones of the same shapes."""
        kind = self.name.split(" x ")[0].replace("/", "-")
        home = folder / kind
        home.mkdir(parents=True, exist_ok=True)
        if suffix == FOLDER:
            return [self._folder(home / f"{i:03}", seed=i) for i in range(self.n)]
        files = [home / f"{i:03}{suffix}" for i in range(self.n)]
        for i, file in enumerate(files):
            if not file.exists():
                source = file.with_suffix(".safetensors")
                if suffix == ".pt":
                    write_pt(source, file)
                else:
                    write_safetensors(source, self.shapes, seed=i)
        return files

    def _folder(self, place: Path, seed: int) -> Path:
        file = place / FOLDER[1:]
        if not file.exists():
            place.mkdir(exist_ok=True)
            write_safetensors(file, self.shapes, seed)
            (place / "config.json").write_text(json.dumps(self.config))
        return file


@dataclass(frozen=True)
class Method:
    """One way to build a soup: the command for some files, and whether the inner time counts or the whole process."""

    name: str
    suffix: str
    command: Callable[[Path, list[Path]], list[str]]
    inner: bool = False
    soup: bool = True


def methods(mergekit: str | None) -> list[Method]:
    """All methods that can run here."""

    def program(name: str) -> Callable[[Path, list[Path]], list[str]]:
        file = str(Path(__file__).with_name("averaging_methods.py"))
        return lambda out, files: [sys.executable, file, name, str(out), *map(str, files)]

    def command(out: Path, files: list[Path]) -> list[str]:
        return [str(Path(sys.executable).with_name("radin")), "average", *map(str, files), "-o", str(out)]

    def of_folders(out: Path, files: list[Path]) -> list[str]:
        return command(out, [file.parent for file in files])

    found = [
        Method("read and write", ".safetensors", program("floor"), inner=True, soup=False),
        Method("radin, inner", ".safetensors", program("radin"), inner=True),
        Method("radin average", ".safetensors", command),
        Method("radin average, .pt", ".pt", command),
        Method("model-soups loop, .pt", ".pt", program("model-soups")),
        Method("read and write", FOLDER, program("floor"), inner=True, soup=False),
        Method("radin average", FOLDER, of_folders),
    ]
    if mergekit:
        for name, suffix in {"mergekit-pytorch": ".safetensors", "mergekit-pytorch, .pt": ".pt"}.items():
            found.append(Method(name, suffix, lambda out, files: _mergekit(mergekit, out, files)))
        yaml = str(Path(mergekit).with_name("mergekit-yaml"))
        found.append(Method("mergekit-yaml, linear", FOLDER, lambda out, files: _mergekit_yaml(yaml, out, files)))
    return found


def _mergekit(program: str, out: Path, files: list[Path]) -> list[str]:
    return [program, str(_linear(out, files)), str(out.with_suffix("")), "--quiet"]


def _mergekit_yaml(program: str, out: Path, files: list[Path]) -> list[str]:
    config = _linear(out, [file.parent for file in files])
    return [program, str(config), str(out), "--quiet", "--no-copy-tokenizer"]


def _linear(out: Path, models: list[Path]) -> Path:
    """The file that asks mergekit for the uniform soup."""
    listed = [{"model": str(model), "parameters": {"weight": 1 / len(models)}} for model in models]
    config = out.with_suffix(".yaml")
    config.write_text(json.dumps({"merge_method": "linear", "dtype": "float32", "models": listed}))
    return config


def measure(case: Case, ways: Sequence[Method], folder: Path, rounds: int, idle_mb: float) -> list[Row]:
    """Runs all methods on one case, alternating, and sums each up in one row."""
    ways = [way for way in ways if case.takes(way)]
    files = {suffix: case.files(folder, suffix) for suffix in dict.fromkeys(way.suffix for way in ways)}
    costs: dict[str, list[Cost]] = {way.name: [] for way in ways}
    exact: dict[str, bool | None] = {}
    for turn in range(rounds + 1):  # the first turn is checked, not timed
        for way in ways:
            with tempfile.TemporaryDirectory(dir=folder) as place:
                out = Path(place) / _name_of_soup(way)
                _warm(files[way.suffix])
                cost = run(way.command(out, files[way.suffix]))
                if turn:
                    costs[way.name].append(cost)
                elif way.soup and cost.error is None:
                    exact[way.name] = _is_exact(files[FOLDER if case.config else ".safetensors"], Path(place))
            os.sync()  # the next one must not wait for this one's pages
    return list(_rows(case, ways, costs, exact, idle_mb))


def _name_of_soup(way: Method) -> str:
    if way.suffix == FOLDER:
        return "soup" if way.soup else "soup.safetensors"
    return f"soup{way.suffix if 'loop' in way.name else '.safetensors'}"


def _warm(files: list[Path]) -> None:
    """Brings the files into the page cache, from which the system may have taken them during another method's run."""
    buffer = bytearray(1 << 20)
    for path in files:
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass


def _rows(
    case: Case, ways: Sequence[Method], costs: dict[str, list[Cost]], exact: dict[str, bool | None], idle_mb: float
) -> Iterator[Row]:
    def times(way: Method) -> list[float]:
        return [float(cost.output) if way.inner else cost.seconds for cost in costs[way.name] if not cost.error]

    medians = {way.name: statistics.median(times(way)) for way in ways if times(way)}
    for way in ways:
        seconds = times(way)
        rival = "read and write" if way.inner else "radin average"
        yield {
            "bench": "averaging",
            "case": case.name,
            "method": way.name,
            "seconds": medians.get(way.name),
            "ratio": medians[way.name] / medians[rival] if seconds and rival in medians else None,
            "exact": exact.get(way.name),
            "memory_mb": max(cost.memory_mb for cost in costs[way.name]) - idle_mb,
            "error": next((cost.error for cost in costs[way.name] if cost.error), None),
            "seconds_range": [min(seconds), max(seconds)] if seconds else None,
            "ratio_to": rival,
            "n": case.n,
            "rounds": len(seconds),
            "machine": machine(),
        }


def _is_exact(files: list[Path], place: Path) -> bool:
    """Whether every tensor is Σ float32(1/N)·xᵢ, each operation rounded, in pool order."""
    share = np.float32(1 / len(files))
    found = {name: tensor for path in place.rglob("*") for name, tensor in _tensors(path)}
    inputs: list[Any] = [safe_open(file, "np") for file in files]
    names = list(inputs[0].keys())
    for name in names:
        total = inputs[0].get_tensor(name) * share
        for other in inputs[1:]:
            total += other.get_tensor(name) * share
        if not np.array_equal(found[name], total):
            return False
    return len(found) == len(names)


def _tensors(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    if path.suffix == ".pt":
        import torch

        state = torch.load(path, mmap=True, weights_only=True)
        yield from ((name, tensor.numpy()) for name, tensor in state.items())
    elif path.suffix == ".safetensors":
        with safe_open(path, "np") as file:
            yield from ((name, file.get_tensor(name)) for name in file.keys())  # noqa: SIM118 -- no dict


def table(rows: Sequence[Row]) -> str:
    """The rows for people."""
    lines = [f"{'case':16} {'method':24} {'seconds':>8} {'range':>15} {'ratio':>7} {'exact':>6} {'MB':>8}"]
    for row in rows:
        if row["seconds"] is None:
            lines.append(f"{row['case']:16} {row['method']:24} {row['error']}")
            continue
        low, high = row["seconds_range"]
        ratio = f"{row['ratio']:.2f}" if row["ratio"] is not None else "-"
        exact = {True: "yes", False: "no", None: "-"}[row["exact"]]
        lines.append(
            f"{row['case']:16} {row['method']:24} {row['seconds']:8.3f} {low:7.3f}-{high:7.3f} "
            f"{ratio:>7} {exact:>6} {row['memory_mb']:8.0f}"
        )
    return "\n".join(lines)


def plot(rows: Sequence[Row], path: Path) -> None:
    """Seconds and private memory against N, for the cases that differ in N only."""
    from matplotlib.figure import Figure

    kinds = [row["case"].split(" x ")[0] for row in rows]
    kind = max(dict.fromkeys(kinds), key=kinds.count)
    figure = Figure(figsize=(10, 4), layout="constrained")
    axes = figure.subplots(1, 2)
    for name in dict.fromkeys(row["method"] for row in rows):
        points = [row for row in rows if row["method"] == name and row["case"].startswith(kind) and row["seconds"]]
        for axis, key in zip(axes, ("seconds", "memory_mb"), strict=True):
            axis.loglog([row["n"] for row in points], [max(row[key], 0.01) for row in points], "o-", label=name)
    for axis, label in zip(axes, ("seconds", "private memory above the interpreter's (MB)"), strict=True):
        axis.set(xlabel=f"N checkpoints ({kind} each)", ylabel=label)
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize=8)
    figure.savefig(path, dpi=120)


def cases(quick: bool) -> list[Case]:
    """The cases; the quick ones take seconds and show only that everything works."""
    if quick:
        tiny: Shapes = {"a": (300, 400), "b": (70_000,), "c": ()}
        small = LLAMA | {"hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 1, "vocab_size": 50}
        return [*(Case(f"tiny x {n}", tiny, n) for n in (2, 3)), Case("tiny folder x 2", llama(small), 2, small)]
    fifty = [Case(f"50 MB x {n}", transformer(50), n) for n in (2, 8, 32, 64)]
    return [Case("vit-b/32 x 8", vit_b32(), 8), Case("llama folder x 8", llama(LLAMA), 8, LLAMA), *fifty]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints the table, appends rows; 1 if any method failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed.averaging", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--quick", action="store_true", help="tiny files, to see that it runs")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--case", help="only cases whose name contains this")
    parser.add_argument("--without", action="append", default=[], help="leave out methods whose name contains this")
    parser.add_argument(
        "--folder", type=Path, help="where to keep the checkpoints (13 GB; default: made anew, removed)"
    )
    parser.add_argument("--mergekit", default=shutil.which("mergekit-pytorch"), help="the mergekit-pytorch command")
    parser.add_argument("--json", type=Path, help="append one line per row to this file")
    parser.add_argument("--plot", type=Path, help="draw cost against N into this PNG file")
    options = parser.parse_args(arguments)
    ways = [way for way in methods(options.mergekit) if not any(part in way.name for part in options.without)]
    if not options.mergekit:
        print("mergekit-pytorch is not installed: its rows are left out (pip install mergekit, then --mergekit PATH)")
    idle_mb = interpreter_mb()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as made:
        for case in cases(options.quick):
            if options.case and options.case not in case.name:
                continue
            new = measure(case, ways, options.folder or Path(made), 1 if options.quick else options.rounds, idle_mb)
            print(table(new), flush=True)
            rows += new
            if options.json:
                with options.json.open("a") as file:
                    file.writelines(json.dumps(row) + "\n" for row in new)
    if options.plot:
        plot(rows, options.plot)
    return int(any(row["error"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
