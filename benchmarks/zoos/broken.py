"""The pool *broken*: the fine-tunings of *digits* and three files that have no place in a soup.

Each of the three is what a folder of checkpoints may well hold, and each has finite weights of the right shapes:

- `diverged`: a fine-tuning whose learning rate was a thousand times too large;
- `other-start`: fine-tuned like the others, but from a pretraining with another random initialisation;
- `permuted-classes`: one of the good fine-tunings with its outputs in reverse order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from safetensors.torch import load_file
from torch import nn

from radin.common.files import file_fingerprint
from radin.common.progress import SILENT, Progress
from radin.demo import digits
from radin.demo.digits import task
from radin.demo.sweep import fine_tune, is_finished, pretrain, publish, train_pool
from radin.demo.training import Images, Settings

__all__ = ["build", "task"]

SWEEP = replace(digits.SWEEP, name="broken")

#: Settings of the broken networks, except for the fault of each: the middle of the sweep, chosen by hand.
USUAL = Settings(learning_rate=5e-3, weight_decay=1e-2, epochs=20, part=0.5, final_rate=0.1)


def build(out: Path, n: int = 13, *, seed: int = 0, progress: Progress = SILENT) -> list[Path]:
    """Trains the pool, or the missing part of it: `n` good fine-tunings, then the three broken ones."""
    images = digits.images()[0]
    paths = train_pool(SWEEP, out, images, n, seed=seed, progress=progress)
    origin = file_fingerprint(out / "pretrained" / "pretrained.safetensors")[:16]
    for kind, settings, make in _broken(out, paths, images, seed, progress):
        path = out / f"run-{len(paths):02d}-{kind}.safetensors"
        record = SWEEP.record(settings, seed, run=len(paths), pretrained=origin, broken=kind)
        if not is_finished(path, record):
            publish(make().state_dict(), path, record)
        paths.append(path)
    return paths


def _broken(
    out: Path, good: list[Path], images: Images, seed: int, progress: Progress
) -> Iterator[tuple[str, Settings | None, Callable[[], nn.Module]]]:
    n = len(good)

    def tuned(start: Path, settings: Settings, index: int) -> nn.Module:
        return fine_tune(SWEEP, start, images, settings, seed, index)

    def other_start() -> nn.Module:
        start = pretrain(SWEEP, out / "other-start", images, seed=seed + 1, progress=progress)
        return tuned(start, USUAL, n + 1)

    def permuted() -> nn.Module:
        network = SWEEP.build_network()
        state = load_file(good[0])
        head = list(state)[-2:]
        network.load_state_dict(state | {name: state[name].flip(0) for name in head})
        return network

    # Without decay: with it the dead network shrinks to nothing, which does a soup little harm.
    hot = replace(USUAL, learning_rate=1000 * USUAL.learning_rate, weight_decay=0.0)
    yield "diverged", hot, lambda: tuned(out / "pretrained" / "pretrained.safetensors", hot, n)
    yield "other-start", USUAL, other_start
    yield "permuted-classes", None, permuted
