"""`python -m benchmarks.speed.verification`: time that radin adds to a forward pass.

The verifier builds a soup in place, runs it, checks and stores its logits and charges the ledger. Beside it runs the
plain loop over batches, on the same network and samples with the same batch size, without building anything. The
two alternate; each pair gives a ratio, and the result is their median.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

import radin
from benchmarks.speed.processes import machine

N, CLASSES = 4, 100


class Network(nn.Module):
    """A vision transformer in small: 16 × 16 patches of an image, four layers, a linear head."""

    def __init__(self, width: int = 192, layers: int = 4) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, kernel_size=16, stride=16)
        layer = nn.TransformerEncoderLayer(width, 3, 4 * width, dropout=0.0, activation="gelu", batch_first=True)
        self.layers = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(width, CLASSES)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits of images."""
        return self.head(self.layers(self.patches(images).flatten(2).transpose(1, 2)).mean(1))


def pool_of(folder: Path) -> radin.Pool:
    """Random networks near one another."""
    torch.manual_seed(0)
    start = Network().state_dict()
    for i in range(N):
        noise = torch.Generator().manual_seed(i)
        state = {name: t + 0.01 * torch.randn(t.shape, generator=noise) for name, t in start.items()}
        save_file(state, folder / f"run{i}.safetensors")
    return radin.Pool(folder)


def bare_loop(network: nn.Module, images: torch.Tensor, labels: torch.Tensor, size: int) -> float:
    """Accuracy, by a plain loop over batches."""
    right = 0
    device = next(network.parameters()).device
    with torch.inference_mode():
        for start in range(0, len(images), size):
            logits = network(images[start : start + size].to(device))
            right += int((logits.argmax(1).cpu() == labels[start : start + size]).sum())
    return right / len(images)


def new_soup(pair: int) -> np.ndarray:
    """Mixing weights `[1, N]` that differ from pair to pair."""
    weights = np.full((1, N), 0.2 / N)
    weights[0, pair % N] += 0.8 - 0.01 * pair
    weights[0, (pair + 1) % N] += 0.01 * pair
    return weights


def clocked(work: Callable[[], float]) -> tuple[float, float]:
    """The result of some work, and the seconds that it took."""
    begun = time.perf_counter()
    score = work()
    return score, time.perf_counter() - begun


def measure(pairs: int, samples: int, size: int, device: str) -> dict[str, object]:
    """Alternating pairs of a verified soup and a bare loop; a new soup each time, so that nothing is read from disk."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(samples, 3, 112, 112, generator=generator)
    labels = torch.randint(CLASSES, (samples,), generator=generator)
    same, seconds = True, []
    with tempfile.TemporaryDirectory() as scratch:
        pool = pool_of(Path(scratch))
        task = radin.Task(Network, (images, labels), holdback=0.0, batch_size=size, device=device)
        with radin.Verifier(pool, task, Path(scratch) / "run") as verifier:
            network = task.network()
            for pair in range(pairs + 1):
                weights = new_soup(pair)
                recipe = radin.Recipe.of(pool.names, weights[0])
                network.load_state_dict(verifier.network(recipe).state_dict())
                timed = [
                    lambda weights=weights: float(verifier(weights)[0]),
                    lambda: bare_loop(network, images, labels, size),
                ]
                order = (0, 1) if pair % 2 else (1, 0)  # neither always goes first
                results = {which: clocked(timed[which]) for which in order}
                same &= results[0][0] == results[1][0]
                if pair:  # the first pair warms up
                    seconds.append((results[0][1], results[1][1]))
    ours, bare = map(list, zip(*seconds, strict=True))
    ratios = [mine / theirs for mine, theirs in seconds]
    return {
        "bench": "verification",
        "case": f"{samples} samples of 112 x 112, {CLASSES} classes, batches of {size}, {device}",
        "method": "Verifier against a bare loop",
        "seconds": statistics.median(ours),
        "seconds_bare": statistics.median(bare),
        "ratio": statistics.median(ratios),
        "range": [min(ratios), max(ratios)],
        "pairs": pairs,
        "exact": same,
        "memory_mb": None,
        "error": None,
        "machine": machine(),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints, and appends one line to a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--samples", type=int, default=1500)
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--json", type=Path, help="append the row to this file")
    given = parser.parse_args(arguments)
    row = measure(given.pairs, given.samples, given.batch_size, given.device)
    low, high = row["range"]  # type: ignore[misc]  # a list of two
    print(f"{row['method']}, {row['case']}: {row['seconds']:.2f} s against {row['seconds_bare']:.2f} s")
    print(f"median of {row['pairs']} ratios {row['ratio']:.3f} ({low:.3f} to {high:.3f}), same score: {row['exact']}")
    if given.json:
        with given.json.open("a") as file:
            file.write(json.dumps(row) + "\n")
    return 0 if row["exact"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
