"""Logits of all networks that were evaluated on one pool, shared by all runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int64

import radin
from benchmarks.zoos import Zoo
from radin.common.array_folder import ArrayFolder
from radin.common.files import file_fingerprint, fingerprint_of, write_json
from radin.common.progress import SILENT, Progress
from radin.errors import InputError
from radin.evaluation.gram import Gram, weight_gram
from radin.evaluation.keys import data_key
from radin.tasks.batches import concatenate, map_tensors, n_samples
from radin.weights.filler import Filler


class Store:
    """A whole pool on all its labelled samples, those that select and those that report alike.

    Every network is run once, for the first run that needs it; the logits stay in a run folder of radin's own, beside
    the pool, under a fingerprint of its contents, the samples and the task's code. The charges of runs are not counted
    here.

    Arguments:
        zoo: the pool; trained now if it is not there yet.
        limit: a random part of the samples, this many and always the same, so that a soup is cheap; None takes all.
        batchnorm: policy for BatchNorm statistics of soups, see `radin.average`.
        workers: processes that run the networks, see `radin.Workers`; None for this one.
        progress: watches training and passes.

    Raises:
        InputError: a limit below 2.
        RadinError: faults of pool or task.
    """

    def __init__(
        self,
        zoo: Zoo,
        *,
        limit: int | None = None,
        batchnorm: str = "recompute",
        workers: int | None = None,
        progress: Progress = SILENT,
    ) -> None:
        self.pool = radin.Pool(zoo.build(progress=progress))
        self.task = gathered(zoo.task(), limit)
        folder = zoo.folder() / "compare"
        self.key = fingerprint_of(
            fingerprints(self.pool.files, folder / "digests.json"), data_key(self.task, self.task.rows)
        )[:16]
        self.folder = folder / self.key
        pretrained = sorted((zoo.folder() / "pretrained").glob("*"))
        self.anchor: Path | None = pretrained[0] if len(pretrained) == 1 else None
        how: dict[str, Any] = {"batchnorm": batchnorm, "workers": radin.Workers.of(workers), "progress": progress}
        self.verifier = radin.Verifier(self.pool, self.task, self.folder, **how)
        self.names, self.metric, self.labels = self.pool.names, self.task.scored_by, self.task.rows.labels

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *error: object) -> None:
        self.verifier.close()

    def ingredient(self, i: int) -> Float32[np.ndarray, "M C"]:
        """Logits of one ingredient on all samples."""
        return self.verifier.logits(radin.Recipe.subset(self.names, [i]))

    @cached_property
    def weight_gram(self) -> Gram:
        """Inner products of all ingredients' weights."""
        return weight_gram(self.pool)

    def logits(self, recipe: radin.Recipe) -> Float32[np.ndarray, "M C"]:
        """Logits of one recipe over the whole pool on all samples; evaluated if they are not stored."""
        return self.verifier.logits(recipe)

    def seconds(self, recipes: Iterable[radin.Recipe]) -> float:
        """Seconds that the evaluation of these soups took."""
        return self.verifier.seconds(recipes)

    def logits_of_file(self, name: str, write: Callable[[Path], object]) -> tuple[Float32[np.ndarray, "M C"], float]:
        """Logits of weights that are no recipe over the pool, and how long they took to make and run.

        Arguments:
            name: of the weights; the same name is the same weights.
            write: writes the checkpoint, as `.safetensors`; called if the logits are not stored.
        """
        key, ledger = fingerprint_of("file", name, self.key), self.verifier.ledger
        folder = ArrayFolder(self.folder / "files")
        folder.adopt()  # what was stored before arrays had checksums
        if folder.get(key[:16], key) is None:
            with TemporaryDirectory() as scratch, ledger.charge("soup", key, name, len(self.labels)):
                path = Path(scratch) / "weights.safetensors"
                write(path)
                network = self.task.network()
                filler = Filler(network, radin.Pool(path))
                filler.fill([1.0])
                filler.close()
                with folder.writing(key[:16], key, len(self.labels), {"name": name}) as append:
                    for batch in self.task.logits(network, self.task.rows):
                        append(batch)
        logits = folder.get(key[:16], key)
        assert logits is not None  # written just now
        return logits, ledger.seconds("soup", {key})


def gathered(task: radin.Task, limit: int | None) -> radin.Task:
    """The task on all its labelled samples, or on a random part of them, in memory and without a split of its own."""
    if limit is not None and limit < 2:
        raise InputError(f"expected a limit of at least 2 samples, got {limit}")
    parts = [task.rows, *(rows for name, rows in task.tests.items() if name == "test")]  # others are shifted data
    labels = np.concatenate([rows.labels for rows in parts])
    kept = np.sort(np.random.default_rng(0).permutation(len(labels))[:limit])
    chosen, start = [], 0
    for rows in parts:
        for inputs in rows.batches():
            within = _between(kept, start, start + n_samples(inputs))
            if len(within):
                chosen.append(map_tensors(itemgetter(torch.from_numpy(within)), inputs))
            start += n_samples(inputs)
    return replace(
        task, data=(concatenate(chosen), torch.from_numpy(labels[kept])), test=None, holdback=0.0, limit=None
    )


def fingerprints(paths: Iterable[Path], file: Path) -> list[str]:
    """Fingerprints of files; those that are remembered in `file`, unchanged, are not read again."""
    memory = json.loads(file.read_text()) if file.exists() else {}
    found = [file_fingerprint(path, memory) for path in paths]
    write_json(file, memory)
    return found


def _between(numbers: Int64[np.ndarray, " k"], start: int, stop: int) -> Int64[np.ndarray, " b"]:
    return numbers[(numbers >= start) & (numbers < stop)] - start
