"""`python -m benchmarks.speed.adapters`: memory of a run over many adapters of one base.

Collects the ingredients' logits, compares all updates, evaluates the soup of all adapters and writes it, in a fresh
process for each size of pool. What counts is the peak of resident memory over that of the imports, without one base and
one soup's stacked factors. Exits with 1 where it is more than the limit.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.speed.growth import peak_growth, resident_mb
from benchmarks.speed.processes import environment, machine

MB = 1e6

#: Samples that each network is run on, and their classes.
ROWS, CLASSES = 64, 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures each size of pool, and prints a Markdown table in MB."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--adapters", type=int, nargs="+", default=[2, 10, 50])
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--layers", type=int, default=32)
    parser.add_argument("--limit", type=float, default=200.0, help="MB")
    parser.add_argument("--merge", action="store_true", help="soups are merged into the base")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.one is not None:
        print(json.dumps(measured(given.one, given.rank, given.width, given.layers, given.merge)))
        return 0
    shape = ["--rank", given.rank, "--width", given.width, "--layers", given.layers, *(["--merge"] * given.merge)]
    print(f"{given.layers} layers of {given.width} x {given.width}, adapters of rank {given.rank}; {machine()}\n")
    print("| adapters | peak | base | factors of one soup | rest | seconds |\n|---|---|---|---|---|---|")
    worst = 0.0
    for n in given.adapters:
        command = [sys.executable, "-m", "benchmarks.speed.adapters", "--one", n, *shape]
        done = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True, env=environment())
        row = json.loads(done.stdout.splitlines()[-1])
        rest = row["peak"] - row["base"] - row["factors"]
        worst = max(worst, rest)
        numbers = " | ".join(f"{one:.0f}" for one in (row["peak"], row["base"], row["factors"], rest, row["seconds"]))
        print(f"| {n} | {numbers} |", flush=True)
    return int(worst > given.limit)


def measured(n: int, rank: int, width: int, layers: int, merge: bool) -> dict[str, Any]:
    """Peak growth of resident memory by a run over `n` adapters, and what has to be there, in MB."""
    import torch

    import radin
    from radin.evaluation.gram import stored_weight_gram

    with tempfile.TemporaryDirectory() as place:
        small = _pool(Path(place) / "small", 2, 1, 8, 1)
        run(radin, Path(place) / "small", small, 8, 1, False, stored_weight_gram)  # loads all libraries
        folders = _pool(Path(place) / "large", n, rank, width, layers)
        torch.nn.Linear(1, 1)
        seconds, peak = peak_growth(
            lambda: run(radin, Path(place) / "large", folders, width, layers, merge, stored_weight_gram), resident_mb
        )
    base = (layers * (width * width + width) + width * CLASSES + CLASSES) * 4
    factors = n * rank * 2 * width * layers * 4
    return {"peak": peak * 1024**2 / MB, "base": base / MB, "factors": factors / MB, "seconds": seconds}


def run(radin: Any, place: Path, folders: list[Path], width: int, layers: int, merge: bool, gram: Any) -> None:
    """Everything that `make_soup` does with a pool, with the soup of all adapters."""
    import torch

    inputs = torch.randn(ROWS, width, generator=torch.Generator().manual_seed(0))
    task = radin.Task(lambda: network(width, layers), (inputs, torch.arange(ROWS) % CLASSES), device="cpu")
    pool = radin.Pool(folders, merge=merge, base=_written(place / "base", width, layers) if merge else None)
    with radin.Verifier(pool, task, place / "run") as verifier:
        gram(verifier)
        verifier.score(radin.Recipe.uniform(pool.names))
        radin.average(pool, list(pool.names), place / ("soup.safetensors" if merge else "soup"))


def network(width: int, layers: int) -> Any:
    """The base: the same weights each time."""
    import torch
    from torch import nn

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        inner = [one for _ in range(layers) for one in (nn.Linear(width, width), nn.ReLU())]
        return nn.Sequential(*inner, nn.Linear(width, CLASSES))


def _written(folder: Path, width: int, layers: int) -> Path:
    from safetensors.torch import save_file

    folder.mkdir()
    save_file(network(width, layers).state_dict(), folder / "model.safetensors")
    return folder


def _pool(place: Path, n: int, rank: int, width: int, layers: int) -> list[Path]:
    """Adapters of random numbers, in the layout of PEFT."""
    import torch
    from safetensors.torch import save_file

    names = [str(2 * i) for i in range(layers)]
    config = {"peft_type": "LORA", "base_model_name_or_path": "base", "r": rank, "lora_alpha": rank}
    for i in range(n):
        folder, draw = place / f"run{i}", torch.Generator().manual_seed(i)
        folder.mkdir(parents=True)
        (folder / "adapter_config.json").write_text(json.dumps(config | {"target_modules": names}))
        tensors = {}
        for name in names:
            key = f"base_model.model.{name}.lora_"
            tensors[f"{key}A.weight"] = torch.randn(rank, width, generator=draw) / width**0.5
            tensors[f"{key}B.weight"] = torch.randn(width, rank, generator=draw) / width**0.5
        save_file(tensors, folder / "adapter_model.safetensors")
    return [place / f"run{i}" for i in range(n)]


if __name__ == "__main__":
    raise SystemExit(main())
