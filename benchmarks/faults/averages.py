"""Runs of `radin average` that signals end: under the name stands a whole soup or none, and no litter piles up."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from benchmarks.faults.events import Survey
from benchmarks.faults.kills import SIGNALS, faults_of_end
from benchmarks.faults.nursery import Ended, Nursery, Stop, name_of
from benchmarks.faults.rows import Trial

FAMILY = "averages"

#: Where the soup is written, and with what options.
LAYOUTS = {"one file": (), "shards": ("--max-shard-size", "5MB")}

#: Two recipes, so that a soup of one can stand where the other is being written.
RECIPES = {"even": "0.5,0.5,0", "uneven": "0.2,0.3,0.5"}

#: Numbers in one of the six tensors of a checkpoint: 12 MB a checkpoint. Chosen by hand, so that a kill hits writing.
NUMBERS = 500_000


class Kitchen:
    """Three checkpoints, and what each soup of them is when nothing disturbs it.

    Arguments:
        folder: an empty folder.
        nursery: starts the processes.
    """

    def __init__(self, folder: Path, nursery: Nursery) -> None:
        self.pool, self.out, self.nursery = folder / "pool", folder / "out", nursery
        self._survey = folder / "survey.json"
        self.pool.mkdir(parents=True)
        rng = np.random.default_rng(4)
        for i in range(3):
            state = {f"block{j}": rng.normal(size=NUMBERS).astype(np.float32) for j in range(6)}
            save_file(state, self.pool / f"model{i}.safetensors")
        self.whole: dict[tuple[str, str], str] = {}
        self.seconds: dict[str, float] = {}
        self.surveys: dict[str, Survey] = {}
        for layout in LAYOUTS:
            for recipe in RECIPES:
                self.clear()
                ended = self.average(layout, recipe, survey=self._survey)
                if ended.status != 0:
                    raise RuntimeError(f"the undisturbed average: {name_of(ended.status)}: {ended.errors}")
                self.whole[layout, recipe] = read_soup(self.out)
            self.surveys[layout] = Survey(self._survey)
            self.seconds[layout] = self.average(layout, recipe).seconds

    def clear(self) -> None:
        """Empties the folder of the soup."""
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir()

    def average(self, layout: str, recipe: str, stop: Stop | None = None, survey: Path | None = None) -> Ended:
        """Runs `radin average` for one recipe."""
        target = self.out / "soup.safetensors"
        more = LAYOUTS[layout]
        return self.nursery.radin(
            *("average", self.pool, "-o", target, "--mix", RECIPES[recipe], *more), stop=stop, survey=survey
        )

    def parts(self) -> int:
        """Number of half-written files beside the soup."""
        return sum(1 for file in self.out.iterdir() if file.name.endswith(".part"))


def trials(kitchen: Kitchen, seed: int, numbers: range) -> Iterator[Trial]:
    """One trial a number: some kills, each looked at, then the run that is let finish."""
    for number in numbers:
        rng = random.Random(f"{FAMILY} {seed} {number}")
        layout, recipe = rng.choice(list(LAYOUTS)), rng.choice(list(RECIPES))
        start = time.monotonic()
        kitchen.clear()
        allowed = {""}
        if rng.random() < 0.5:
            earlier = rng.choice(list(RECIPES))
            kitchen.average(layout, earlier)
            allowed = {kitchen.whole[layout, earlier], ""} if layout == "shards" else {kitchen.whole[layout, earlier]}
        stops = [_draw(rng, kitchen, layout) for _ in range(3)]
        faults: list[str] = []
        parts = [0]
        for stop in stops:
            ended = kitchen.average(layout, recipe, stop)
            faults += faults_of_end(stop, ended)
            soup = read_soup(kitchen.out)
            if soup not in allowed | {kitchen.whole[layout, recipe]}:
                faults.append(f"after {stop.signal}: part of a soup under its name")
            allowed |= {kitchen.whole[layout, recipe]} if ended.status == 0 else set()
            parts.append(kitchen.parts())
        faults += _faults_at_the_end(kitchen, layout, recipe, parts)
        outcome = "whole" if not faults else "faulty"
        what = f"{recipe}, {', '.join(map(str, stops))}"
        yield Trial(FAMILY, layout, number, what, outcome, tuple(dict.fromkeys(faults)), time.monotonic() - start)


def _draw(rng: random.Random, kitchen: Kitchen, layout: str) -> Stop:
    signal = rng.choices(list(SIGNALS), list(SIGNALS.values()))[0]
    if rng.random() < 0.5:
        return Stop(signal, after=rng.random() * kitchen.seconds[layout])
    event, nth = kitchen.surveys[layout].draw(rng)
    return Stop(signal, before=event, nth=nth)


def _faults_at_the_end(kitchen: Kitchen, layout: str, recipe: str, parts: list[int]) -> list[str]:
    """Faults of the run that finishes, and of the files that are left beside the soup."""
    one_run = max(later - earlier for earlier, later in pairwise(parts))
    faults = ["half-written files pile up with each kill"] if one_run and parts[-1] > one_run else []
    ended = kitchen.average(layout, recipe)
    if ended.status != 0:
        faults.append(f"the same command then: {name_of(ended.status)}")
    elif read_soup(kitchen.out) != kitchen.whole[layout, recipe]:
        faults.append("the same command then gives another soup")
    if kitchen.parts():
        faults.append("half-written files are left beside a finished soup")
    return faults


def read_soup(folder: Path) -> str:
    """Fingerprint of the tensors that a user reads under the soup's name; empty without one, or `broken: ...`."""
    index, single = folder / "soup.safetensors.index.json", folder / "soup.safetensors"
    if not index.exists() and not single.exists():
        return ""
    try:
        files = sorted(set(json.loads(index.read_text())["weight_map"].values())) if index.exists() else [single.name]
        digest = hashlib.sha256()
        for file in files:
            with safe_open(folder / file, "np") as reader:
                for name in sorted(reader.keys()):
                    digest.update(name.encode() + reader.get_tensor(name).tobytes())
    except Exception as error:  # whatever a reader may stumble over
        return f"broken: {error}"
    return digest.hexdigest()
