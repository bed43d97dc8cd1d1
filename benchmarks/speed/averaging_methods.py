"""The programs that `averaging` compares, each in a process of its own: `python FILE METHOD OUT INPUT...`.

They print the seconds of their inner work, without imports.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from pathlib import Path

#: Bytes per call of plain reads and writes.
PIECE = 1 << 18


def floor(out: Path, inputs: list[Path]) -> None:
    """Reads every byte into one buffer and writes as many as one file has: what no single thread can be faster than."""
    buffer = memoryview(bytearray(PIECE))
    for path in inputs:
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass
    rest = inputs[0].stat().st_size
    with out.open("wb", buffering=0) as file:
        while rest > 0:
            rest -= file.write(buffer[: min(rest, PIECE)])


def stream(out: Path, inputs: list[Path]) -> None:
    """The uniform soup by `radin.average`, called as a library."""
    import numpy as np

    from radin.weights.averaging import average
    from radin.weights.pool import Pool

    average(Pool(inputs), np.ones(len(inputs), dtype=bool), out)


def model_soups(out: Path, inputs: list[Path]) -> None:
    """The uniform soup as model-soups' `main.py` forms it: load one state dict after the other, scale, add, save."""
    import torch

    share = 1 / len(inputs)
    soup: dict[str, torch.Tensor] = {}
    for path in inputs:
        state = torch.load(path, map_location="cpu", weights_only=True)
        for name, tensor in state.items():
            soup[name] = soup[name] + tensor * share if name in soup else tensor * share
    torch.save(soup, out)


METHODS: dict[str, Callable[[Path, list[Path]], None]] = {"floor": floor, "radin": stream, "model-soups": model_soups}

if __name__ == "__main__":
    method, out, *inputs = sys.argv[1:]
    if method == "radin":
        importlib.import_module("radin.weights.averaging")  # so that the inner time is without imports
    start = time.perf_counter()
    METHODS[method](Path(out), [Path(path) for path in inputs])
    print(time.perf_counter() - start)
