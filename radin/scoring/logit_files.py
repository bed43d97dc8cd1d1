"""Logit banks from what people have: folders and files of arrays, of PyTorch's, and runs."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np

from radin.checkpoints.arrays import SUFFIXES as TENSORS
from radin.checkpoints.arrays import read_tensors
from radin.common.natural_order import natural
from radin.common.wording import enumerated, shown, shown_shape
from radin.errors import DataError, InputError, MissingFileError
from radin.scoring.harness_samples import read_samples, sample_files
from radin.scoring.kinds import Tokens
from radin.scoring.label_files import NAMES, labels_beside, load_array, read_labels
from radin.scoring.logit_bank import LogitBank
from radin.scoring.logit_folder import SPLIT, kind_and_groups
from radin.scoring.stored_outputs import OnProbabilities
from radin.scoring.stored_rows import StoredRows, stored_arrays
from radin.scoring.vocabulary import bank_of_vocabulary

#: An array, or one that is read as it is needed.
Array = TypeVar("Array", np.ndarray, StoredRows)

#: Suffixes of files of outputs.
SUFFIXES = (".npy", ".npz", *TENSORS)

#: Names of the array that holds the outputs of all ingredients, beside labels.
ALL = ("", "logits", "outputs", "scores")


def open_bank(
    source: str | os.PathLike[str],
    labels: str | os.PathLike[str] | None = None,
    *,
    samples: Literal["selection", "all"] = "selection",
    probabilities: OnProbabilities = "refuse",
    outputs: str | None = None,
    length_normalised: bool = False,
    alternatives: int | None = None,
) -> LogitBank:
    """A bank of outputs in files, whatever wrote them.

    Arguments:
        source: a run's folder; a folder of files with the outputs of one ingredient each; or one file: `.npz`, `.pt` or
            `.safetensors` with an array `[M, C]` by ingredient, or `.npy` (or one array in those) of shape `[N, M, C]`,
            whose ingredients are `model0`, `model1`, ... Labels may stand in the file, too, under `labels`. PyTorch's
            files are read as data: none of their code is run. Or samples of lm-eval (`samples_*.jsonl`): a file, a
            model's folder, or one with a folder for each model, see `radin.scoring.harness_samples.read_samples`.
        labels: the file of labels, see `radin.scoring.label_files.read_labels`; by default the array `labels` of the
            file, else `labels.npy`, `.csv`, `.json` or `.txt` in the folder.
        samples: see `LogitBank.from_folder`.
        probabilities: see `LogitBank.from_arrays`.
        outputs: the kind of outputs, where neither the folder nor the labels decide it. With `tokens` files hold logits
            of the whole vocabulary, `[M, ..., V]`, which are read a few rows at a time and reduced, see
            `radin.scoring.vocabulary`; a run's folder has them reduced.
        length_normalised: of samples of lm-eval, divides log-likelihoods by the lengths of the choices: `acc_norm`.
        alternatives: tokens that are kept of each position of a vocabulary beside the label's, 64 by default.

    Raises:
        InputError: `length_normalised`, or `alternatives`, and outputs of another source.
        MissingFileError: no such file or folder, or no outputs or labels in it.
        CheckpointError: a file of tensors is damaged, or would run code.
        DataError: as for `LogitBank.from_arrays`, or files of another form.
    """
    path = folder_of_logits(source)
    how: dict[str, Any] = {"probabilities": probabilities, "outputs": outputs}
    if not path.exists():
        raise MissingFileError(f"{path}: no such file or folder; expected outputs, as {_forms()}")
    if not any(path.glob("*.npy")) and sample_files(path):
        return read_samples(path, length_normalised=length_normalised)
    if length_normalised:
        raise InputError(f"{path}: expected samples of lm-eval (samples_*.jsonl), as acc_norm needs the choices' texts")
    if outputs == Tokens.name and not holds_tokens(path):
        return _of_vocabulary(path, labels, alternatives, probabilities)
    if alternatives is not None:
        raise InputError(
            f"{path}: alternatives={alternatives} are for files with logits of a whole vocabulary (outputs='tokens'); "
            "here it is fixed what is kept"
        )
    if not path.is_dir():
        return _of_file(path, labels, **how)
    files = _one_for_each(path, labels)
    if not files:
        return LogitBank.from_folder(path, labels, samples=samples, **how)
    arrays = {file.stem: _only(file) for file in files}
    truth = read_labels(Path(labels) if labels is not None else labels_beside(path))
    return LogitBank.from_arrays(list(arrays.values()), truth, list(arrays), **how)


def _of_file(path: Path, labels: str | os.PathLike[str] | None, **how: Any) -> LogitBank:
    """The bank of one file with the outputs of all ingredients, and perhaps with labels."""
    arrays = _arrays_in(path)
    named = [name for name in NAMES if name in arrays]
    inside = arrays.pop(named[0]) if named else None
    if labels is None and inside is not None:
        truth = inside
    else:
        truth = read_labels(Path(labels) if labels is not None else labels_beside(path.parent))
    models = _by_ingredient(arrays, truth, path)
    return LogitBank.from_arrays(list(models.values()), truth, list(models), **how)


def holds_tokens(path: Path) -> bool:
    """Whether a folder of logits has tokens as a run keeps them: reduced by a soup that was run."""
    return path.is_dir() and kind_and_groups(path / SPLIT)[0] == Tokens.name


def _of_vocabulary(
    path: Path, labels: str | os.PathLike[str] | None, alternatives: int | None, probabilities: OnProbabilities
) -> LogitBank:
    """The bank of tokens of files with logits of a whole vocabulary."""
    with ExitStack() as opened:
        if path.is_dir():
            truth_file = Path(labels) if labels is not None else labels_beside(path)
            own = {path / "labels.npy", truth_file}
            files = [one for one in path.iterdir() if one.suffix.lower() in SUFFIXES and one not in own]
            models = {file.stem: _single(file, stored_arrays(file, opened)) for file in sorted(files, key=natural)}
            truth = read_labels(truth_file)
        else:
            arrays = stored_arrays(path, opened)
            named = [name for name in NAMES if name in arrays]
            inside = arrays.pop(named[0]) if named else None
            if labels is None and inside is not None:
                truth = inside.whole()
            else:
                truth = read_labels(Path(labels) if labels is not None else labels_beside(path.parent))
            models = _by_ingredient(arrays, truth, path)
        return bank_of_vocabulary(models, truth, alternatives, probabilities=probabilities)


def folder_of_logits(source: str | os.PathLike[str]) -> Path:
    """The folder of logits in a run's folder; any other path as it is."""
    path = Path(source)
    inside = path / "logits"
    return inside if inside.is_dir() and not any(path.glob("*.npy")) else path


def _one_for_each(folder: Path, labels: str | os.PathLike[str] | None) -> list[Path]:
    """Files of one ingredient each, in natural order, where a folder has no `.npy` files but for labels."""
    own = {folder / "labels.npy"} | ({Path(labels)} if labels is not None else set())
    if any(file not in own for file in folder.glob("*.npy")):
        return []
    found = (file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES[1:] and file not in own)
    return sorted(found, key=natural)


def _only(file: Path) -> np.ndarray:
    """The only array of a file."""
    return _single(file, _arrays_in(file))


def _single(file: Path, arrays: Mapping[str, Array]) -> Array:
    """The only one of the arrays of a file."""
    if len(arrays) != 1:
        held = ", ".join(map(shown, list(arrays)[:5])) or "none"
        raise DataError(
            f"{file}: expected one array, the outputs of one ingredient, as in a folder each file has, got "
            f"{len(arrays)} ({held}); name the file itself to rank what it holds"
        )
    return next(iter(arrays.values()))


def _arrays_in(file: Path) -> dict[str, np.ndarray]:
    """The arrays of a file by name; one without a name has an empty one."""
    suffix = file.suffix.lower()
    if suffix == ".npy":
        return {"": load_array(file)}
    if suffix in TENSORS:
        return read_tensors(file)
    if suffix != ".npz":
        raise DataError(f"{file}: expected outputs, as {_forms()}")
    try:
        with np.load(file, allow_pickle=False) as opened:
            return {name: opened[name] for name in opened.files}
    except (ValueError, EOFError, OSError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{file}: expected arrays by name (.npz), could not read it: {error}") from error


def _by_ingredient(arrays: dict[str, Array], labels: np.ndarray, file: Path) -> dict[str, Array]:
    """The outputs of each ingredient, by name: an array for each, or one array of all along its first axis."""
    if not arrays:
        raise DataError(f"{file}: expected outputs beside the labels, found none; it needs an array per ingredient")
    if len(arrays) > 1:
        whole = [name for name in ALL if name in arrays]
        if not whole:
            return arrays
        others = enumerated([shown(name) for name in arrays if name not in whole])
        raise DataError(
            f"{file}: expected the outputs of all ingredients under {shown(whole[0])}, or an array for each, got both: "
            f"{others} beside it; leave one out"
        )
    (name, array), n = next(iter(arrays.items())), len(labels) if labels.ndim else 0
    stacked = array.ndim > 1 and array.shape[1] == n and (array.ndim > 2 or len(array) != n)
    if stacked:
        return {f"model{i}": one for i, one in enumerate(array)}
    if array.ndim and len(array) == n:
        return {name if name not in ALL else file.stem: array}
    raise DataError(
        f"{file}: expected outputs of shape [ingredients, samples, classes] with {n} samples, as there are labels, got "
        f"{shown_shape(array.shape)}"
    )


def _forms() -> str:
    return f"a folder, or a file with one of {', '.join(SUFFIXES)}"
