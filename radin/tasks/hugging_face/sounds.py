"""Sounds in files, as the feature extractor of a model's folder prepares them."""

from __future__ import annotations

import importlib
import os
import wave
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from torch.utils.data import Dataset

from radin.common.files import file_fingerprint, fingerprint_of
from radin.common.natural_order import natural
from radin.errors import DataError, RadinError, TaskError
from radin.tasks.hugging_face import answers
from radin.tasks.hugging_face.encoding import MASK
from radin.tasks.hugging_face.library import open_processor
from radin.tasks.hugging_face.pictures import class_folders_of
from radin.tasks.images import class_folders
from radin.tasks.readers.folders import refuse_splits
from radin.tasks.readers.tables import read_table

#: Files that count as sounds, by their suffix in lower case. The first is read without any library.
SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")

#: Usual names of the column with the files' paths.
USUAL_FILES = ("file", "path", "audio", "file_name", "filename")


@dataclass(frozen=True)
class Hearing:
    """Turns a sound into the numbers that a network takes.

    Arguments:
        about: the extractor's settings, as text; it tells one preparation from another.
        seconds: of a sound at most; what follows is cut off. None takes all.
        extractor: of transformers.
    """

    about: str
    seconds: int | None
    extractor: Any = field(repr=False, compare=False)

    @classmethod
    def of(cls, model: str | os.PathLike[str], seconds: int | None, *, trust_remote_code: bool) -> Hearing:
        """That of a model's folder.

        Raises:
            InputError: the folder has none.
        """
        how = {"trust_remote_code": trust_remote_code}
        extractor, about = open_processor("AutoFeatureExtractor", "feature extractor", model, **how)
        return cls(about, seconds, extractor)

    @property
    def masked(self) -> bool:
        """Whether the network is told what is padding."""
        return bool(getattr(self.extractor, "return_attention_mask", False))

    @property
    def name(self) -> str:
        """The name of the network's input."""
        return str(self.extractor.model_input_names[0])

    def __call__(self, path: Path) -> Float32[np.ndarray, ...]:
        """The network's input for the sound in a file: a wave `[samples]`, or features of a fixed size.

        Raises:
            DataError: a file that cannot be read.
            TaskError: a library is needed to read it, or to bring it to another rate, and is not there.
        """
        rate = int(self.extractor.sampling_rate)
        sound = resampled(*read_sound(path), rate, path)
        if self.seconds is not None:
            sound = sound[: max(1, round(self.seconds * rate))]
        heard = self.extractor(sound, sampling_rate=rate, return_tensors="np")[self.name][0]
        return np.asarray(heard, dtype=np.float32)


class Sounds(Dataset[Any]):
    """Labelled sounds; waves are filled up to the longest one, so that batches are one tensor.

    Arguments:
        files: one for each sample.
        labels: the class of each, `int64[M]`.
        hear: prepares them.
    """

    def __init__(self, files: Sequence[Path], labels: np.ndarray, hear: Hearing) -> None:
        self.files, self.labels, self.hear = list(files), labels, hear
        first = hear(self.files[0])
        self.are_waves = first.ndim == 1
        self._length = max(len(hear(file)) for file in self.files) if self.are_waves else 0

    def fingerprint(self) -> str:
        """A fingerprint of the files, their labels and their preparation."""
        fingerprints = [file_fingerprint(file) for file in self.files]
        return fingerprint_of("sounds-1", fingerprints, self.labels.tolist(), self.hear.about, self.hear.seconds)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[dict[str, torch.Tensor], Any]:
        heard = torch.from_numpy(self.hear(self.files[index]))
        if not self.are_waves:
            return {self.hear.name: heard}, self.labels[index]
        mask = torch.zeros(self._length, dtype=torch.int64)
        mask[: len(heard)] = 1
        filled = torch.nn.functional.pad(heard, (0, self._length - len(heard)))
        return {self.hear.name: filled, MASK: mask}, self.labels[index]


def open_sounds(
    spec: str | os.PathLike[str],
    config: Any,
    hear: Hearing,
    *,
    file: str | None = None,
    label: str | None = None,
    split: str | None = None,
    chosen: bool = True,
) -> Sounds:
    """Labelled sounds: a folder with one folder of files for each class, or a table of files and labels.

    Arguments:
        spec: the folder, or the table; paths in it start from its folder.
        config: of the model, which names its classes.
        hear: prepares the sounds.
        file, label: columns of the table; by default usual names are looked for.
        split: which part of a folder with several.
        chosen: whether a parameter can choose such a part.

    Raises:
        MissingFileError: there is no such file, folder or part of one.
        InputError: a folder of parts without `split`, columns that are not there, other class folders than the model
            has classes, or a part of a table.
        DataError: no sound, or labels that are none of the model's classes.
    """
    place = Path(spec).expanduser()
    if place.is_dir():
        if split is None:
            refuse_splits(place, class_folders(place), chosen=chosen)
        else:
            place = place / split
        names = class_folders_of(place, config) or class_folders(place)
        found = [(one, i) for i, name in enumerate(names) for one in _files_in(place / name)]
        if not found:
            raise DataError(f"{place}: there is no sound in its class folders ({', '.join(SUFFIXES)})")
        return Sounds([one for one, _ in found], np.array([i for _, i in found], dtype=np.int64), hear)
    table = read_table(place, split)
    column = file or next((name for name in USUAL_FILES if name in table.columns), USUAL_FILES[0])
    files = [place.parent / str(one) for one in table.column(column, "text")]
    missing = next((one for one in files if not one.is_file()), None)
    if missing is not None:
        raise DataError(f"{place} names {missing}, which is not there")
    return Sounds(files, answers.class_numbers(table, label or "label", config), hear)


def _files_in(folder: Path) -> list[Path]:
    inside = folder.rglob("*") if folder.is_dir() else ()
    return sorted((one for one in inside if one.suffix.lower() in SUFFIXES and one.is_file()), key=natural)


def read_sound(path: Path) -> tuple[Float32[np.ndarray, " samples"], int]:
    """A sound, the mean of its channels in [-1, 1], and its samples per second.

    Raises:
        DataError: it cannot be read.
        TaskError: another format than WAV, and soundfile is not there.
    """
    try:
        values, rate = _read_wave(path) if path.suffix.lower() == ".wav" else _read_other(path)
    except (OSError, EOFError, ValueError, RuntimeError, wave.Error) as error:
        if isinstance(error, RadinError):
            raise
        raise DataError(f"{path} cannot be read as a sound ({error})") from error
    if not len(values):
        raise DataError(f"{path} holds no sound")
    return values.mean(axis=1, dtype=np.float32), rate


def _read_other(path: Path) -> tuple[Float32[np.ndarray, "samples channels"], int]:
    values, rate = _library("soundfile", f"{path} is no WAV file").read(path, dtype="float32", always_2d=True)
    return np.asarray(values, dtype=np.float32), int(rate)


def _read_wave(path: Path) -> tuple[Float32[np.ndarray, "samples channels"], int]:
    with wave.open(str(path)) as file:
        width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
        raw = np.frombuffer(file.readframes(file.getnframes()), dtype=np.uint8)
    whole = raw[: raw.size - raw.size % (width * channels)].reshape(-1, width)
    if width == 1:  # without sign
        values = (whole[:, 0].astype(np.float32) - 128) / 128
    else:
        padded = np.zeros((len(whole), 4), dtype=np.uint8)
        padded[:, 4 - width :] = whole  # little-endian; the highest bytes carry the sign
        values = padded.view("<i4")[:, 0].astype(np.float32) / 2**31
    return values.reshape(-1, channels), rate


def resampled(
    sound: Float32[np.ndarray, " samples"], rate: int, wanted: int, path: Path
) -> Float32[np.ndarray, " wanted"]:
    """A sound at another number of samples per second.

    Raises:
        TaskError: SciPy is needed, and not there.
    """
    if rate == wanted:
        return sound
    common = int(np.gcd(rate, wanted))
    signal = _library("scipy.signal", f"{path} has {rate} samples a second, but the model hears {wanted}")
    return np.asarray(signal.resample_poly(sound, wanted // common, rate // common), dtype=np.float32)


def _library(name: str, why: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise TaskError(f"{why}. Install {package}: `pip install {package}`, or convert the files.") from error
