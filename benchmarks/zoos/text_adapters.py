"""The pool *text-adapters*: 12 low-rank adapters of one small transformer that sorts Debian packages into sections.

Texts, classes and network are those of the pool *sections*. The base is trained once, on a part of the texts; each
adapter draws its rank, alpha, modules and settings of training at random. The head is trained as a whole by each.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file
from torch import nn

from benchmarks import zoos
from benchmarks.zoos import sections
from radin.common.files import file_fingerprint, write_json
from radin.common.folders import folder_aside
from radin.common.progress import SILENT, Progress
from radin.demo.sweep import Ranges, Sweep, pretrain, untouched_torch_state
from radin.demo.training import Samples, Settings
from radin.tasks import Task

SWEEP: Sweep = replace(
    sections.SWEEP,
    name="text-adapters",
    pretraining=Settings(learning_rate=3e-3, weight_decay=1e-2, epochs=3, part=0.5),
    ranges=Ranges(
        learning_rate=(1e-3, 2e-2),
        weight_decay=(1e-4, 1e-1),
        epochs=(1, 2, 3),
        part=(0.3, 0.6),
        label_smoothing=(0.0, 0.05, 0.1),
    ),
)

#: Ranks, and the modules that are adapted, of which each adapter draws one.
RANKS = (2, 4, 8)
MODULES = (["qkv"], ["qkv", "proj"], ["qkv", "proj", "mlp.0", "mlp.2"], ["qkv", "mlp.0", "mlp.2", "words"])

#: The record of an adapter's training, in its folder; written last.
RECORD = "training.json"


def shape_of(seed: int, index: int) -> dict[str, Any]:
    """The drawn settings of PEFT of one adapter."""
    rng = np.random.default_rng((seed, 3, index))
    rank = int(rng.choice(RANKS))
    return {
        "r": rank,
        "lora_alpha": int(rank * rng.choice([1, 2])),
        "use_rslora": bool(rng.random() < 0.25),
        "target_modules": MODULES[rng.integers(len(MODULES))],
        "modules_to_save": ["head"],
    }


def build(out: Path, n: int = 12, *, sweep: Sweep = SWEEP, seed: int = 0, progress: Progress = SILENT) -> list[Path]:
    """Trains the pool, or what is missing of it.

    Arguments:
        out: where the folders `run-00` and on go, the base, and the texts.
        n: adapters.
        sweep: what is trained.
        seed: of everything that is random.
        progress: is told of epochs.

    Raises:
        MissingFileError, DataError: there are no descriptions, or too few.
    """
    training = sections.parts(out / "data" / "sections.tsv")[0]
    base = pretrain(sweep, out / "base", training, seed=seed, progress=progress)
    runs = [_Run(sweep, seed, i, base, file_fingerprint(base)[:16], out / f"run-{i:02d}") for i in range(n)]
    missing = [run for run in runs if not run.finished]
    with progress.stage("adapters", sum(run.settings.epochs for run in missing), "epoch") as advance:
        for run in missing:
            run.carry_out(training)
            advance(run.settings.epochs)
    return [run.folder for run in runs]


@dataclass(frozen=True)
class _Run:
    """One adapter's training."""

    sweep: Sweep
    seed: int
    index: int
    base: Path
    origin: str
    folder: Path

    @property
    def settings(self) -> Settings:
        return self.sweep.ranges.draw(np.random.default_rng((self.seed, 1, self.index)))

    @property
    def record(self) -> dict[str, Any]:
        shape = shape_of(self.seed, self.index)
        return json.loads(self.sweep.record(self.settings, self.seed, run=self.index, base=self.origin, adapter=shape))

    @property
    def finished(self) -> bool:
        file = self.folder / RECORD
        return file.is_file() and json.loads(file.read_text()) == self.record

    def carry_out(self, samples: Samples) -> None:
        import peft

        with untouched_torch_state(self.seed + self.index):
            network = peft.get_peft_model(loaded(self.sweep, self.base)(), peft.LoraConfig(**self.record["adapter"]))
            self.sweep.train(network, samples, self.settings, np.random.default_rng((self.seed, 2, self.index)))
        network.peft_config["default"].base_model_name_or_path = self.sweep.name
        with folder_aside(self.folder) as made:
            network.save_pretrained(str(made), save_embedding_layers=False)  # or PEFT asks the Hub for the base
            write_json(made / RECORD, self.record)


def loaded(sweep: Sweep, base: Path) -> Callable[[], nn.Module]:
    """A function that builds the base, with its weights."""

    def build_base() -> nn.Module:
        network = sweep.build_network()
        network.load_state_dict(load_file(base))
        return network

    return build_base


def task(metric: str = "accuracy", folder: str | Path | None = None, sweep: Sweep = SWEEP) -> Task:
    """The task of the pool: the texts of *sections* that trained nothing.

    Arguments:
        metric: what is selected for.
        folder: of the pool, in which base and texts lie; where `build` puts it by default.
        sweep: what was trained.
    """
    kept = Path(folder) if folder else zoos.get("text-adapters").folder()
    _, select, report = sections.parts(kept / "data" / "sections.tsv")
    base = kept / "base" / "pretrained" / "pretrained.safetensors"
    return Task(
        loaded(sweep, base), select.tensors(), metric=metric, test=report.tensors(), source=file_fingerprint(base)
    )
