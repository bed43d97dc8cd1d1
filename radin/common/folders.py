"""Writes folders that are either complete or absent."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from radin.common.files import FULL
from radin.errors import StorageError


@contextmanager
def folder_aside(target: Path) -> Iterator[Path]:
    """Gives a new folder beside `target`, and renames it to `target` when the block ends without error.

    A folder that is there already is replaced as a whole, so that none of its files can be mixed up with the new ones.
    On any error the new folder is removed, and the old one is as it was.

    Raises:
        StorageError: the disk is full, or no folder can be written at this place.
    """
    aside = target.with_name(f".{target.name}.{os.getpid()}.part")
    old = target.with_name(f".{target.name}-before.{os.getpid()}.part")
    try:
        aside.mkdir(parents=True)
        yield aside
        if target.exists():
            target.rename(old)
        try:
            aside.rename(target)
        except OSError:
            if old.exists():
                old.rename(target)
            raise
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        why = "free some space, or write elsewhere" if error.errno in FULL else "write elsewhere"
        raise StorageError(error.errno, f"{target}: could not be written ({error.strerror}); {why}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
