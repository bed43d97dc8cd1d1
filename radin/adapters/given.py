"""The folders of adapters that a caller's paths name."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path

from radin.adapters.adapter import is_adapter
from radin.checkpoints import checkpoints_in
from radin.common.error_list import Complaints
from radin.common.natural_order import natural
from radin.errors import InputError


def adapter_folders(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], complaints: Complaints
) -> list[Path]:
    """The folders of adapters, in the order in which they are given; those of a folder or a glob come sorted.

    Arguments:
        paths: folders of adapters, or of folders of adapters, files of adapters' weights, or globs.
        complaints: take note of InputErrors: folders given twice, and paths that are no adapters beside others.
    """
    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    found = {str(path): _within(Path(path).expanduser()) for path in given}
    seen: dict[Path, Path] = {}
    for path in given:
        with complaints.noting():
            if not found[str(path)]:
                raise InputError(f"{path} is no adapter, and others are: a pool holds adapters of one base, or models")
            for folder in found[str(path)]:
                if folder.resolve() in seen:
                    raise InputError(f"{folder} and {seen[folder.resolve()]} are the same adapter; give it once")
                seen[folder.resolve()] = folder
    return list(seen.values())


def names_adapters(paths: Iterable[str | os.PathLike[str]]) -> bool:
    """Whether any of a caller's paths names an adapter."""
    return any(_within(Path(path).expanduser()) for path in paths)


def _within(path: Path) -> list[Path]:
    if is_adapter(path):
        return [path if path.is_dir() else path.parent]
    if path.is_dir():
        inside = sorted((one for one in path.iterdir() if one.is_dir() and is_adapter(one)), key=natural)
        return [] if inside and checkpoints_in(path) else inside  # beside models of its own they are not meant
    if path.exists() or not glob.has_magic(str(path)):
        return []
    matches = sorted(map(Path, glob.glob(str(path), recursive=True)), key=natural)  # noqa: PTH207 -- absolute patterns
    folders = [one if one.is_dir() else one.parent for one in matches if is_adapter(one)]
    return (
        list(dict.fromkeys(folders))
        if folders
        else [one for match in matches if match.is_dir() for one in _within(match)]
    )
