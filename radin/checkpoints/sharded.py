"""A checkpoint in several files, with an index that says which tensor is where: `model.safetensors.index.json`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from radin.checkpoints.base import Checkpoint, FileReader, Reader, Signature
from radin.checkpoints.bounded_json import parsed
from radin.checkpoints.dtypes import TensorInfo
from radin.checkpoints.stated import stated_classes
from radin.common.wording import shown
from radin.errors import CheckpointError, MissingFileError

#: How an index's name ends, after that of the file which it stands for.
INDEX = ".index.json"

#: How the stem of a shard's name ends.
SHARD = re.compile(r"-(\d{5})-of-(\d{5})$")


class ShardedCheckpoint(Checkpoint):
    """The headers of all shards of one checkpoint, in the convention of Hugging Face.

    Arguments:
        path: the index.
        open_file: opens one shard.

    Attributes:
        home: `{tensor: name of its shard}`, tied names included.

    Raises:
        MissingFileError: a shard is missing.
        CheckpointError: the index is damaged, or it and the shards disagree about where a tensor is.
    """

    def __init__(self, path: Path, open_file: Callable[[Path], Checkpoint]) -> None:
        self.path = path
        self._signature = Signature(path)
        places, notes = read_index(path)
        files = sorted(set(places.values()))
        missing = [file for file in files if not (path.parent / file).exists()]
        if missing:
            raise MissingFileError(
                f"{path} needs {len(files)} shards beside it; these are missing: {', '.join(map(shown, missing[:8]))}"
            )
        self._shards = {file: open_file(path.parent / file) for file in files}
        self._check(places)
        self.home = {name: file for file, shard in self._shards.items() for name in shard.names}
        self.tensors: Mapping[str, TensorInfo] = {
            name: info for shard in self._shards.values() for name, info in shard.tensors.items()
        }
        self.aliases = {name: kept for shard in self._shards.values() for name, kept in shard.aliases.items()}
        self.weights = next(iter(self._shards.values())).weights
        first, *others = (shard.metadata for shard in self._shards.values())
        shared = {key: value for key, value in first.items() if all(other.get(key) == value for other in others)}
        self.metadata = shared | notes
        self.left_out = {name: why for shard in self._shards.values() for name, why in shard.left_out.items()}
        self.extra = {name: value for shard in self._shards.values() for name, value in shard.extra.items()}
        self.versions = {name: held for shard in self._shards.values() for name, held in shard.versions.items()}
        self.class_names = stated_classes(self.metadata)

    @property
    def files(self) -> tuple[Path, ...]:
        """The index and all shards."""
        return (self.path, *(shard.path for shard in self._shards.values()))

    def open(self, keep: bool = True) -> Reader:
        """Opens all shards."""
        with ExitStack() as stack:
            readers = {file: stack.enter_context(shard.open(keep)) for file, shard in self._shards.items()}
            stack.pop_all()
        return _ShardedReader(self._signature, readers, self.home)

    def _check(self, places: Mapping[str, str]) -> None:
        found: dict[str, str] = {}
        for file, shard in self._shards.items():
            for name in shard.names:
                if name in found or places.get(name, file) != file:
                    other = found.get(name) or places[name]
                    raise self._disagreement(f"tensor {shown(name)} is in {shown(file)}, and in {shown(other)}")
                found[name] = file
            strange = next((name for name in shard.tensors if name not in places), None)
            if strange is not None:
                raise self._disagreement(f"tensor {shown(strange)} is in {shown(file)}, but not in the index")
        missing = next((name for name in places if name not in found), None)
        if missing is not None:
            raise self._disagreement(f"tensor {shown(missing)} should be in {shown(places[missing])}, but is not")

    def _disagreement(self, what: str) -> CheckpointError:
        return CheckpointError(f"{self.path} and its shards disagree: {what}. Copy or save all of them again.")


class _ShardedReader(FileReader):
    def __init__(self, signature: Signature, readers: Mapping[str, Reader], home: Mapping[str, str]) -> None:
        super().__init__(signature)
        self._readers = readers
        self._home = home

    def read(
        self, name: str, start: int, stop: int, buffer: UInt8[np.ndarray, " space"]
    ) -> UInt8[np.ndarray, " bytes"]:
        """Bytes `start` to `stop` of one tensor."""
        return self._readers[self._home[name]].read(name, start, stop, buffer)

    def check_unchanged(self) -> None:
        """Raises CheckpointError if the index or a shard was changed since it was read."""
        super().check_unchanged()
        for reader in self._readers.values():
            reader.check_unchanged()

    def close(self) -> None:
        """Lets go of all shards."""
        for reader in self._readers.values():
            reader.close()


def read_index(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Reads an index: `{tensor: name of its shard}`, and the strings among its metadata.

    Raises:
        CheckpointError: it is no index of shards that lie beside it.
    """
    try:
        text = path.read_bytes()
        content = parsed(text, len(text))
    except ValueError as error:
        raise CheckpointError(f"{path} is no index of shards: it is not valid JSON ({error})") from error
    places = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(places, dict) or not places or not all(isinstance(file, str) for file in places.values()):
        raise CheckpointError(f"{path} is no index of shards: expected a 'weight_map' from tensors to files in it")
    outside = next((file for file in places.values() if Path(file).name != file), None)
    if outside is not None:
        raise CheckpointError(f"{path}: shards lie beside their index, but it names {shown(outside)}")
    metadata = content.get("metadata")
    notes = metadata if isinstance(metadata, dict) else {}
    return places, {key: value for key, value in notes.items() if isinstance(value, str)}


def refuse_shard(path: Path) -> None:
    """Raises CheckpointError for a file whose name says that it is one of several shards."""
    found = SHARD.search(path.stem)
    if found and int(found[2]) > 1:
        index = path.with_name(SHARD.sub("", path.stem) + path.suffix + INDEX)
        raise CheckpointError(
            f"{path} is shard {int(found[1])} of {int(found[2])}: no network by itself. Give the index of all shards "
            f"instead, {index if index.exists() else f'a file such as {index.name}'}, or their folder."
        )
