"""Sharing a checkpoint's tensors out to several files, and the index that goes with them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from radin.checkpoints.dtypes import TensorInfo
from radin.checkpoints.sharded import INDEX, SHARD, read_index
from radin.common.files import written_aside
from radin.errors import CheckpointError, InputError


def shares(tensors: Mapping[str, TensorInfo], most: int) -> list[dict[str, TensorInfo]]:
    """The tensors of each shard, in their order; every shard has at least one.

    Arguments:
        tensors: all of them.
        most: bytes of tensors in a shard, unless one tensor alone takes more.

    Raises:
        InputError: `most` is below 1.
    """
    if most < 1:
        raise InputError(f"max_shard_size must be at least 1 byte, got {most!r}")
    shards: list[dict[str, TensorInfo]] = [{}]
    taken = 0
    for name, info in tensors.items():
        if shards[-1] and taken + info.nbytes > most:
            shards.append({})
            taken = 0
        shards[-1][name] = info
        taken += info.nbytes
    return shards


def shard_paths(target: Path, count: int) -> list[Path]:
    """The files of a checkpoint: the target itself, or `NAME-00001-of-0000N` and so on for several."""
    if count == 1:
        return [target]
    return [target.with_name(f"{target.stem}-{i:05}-of-{count:05}{target.suffix}") for i in range(1, count + 1)]


def written_for(target: Path, count: int) -> list[Path]:
    """All files of a checkpoint: of several shards, their index too."""
    return [*shard_paths(target, count), *([_index_path(target)] if count > 1 else [])]


def superseded(target: Path, count: int) -> list[Path]:
    """Files of an earlier checkpoint of this name that writing the new one leaves there.

    A reader would find both, one in a file and one in shards, and might take the old one.

    Arguments:
        target: what the checkpoint is called in one file.
        count: shards of the new one; 1 for one file.
    """
    index, new = _index_path(target), written_for(target, count)
    try:
        shards = set(read_index(index)[0].values()) if index.exists() else set()
    except CheckpointError:  # it is not for shards
        shards = set()
    own = [target.with_name(name) for name in sorted(shards) if SHARD.sub("", Path(name).stem) == target.stem]
    return [path for path in (target, index, *own) if path.exists() and path not in new]


def _index_path(target: Path) -> Path:
    return target.with_name(target.name + INDEX)


@contextmanager
def index_of(target: Path, shards: Sequence[Mapping[str, TensorInfo]], metadata: Mapping[str, str]) -> Iterator[Path]:
    """Writes the index of shards, `NAME.safetensors.index.json`, when the block ends without error.

    Arguments:
        target: what the checkpoint would be called in one file.
        shards: the tensors of each.
        metadata: strings to keep in the index.

    Yields:
        the index's path.
    """
    index = _index_path(target)
    files = [path.name for path in shard_paths(target, len(shards))]
    content = {
        "metadata": {"total_size": sum(info.nbytes for shard in shards for info in shard.values()), **metadata},
        "weight_map": {name: file for file, shard in zip(files, shards, strict=True) for name in shard},
    }
    with written_aside(index) as file:
        file.write(json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n")
        yield index
