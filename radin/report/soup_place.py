"""The place of a run's soup: its name, and whether it can be written there. Needs no torch, so it is said at once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from radin.common.files import check_place, written_aside
from radin.common.folders import folder_aside
from radin.errors import InputError
from radin.report.record import SOUP, SOUP_FOLDER
from radin.weights.averaging import refuse_ingredients
from radin.weights.folder_output import check_target
from radin.weights.pool import Pool


def soup_place(pool: Pool) -> str:
    """The name of a pool's soups in a run folder: a file, or a folder where the ingredients are models' folders."""
    return SOUP_FOLDER if pool.is_folders else SOUP


def check_soup_file(path: str | os.PathLike[str]) -> None:
    """Validates the place of a file for a soup, before anything is spent on its contents.

    Raises:
        InputError: the name does not end in `.safetensors`.
        StorageError: there can be no such file.
    """
    if Path(path).suffix != ".safetensors":
        raise InputError(f"{path}: a soup is written as .safetensors; give the file that ending")
    check_place(path)


def check_soup(path: str | os.PathLike[str], ingredients: Sequence[Path], *, is_folder: bool) -> None:
    """Validates the place for a soup of some ingredients, before anything is spent on its contents.

    Arguments:
        path: a file, or a folder for a soup of models' folders.
        ingredients: all files of the pool.
        is_folder: whether the soup is a folder.

    Raises:
        InputError: a file's name does not end in `.safetensors`, or a folder's does; an ingredient is there, or a
            folder that holds no soup.
        StorageError: nothing can be written there.
    """
    if not is_folder:
        check_soup_file(path)
        refuse_ingredients([Path(path)], ingredients)
    elif Path(path).suffix == ".safetensors":
        raise InputError(f"{path}: the soup of models' folders is such a folder; give a name without .safetensors")
    else:
        check_target(Path(path), ingredients)


def check_run_folder(run_dir: str | os.PathLike[str], pool: Pool) -> None:
    """Validates the place of a run folder for a pool, and of the soup in it, before anything is spent.

    Raises:
        InputError: ingredients are in this folder, so that they and its soups would be one pool from then on.
        StorageError: nothing can be written there.
    """
    folder = Path(run_dir)
    check_soup(folder / soup_place(pool), pool.files, is_folder=pool.is_folders)
    theirs = {place.resolve() for place in (*pool.searched, *(path.absolute().parent for path in pool.paths))}
    if folder.resolve() in theirs:
        raise InputError(
            f"{folder} is the folder of the ingredients, and a run writes its soup and other files to its own; choose "
            f"another run folder, such as {folder / 'radin-run'}"
        )


def copy_soup(soup: Path, path: str | os.PathLike[str], *, is_folder: bool) -> Path:
    """Writes a soup to another place, where it replaces what is there once it is complete.

    Arguments:
        soup: a file, or a folder where the ingredients are models' folders.
        path: a place that `check_soup` found good; folders on the way are made.
        is_folder: whether the soup is a folder.

    Raises:
        StorageError: the disk is full, or the folder cannot be written to.
    """
    if is_folder:
        with folder_aside(Path(path)) as copy:
            shutil.copytree(soup, copy, dirs_exist_ok=True)
        return Path(path)
    with soup.open("rb") as source, written_aside(path, durable=False) as target:
        shutil.copyfileobj(source, target)
    return Path(path)
