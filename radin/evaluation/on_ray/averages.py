"""Averages of soups, made once on each node: one worker writes the tensors, the others of its node read them."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from radin.common.files import fingerprint_of
from radin.errors import CheckpointError
from radin.recipe import Recipe
from radin.weights.averaging import average
from radin.weights.pool import Pool

#: Where files are memory, on systems that have it.
MEMORY = Path("/dev/shm")

#: Times the size of one soup that the memory's file system must have in all, to be used.
ROOM = 8

#: Soups whose averages stay: that of the rows that run now, and those that run beside it or were begun ahead.
KEPT = 3

#: Seconds after which a folder that no process uses is what a killed run has left.
ABANDONED = 600.0

PREFIX = "radin-soups-"


class Averages:
    """The soups of a pool as pools of one file each, which the workers of a node share.

    Each file is written by the first worker of the node that needs it; the lock is the system's, so it is free again
    where that worker is killed. Filling a network from the file gives the bits that averaging into it gives, and reads
    one model's bytes, whatever the number of members.

    Arguments:
        pool: the ingredients.
        batchnorm: policy for BatchNorm statistics of soups.
        run: tells this run's folder from those of others; the same for all of its workers.
        place: the folder in which that folder is made; by default in memory where there is room, else that of
            temporary files.
    """

    def __init__(self, pool: Pool, batchnorm: str, run: str, place: Path | None = None) -> None:
        self._pool, self._batchnorm = pool, batchnorm
        place = place or _place(sum(info.nbytes for info in pool.tensors.values()))
        remove_abandoned(place)
        self.folder = place / f"{PREFIX}{run}"
        self.folder.mkdir(exist_ok=True)
        self._in_use = (self.folder / "in-use").open("w")
        _lock(self._in_use, shared=True)

    def of(self, recipe: Recipe) -> tuple[Pool, Recipe]:
        """The pool of one file that holds a recipe's soup; the ingredients themselves where there can be none.

        Raises:
            CheckpointError, IncompatibleError: as `average` raises them.
        """
        if recipe.size == 1:
            return self._pool, recipe
        file = self.folder / f"{fingerprint_of(recipe.dumps())[:16]}.safetensors"
        with suppress(OSError), _locked(file.with_suffix(".lock")):
            if not file.exists():
                average(self._pool, recipe, file, batchnorm=self._batchnorm)
                self._forget_old()
            with suppress(CheckpointError):  # another worker has just removed it, for newer ones
                made = Pool([file])
                if made.tensors == self._pool.tensors and made.aliases == self._pool.aliases:
                    return made, Recipe(made.names, (1.0,))
        return self._pool, recipe

    def _forget_old(self) -> None:
        """Removes all but the newest files; processes that have one open keep it."""
        with suppress(OSError):
            files = sorted(self.folder.glob("*.safetensors"), key=lambda file: file.stat().st_mtime_ns)
            for file in files[:-KEPT]:
                file.unlink(missing_ok=True)

    def close(self) -> None:
        """Says that this worker uses the folder no longer."""
        self._in_use.close()

    def remove(self) -> None:
        """Removes the folder, at the end of the run."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def remove_shared(run: str) -> None:
    """Removes the folder that the workers of a run have shared on this node, once they have ended.

    Workers remove it themselves where they can; those that are ended in the middle of a job cannot.
    """
    for place in (MEMORY, Path(tempfile.gettempdir())):
        shutil.rmtree(place / f"{PREFIX}{run}", ignore_errors=True)


def remove_abandoned(place: Path) -> None:
    """Removes the folders of runs that were killed: no process has their lock."""
    for folder in place.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > ABANDONED:
                with (folder / "in-use").open("a") as lock:
                    if _lock(lock, wait=False):
                        shutil.rmtree(folder, ignore_errors=True)


def _place(size: int) -> Path:
    """The folder of this node for soups of a size in bytes; the same for each of its processes."""
    with suppress(OSError):
        if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).total >= ROOM * size:
            return MEMORY
    return Path(tempfile.gettempdir())


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        _lock(file)
        yield


def _lock(file: IO[str], *, shared: bool = False, wait: bool = True) -> bool:
    """Locks a file until it is closed, which the system sees to where the process is killed; False if it cannot."""
    if sys.platform == "win32":  # which has no such locks; then each worker may write the file
        return False
    import fcntl

    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True
