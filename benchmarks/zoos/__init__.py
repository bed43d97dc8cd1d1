"""Small real pools that the benchmarks share: built once, cached, the same for everyone with the same seed.

zoo = zoos.get("digits")
pool, task = radin.Pool(zoo.build()), zoo.task()
"""

from __future__ import annotations

import inspect
import os
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from radin.errors import InputError

if TYPE_CHECKING:
    from radin.tasks import Task

#: Environment variable that names the folder in which every pool has a folder of its own.
VARIABLE = "RADIN_ZOO"


@dataclass(frozen=True)
class Zoo:
    """A pool by its name; its module, with a function `build` and one `task`, is imported on first use."""

    name: str
    summary: str

    @property
    def module(self) -> ModuleType:
        """The module that describes the pool."""
        return import_module(f"{__name__}.{self.name.replace('-', '_')}")

    @property
    def options(self) -> frozenset[str]:
        """Names of the arguments of `build` beside the folder."""
        return frozenset(inspect.signature(self.module.build).parameters) - {"out"}

    def folder(self, out: str | Path | None = None) -> Path:
        """The folder of the pool: `OUT/NAME`, by default `$RADIN_ZOO/NAME` or `~/.cache/radin/zoos/NAME`."""
        return Path(out or os.environ.get(VARIABLE) or Path.home() / ".cache" / "radin" / "zoos") / self.name

    def build(self, out: str | Path | None = None, **options: Any) -> list[Path]:
        """Trains the missing part of the pool and returns its files, in pool order.

        Arguments:
            out: the folder of all pools.
            options: those of the pool's own `build`, such as `n`, `seed`, `progress`.
        """
        paths: list[Path] = self.module.build(self.folder(out), **options)
        return paths

    def task(self, **arguments: Any) -> Task:
        """The task of the pool; the arguments are those of the pool's own `task`."""
        task: Task = self.module.task(**arguments)
        return task


_ZOOS = {
    zoo.name: zoo
    for zoo in (
        Zoo("digits", "13 fine-tunings of a two-layer perceptron on scikit-learn's digits; seconds"),
        Zoo("many", "60 fine-tunings of a narrow perceptron on the digits, of unequal quality; under a minute"),
        Zoo(
            "broken", "the 13 of digits, one that diverged, one from another start, one with permuted classes; seconds"
        ),
        Zoo("fashion-mnist", "16 fine-tunings of a small vision transformer on Fashion-MNIST; minutes"),
        Zoo("convnet", "12 fine-tunings of a small convolutional network with BatchNorm on Fashion-MNIST; 2 minutes"),
        Zoo(
            "clip-fashion",
            "a small CLIP trained on Fashion-MNIST, fine-tuned 13 times from its zero-shot head; minutes",
        ),
        Zoo("efficientnet", "8 fine-tunings of EfficientNet-Lite0 from ImageNet on Fashion-MNIST; minutes"),
        Zoo("minilm", "10 fine-tunings of a sentence encoder on descriptions of Debian packages; minutes"),
        Zoo("sections", "16 fine-tunings of a small transformer that sorts Debian packages into sections; minutes"),
        Zoo("text-adapters", "12 low-rank adapters of a small transformer that sorts Debian packages; minutes"),
        Zoo("trajectory", "30 checkpoints of one run of a small vision transformer on Fashion-MNIST; a minute"),
        Zoo("equal", "20 fine-tunings of a perceptron on Fashion-MNIST, alike but for their images; a minute"),
        Zoo("hundred", "120 fine-tunings of a perceptron on Fashion-MNIST; minutes"),
    )
}


def names() -> tuple[str, ...]:
    """The names of all pools."""
    return tuple(_ZOOS)


def get(name: str) -> Zoo:
    """The pool of this name.

    Raises:
        InputError: there is none.
    """
    if name not in _ZOOS:
        raise InputError(f"no pool is called {name!r}; there are: {', '.join(_ZOOS)}")
    return _ZOOS[name]
