"""The ingredients that paths stand for: files, folders of models, globs, and folders of runs; and their names."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from radin.checkpoints import SUFFIXES, checkpoints_in, is_model_folder, is_sidecar, stem_of, suffix_of
from radin.checkpoints.model_folder import CONFIG
from radin.common.error_list import Complaints
from radin.common.natural_order import natural
from radin.common.wording import counted, enumerated, in_one_line
from radin.errors import InputError, MissingFileError

#: Folders of a run that `Trainer` saves, one for each time.
TRAINER = re.compile(r"checkpoint-\d+")

#: The folder that Lightning puts checkpoints into, in that of a run.
LIGHTNING = "checkpoints"

#: What timm calls a copy of a run's best checkpoint, and what Lightning calls one of its last.
BEST, LAST = "model_best", "last"

#: Levels of folders within folders in which checkpoints are looked for to say where they are.
DEPTH = 4

#: What marks a run folder of radin's, whose soups are no ingredients.
LEDGER = "ledger.db"


@dataclass
class Found:
    """The ingredients that some paths stand for.

    Attributes:
        paths: files and folders of models, in order.
        homes: `{file: the folder that it is named after}`, for files that stand for a whole run.
        searched: folders in which ingredients were looked for.
        notes: what was found where it was not named, a clause each.
    """

    paths: list[Path] = field(default_factory=list)
    homes: dict[Path, Path] = field(default_factory=dict)
    searched: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def alone(self, file: Path, home: Path) -> Path:
        """Notes that a file stands for a folder, and returns it."""
        self.homes[file] = home
        return file


def find(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], complaints: Complaints) -> Found:
    """The ingredients that are there; complaints take note of those that are not, and of those given twice.

    Arguments:
        paths: as for `radin.Pool`.
        complaints: of MissingFileError and InputError.

    Raises:
        InputError: no path at all.
    """
    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not given:
        raise InputError("the pool is empty: expected at least one checkpoint file or a glob that matches some")
    found = Found()
    seen: dict[tuple[int, int], Path] = {}
    for one in given:
        with complaints.noting():
            for path in _matches(Path(one).expanduser(), found, only=len(given) == 1):
                with complaints.noting():
                    stat = path.stat()
                    _refuse_twice(path, seen.setdefault((stat.st_dev, stat.st_ino), path))
    found.paths = list(seen.values())
    return found


def _refuse_twice(path: Path, first: Path) -> None:
    if path is not first:
        raise InputError(
            f"{path} and {first} are the same file: each ingredient is given once. "
            f"To give one more weight, say so in the recipe."
        )


def _matches(given: Path, found: Found, *, only: bool) -> list[Path]:
    if given.is_dir():
        return _in_folder(given, found, only=only)
    if given.exists():  # also a file whose name looks like a glob
        return [given]
    pattern = str(given)
    if not glob.has_magic(pattern):
        raise MissingFileError(f"no such checkpoint: {given}")
    matches = glob.glob(pattern, recursive=True)  # noqa: PTH207 -- Path.glob takes no absolute pattern
    paths = sorted(map(Path, matches), key=natural)
    if any(map(is_model_folder, paths)):
        _note_without_weights(paths, found)
        return _models_among(paths)
    files = [path for path in paths if path.is_file() and not is_sidecar(path)]
    if not files:  # folders of one run each, as trainers leave them
        files = [file for folder in paths if folder.is_dir() for file in _files_in(folder, found)]
    if not files:
        raise MissingFileError(f"the pool is empty: no file matches {pattern!r}. {_instead(given)}")
    return files


def _models_among(paths: list[Path]) -> list[Path]:
    """Folders of models among what a glob matches, and checkpoints; a model's file stands for its folder."""
    chosen = {}
    for path in paths:
        if path.is_file() and (is_sidecar(path) or suffix_of(path).lower() not in SUFFIXES):
            continue
        one = path.parent if path.is_file() and is_model_folder(path.parent) else path
        if one.is_file() or is_model_folder(one):
            chosen[one] = one
    return list(chosen)


def _in_folder(given: Path, found: Found, *, only: bool) -> list[Path]:
    """The ingredients in a folder: its own model or checkpoints, else those of the folders in it."""
    found.searched.append(given)
    if is_model_folder(given):
        saved = _saved_by_trainer(given) if only else []
        if saved:
            found.notes.append(
                f"{given} holds {counted(len(saved), 'checkpoint')} beside its final model: all are taken"
            )
        return [*saved, given]
    inside = _files_in(given, found)
    if inside:
        return inside
    folders = [folder for folder in _folders_in(given) if not (folder / LEDGER).exists()]
    runs = [(folder, one) for folder in folders if (one := _run_in(folder)) is not None]
    if not runs:
        raise MissingFileError(
            f"the pool is empty: the folder {given} holds no checkpoint ({', '.join(SUFFIXES)}), no folder of a model "
            f"with its config.json, and no folder of a run with one of these{_deeper(given)}"
        )
    with_run = {folder for folder, _ in runs}
    _note_without_weights([folder for folder in folders if folder not in with_run], found)
    nested = [one for folder, one in runs if one != folder]
    if nested:
        found.notes.append(f"{given} holds {counted(len(runs), 'run')}, with one checkpoint each, such as {nested[0]}")
    return [one if one.is_dir() else found.alone(one, folder) for folder, one in runs]


def _note_without_weights(paths: list[Path], found: Found) -> None:
    """Notes the folders that are left out though their config says that a model belongs there."""
    bare = [one for one in paths if one.is_dir() and (one / CONFIG).is_file() and not is_model_folder(one)]
    if bare:
        named = enumerated([str(one) for one in bare[:3]]) + (f" (and {len(bare) - 3} more)" if len(bare) > 3 else "")
        found.notes.append(f"left out for having a {CONFIG} but no weights: {named}")


def _files_in(folder: Path, found: Found) -> list[Path]:
    """The files of checkpoints in a folder; one that is alone is named after it."""
    inside = checkpoints_in(folder)
    return [found.alone(inside[0], folder)] if len(inside) == 1 else inside


def _run_in(folder: Path) -> Path | None:
    """The one checkpoint of a run's folder; None if it has none.

    Raises:
        InputError: there are several, and it cannot be told which one is meant.
    """
    if is_model_folder(folder):
        return folder
    held = [*checkpoints_in(folder), *_saved_by_trainer(folder)]
    if not held and (folder / LIGHTNING).is_dir():
        held = checkpoints_in(folder / LIGHTNING)
        held = [file for file in held if stem_of(file) != LAST] if len(held) > 1 else held
    best = [file for file in held if stem_of(file) == BEST]
    if len(held) < 2 or len(best) == 1:
        return next(iter(best or held), None)
    several = ", ".join(file.name for file in held[:3]) + (", ..." if len(held) > 3 else "")
    raise InputError(
        f"the run {folder} holds several checkpoints ({several}); say which are meant by a glob, such as "
        f"'{folder.parent}/*/{held[-1].relative_to(folder)}', or give {held[-1].parent} for all of this run"
    )


def _deeper(folder: Path) -> str:
    """Where checkpoints are further down in a folder, as a hint; empty where none is."""
    for depth in range(2, DEPTH + 1):
        files = (file for file in folder.glob("/".join(["*"] * depth + ["*"])) if suffix_of(file).lower() in SUFFIXES)
        if (file := next(files, None)) is not None:
            return f"; further down there are some: give a glob, such as '{folder}/{'*/' * depth}*{suffix_of(file)}'"
    return ""


def _folders_in(folder: Path) -> list[Path]:
    inside = (one for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))
    return sorted(inside, key=natural)


def _saved_by_trainer(folder: Path) -> list[Path]:
    """Models in folders such as `checkpoint-500` within a folder, in the order of their steps."""
    return [one for one in _folders_in(folder) if TRAINER.fullmatch(one.name) and is_model_folder(one)]


def _instead(pattern: Path) -> str:
    """A hint for a glob that matches nothing: the contents of its folder."""
    folder = next(parent for parent in pattern.parents if not glob.has_magic(str(parent)))
    if not folder.is_dir():
        return f"There is no folder {folder}; correct the path."
    names = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir())
    held = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "") or "nothing"
    return f"The folder {folder} holds {held}; correct the pattern."


def names_of(paths: Sequence[Path], homes: Mapping[Path, Path]) -> tuple[str, ...]:
    """Names of the ingredients: of files their stems, of folders what tells them apart.

    Characters that control a terminal are escaped, so that names can be shown anywhere.

    Arguments:
        paths: files and folders of models.
        homes: `{file: the folder that it is named after}`.
    """
    folders = [homes.get(path, path) for path in paths]
    if all(path.is_dir() for path in folders):
        return _names_of_folders([_parts(path) for path in folders])
    full = [
        _parts(folder) if folder.is_dir() else (*_parts(path.parent), in_one_line(stem_of(path)))
        for path, folder in zip(paths, folders, strict=True)
    ]
    depth = [1] * len(paths)
    while True:
        names = ["/".join(parts[-count:]) for parts, count in zip(full, depth, strict=True)]
        clashing = [i for i, name in enumerate(names) if names.count(name) > 1]
        if not clashing:
            return tuple(names)
        if all(depth[i] >= len(full[i]) for i in clashing):  # run.pt beside run.safetensors
            return names_of([path.with_name(path.name + ".x") for path in paths], {})
        for i in clashing:
            depth[i] += 1


def _parts(path: Path) -> tuple[str, ...]:
    return tuple(map(in_one_line, path.absolute().parts))


def _names_of_folders(full: list[tuple[str, ...]]) -> tuple[str, ...]:
    """Paths of folders without the parts, in front and at the end, that all share; each keeps one part at least."""
    start = end = 0
    while all(len(parts) > start + 1 for parts in full) and len({parts[start] for parts in full}) == 1 < len(full):
        start += 1
    rest = [parts[start:] for parts in full]
    while all(len(parts) > end + 1 for parts in rest) and len({parts[-1 - end] for parts in rest}) == 1 < len(full):
        end += 1
    if len(full) == 1:
        return (full[0][-1],)
    return tuple("/".join(parts[: len(parts) - end]) for parts in rest)


def check_names(names: Sequence[str], paths: Sequence[Path]) -> None:
    """Refuses names that are not one each, that are given twice, or that no file can hold.

    Raises:
        InputError: says which.
    """
    if len(names) != len(paths):
        raise InputError(f"expected one name for each of the {len(paths)} files, got {len(names)}: {list(names)}")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"two ingredients are called {twice!r}; names must differ")
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise InputError(
                f"the name {name!a} cannot be written in UTF-8; rename the file, or choose names yourself"
            ) from error
        if name != in_one_line(name):
            raise InputError(f"the name {name!r} holds characters that control a terminal; choose another")
