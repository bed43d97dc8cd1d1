"""A folder as Hugging Face's libraries save a model: `config.json` beside its weights, in one file or in shards.

Optimizers, schedulers, random states, logs and cards that lie there as well are passed over. A folder of
sentence-transformers has a `modules.json` that names several such folders, one for each part of the network.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import UInt8

from radin.checkpoints.base import Checkpoint, Reader
from radin.checkpoints.dtypes import TensorInfo
from radin.checkpoints.sharded import INDEX, ShardedCheckpoint
from radin.common.wording import enumerated, shown
from radin.errors import CheckpointError

CONFIG = "config.json"

#: The parts of a model of sentence-transformers, and the folder of each.
MODULES = "modules.json"

#: Names of a model's weights, in the order in which transformers looks for them.
WEIGHTS = ("model.safetensors", "pytorch_model.bin")

#: Names of weights in another precision, as `save_pretrained(variant="fp16")` writes them.
VARIANT = re.compile(r"(?:model|pytorch_model)\.(?:(\w+)\.)?(?:safetensors|bin)")

#: Names that transformers makes up for classes that have none.
NAMELESS = re.compile(r"LABEL_\d+")


class ModelFolder(Checkpoint):
    """The headers of all weights in a model's folder.

    Tensors are called as in the files; those of a part in a folder of its own, such as `2_Dense`, have `2_Dense/` in
    front.

    Arguments:
        path: the folder.
        open_weights: opens one file of weights, or the index of several.

    Attributes:
        config: what `config.json` holds; empty where the parts have one each.
        parts: `{folder within this one: its weights}`; a plain model has one part, called by an empty text.
        variant: of files such as `model.fp16.safetensors` the word in the middle; None for those without.

    Raises:
        CheckpointError: damaged JSON, one model both in one file and in shards, several variants, or damaged weights.
        MissingFileError: a shard is missing.
    """

    def __init__(self, path: Path, open_weights: Callable[[Path], Checkpoint]) -> None:
        self.path = path
        self.config = read_config(path / CONFIG) if (path / CONFIG).is_file() else {}
        files = weights_in(path)
        self.variant = next((variant for variant in map(_variant_of, files.values()) if variant), None)
        self.parts: Mapping[str, Checkpoint] = {part: open_weights(file) for part, file in files.items()}
        self._home = {
            called(part, name): (part, name) for part, weights in self.parts.items() for name in weights.names
        }
        self.tensors: Mapping[str, TensorInfo] = {
            called(part, name): info for part, weights in self.parts.items() for name, info in weights.tensors.items()
        }
        self.aliases = {
            called(part, name): called(part, kept)
            for part, weights in self.parts.items()
            for name, kept in weights.aliases.items()
        }
        first, *others = self.parts.values()
        self.metadata = MappingProxyType(
            {key: value for key, value in first.metadata.items() if all(o.metadata.get(key) == value for o in others)}
        )
        self.weights = first.weights
        self.left_out = {
            called(part, name): why for part, weights in self.parts.items() for name, why in weights.left_out.items()
        }
        self.class_names = first.class_names or class_names_in(self.config)

    @cached_property
    def modules(self) -> list[str]:
        """The folders of all parts, those without weights included; the folder itself is an empty text."""
        return parts_of(self.path)

    @property
    def files(self) -> tuple[Path, ...]:
        """All files of weights, indices included."""
        return tuple(file for weights in self.parts.values() for file in weights.files)

    @cached_property
    def sharding(self) -> dict[str, dict[str, str]]:
        """For each part that lies in several files, `{tensor: name of its file}` by the names in the files."""
        return {part: dict(one.home) for part, one in self.parts.items() if isinstance(one, ShardedCheckpoint)}

    def open(self, keep: bool = True) -> Reader:
        """Opens the weights of all parts."""
        with ExitStack() as stack:
            readers = {part: stack.enter_context(weights.open(keep)) for part, weights in self.parts.items()}
            stack.pop_all()
        return _PartsReader(readers, self._home)


class _PartsReader(Reader):
    def __init__(self, readers: Mapping[str, Reader], home: Mapping[str, tuple[str, str]]) -> None:
        self._readers = readers
        self._home = home

    def read(
        self, name: str, start: int, stop: int, buffer: UInt8[np.ndarray, " space"]
    ) -> UInt8[np.ndarray, " bytes"]:
        """Bytes `start` to `stop` of one tensor."""
        part, stored = self._home[name]
        return self._readers[part].read(stored, start, stop, buffer)

    def check_unchanged(self) -> None:
        """Raises CheckpointError if a file was changed since its header was read."""
        for reader in self._readers.values():
            reader.check_unchanged()

    def close(self) -> None:
        """Lets go of all files."""
        for reader in self._readers.values():
            reader.close()


def called(part: str, name: str) -> str:
    """A tensor's name in a pool: that in its file, with the folder of its part in front."""
    return f"{part}/{name}" if part else name


def is_model_folder(path: Path) -> bool:
    """Whether a folder holds a model as Hugging Face's libraries save it: a config and weights under a usual name."""
    if not path.is_dir():
        return False
    if (path / MODULES).is_file():
        return True
    return (path / CONFIG).is_file() and bool(_candidates(path))


def parts_of(path: Path) -> list[str]:
    """The folders, within a model's folder, that may hold weights; the folder itself is an empty text.

    Raises:
        CheckpointError: `modules.json` is damaged, or names a folder elsewhere.
    """
    if not (path / MODULES).is_file():
        return [""]
    modules = _read_json(path / MODULES)
    listed = modules if isinstance(modules, list) else []
    places = [one["path"].rstrip("/") for one in listed if isinstance(one, dict) and isinstance(one.get("path"), str)]
    if not places or len(places) != len(listed):
        raise CheckpointError(f"{path / MODULES}: expected a list of modules with a 'path' each")
    outside = next((place for place in places if Path(place).is_absolute() or ".." in Path(place).parts), None)
    if outside is not None:
        raise CheckpointError(f"{path / MODULES}: modules lie in the folder, but it names {shown(outside)}")
    return places


def weights_in(path: Path) -> dict[str, Path]:
    """`{part: its file of weights, or the index of its shards}`; parts without weights are left out.

    Raises:
        CheckpointError: none has weights, or it cannot be told which ones are the model's.
    """
    found = {part: file for part in parts_of(path) if (file := _weights_of(path / part)) is not None}
    if not found:
        raise CheckpointError(
            f"{path} holds no weights of a model: expected {' or '.join(WEIGHTS)}, or an index of shards"
        )
    return found


def _weights_of(folder: Path) -> Path | None:
    candidates = _candidates(folder)
    plain = [file for file in candidates if _variant_of(file) is None]
    for name in WEIGHTS:
        here = [file for file in plain if file.name in (name, name + INDEX)]
        if len(here) > 1:
            raise CheckpointError(
                f"{folder} holds the model twice, in one file and in shards: {enumerated([one.name for one in here])}. "
                "One of them may be of an older run; remove what is outdated."
            )
        if here:
            return here[0]
    variants = {_variant_of(file): file for file in reversed(candidates)}
    if len(variants) > 1:
        raise CheckpointError(
            f"{folder} holds the model in several variants ({enumerated(sorted(str(one) for one in variants))}). "
            "Keep the one that is to be averaged."
        )
    return next(iter(variants.values()), None)


def _candidates(folder: Path) -> list[Path]:
    """Files that may be a model's weights, or the index of its shards; safetensors first."""
    if not folder.is_dir():
        return []
    found = [file for file in folder.iterdir() if VARIANT.fullmatch(file.name.removesuffix(INDEX)) and file.is_file()]
    return sorted(found, key=lambda file: (not file.name.startswith("model."), file.name))


def _variant_of(file: Path) -> str | None:
    match = VARIANT.fullmatch(file.name.removesuffix(INDEX))
    return match[1] if match else None


def read_config(path: Path) -> dict[str, Any]:
    """Contents of a `config.json`.

    Raises:
        CheckpointError: it is no JSON object.
    """
    config = _read_json(path)
    if not isinstance(config, dict):
        raise CheckpointError(f"{path}: expected a JSON object, the config of a model")
    return config


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise CheckpointError(f"{path} cannot be read as JSON ({error})") from error


def class_names_in(config: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The classes in the order of the head's outputs, as a config says; None where it has no names for them."""
    names = config.get("id2label")
    if not isinstance(names, dict) or not names:
        return None
    by_place = {str(place): name for place, name in names.items()}
    ordered = [by_place.get(str(place)) for place in range(len(by_place))]
    if not all(isinstance(name, str) for name in ordered) or all(NAMELESS.fullmatch(str(name)) for name in ordered):
        return None
    return tuple(str(name) for name in ordered)
