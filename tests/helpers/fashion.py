"""Fashion-MNIST's files with images of our own, and sweeps that end in seconds."""

import gzip
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np

import radin
from radin.demo.sweep import Sweep

#: Images that select; as many report.
HELD = 20


def write_idx(path: Path, array: np.ndarray) -> None:
    """An array of bytes as a file of MNIST; without the time of day, so that equal arrays are equal bytes."""
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(gzip.compress(header + array.astype(np.uint8).tobytes(), mtime=0))


def tiny(sweep: Sweep) -> Sweep:
    """The same sweep with one epoch each."""
    short = sweep.pretraining and replace(sweep.pretraining, epochs=1)
    return replace(sweep, pretraining=short, ranges=replace(sweep.ranges, epochs=(1,)), batch_size=8)


def soup_of(paths: list[Path], task: radin.Task, folder: Path) -> tuple[np.ndarray, list[np.ndarray]]:
    """The uniform soup's logits on the selection data, and the ingredients'."""
    pool = radin.Pool(paths)
    with radin.Verifier(pool, task, folder / "run") as verifier:
        soup = verifier.logits(radin.Recipe.uniform(pool.names))
        singles = [verifier.bank.read(i, 0, HELD) for i in range(len(pool))]
    return soup, singles
