"""One adapter: its folder, its settings, and the factors of each module that it adapts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from radin.adapters.config import CONFIG, AdapterConfig, read_config
from radin.checkpoints import NetworkCheckpoint, TensorInfo, open_checkpoint
from radin.checkpoints.names import adapter_of
from radin.common.wording import shown, shown_shape
from radin.errors import CheckpointError, IncompatibleError, MissingFileError

#: The names of an adapter's weights, as PEFT looks for them.
WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")

#: The names of parts of adapted modules, as PEFT writes them.
PART = re.compile(
    r"(?P<module>.+)\.(?:lora_(?P<factor>[AB])\.(?P<what>weight|bias)|lora_embedding_(?P<table>[AB])|"
    r"(?P<magnitude>lora_magnitude_vector)(?:\.weight)?)"
)

#: The prefixes that PEFT puts before the names of the network's own modules.
OUTER = ("base_model.model.", "base_model.")

Kind = Literal["matrix", "embedding"]


@dataclass(frozen=True)
class Module:
    """One adapted module: its weight is the base's plus `scale · B · A`.

    Attributes:
        key: the beginning of its tensors' names in the file.
        kind: `matrix` for linear layers and convolutions; an `embedding` has its update transposed.
        a, b: names of the factors, A `[rank, ...]` and B `[outputs, rank, ...]`.
        rank: of the factors.
        scale: the factor s.
        bias: the name of the second factor's bias, if there is one.
        magnitude: the name of the lengths of the weight's rows (DoRA), if there are any.
    """

    key: str
    kind: Kind
    a: str
    b: str
    rank: int
    scale: float
    bias: str | None
    magnitude: str | None

    @property
    def name(self) -> str:
        """The module's name in the base network."""
        return network_name(self.key)

    @property
    def parts(self) -> list[str]:
        """Names of all of its tensors."""
        return [one for one in (self.a, self.b, self.bias, self.magnitude) if one is not None]


@dataclass(frozen=True)
class Adapter:
    """An adapter on disk; its headers are read, its tensors are not.

    Attributes:
        folder: holds settings and weights.
        config: its settings.
        checkpoint: the header of its weights.
    """

    folder: Path
    config: AdapterConfig
    checkpoint: NetworkCheckpoint

    @cached_property
    def modules(self) -> dict[str, Module]:
        """`{key: module}` of the modules that have factors, in the order of the file.

        Raises:
            CheckpointError: a factor is missing, has another rank than the settings say, or an unknown name.
            IncompatibleError: a convolution in groups.
        """
        parts: dict[str, dict[str, str]] = {}
        for name in self.checkpoint.names:
            if (part := PART.fullmatch(name)) is not None:
                parts.setdefault(part["module"], {})[_role(part)] = name
            elif kind := adapter_of(name):
                raise CheckpointError(
                    f"{self.checkpoint.path}: tensor {shown(name)} is a part of an adapter ({kind}) under a name that "
                    "PEFT does not write. Save the adapter with its save_pretrained."
                )
        return {key: self._module(key, roles) for key, roles in parts.items()}

    def _module(self, key: str, roles: Mapping[str, str]) -> Module:
        kind: Kind = "embedding" if "table A" in roles else "matrix"
        names = [roles.get(f"{'table' if kind == 'embedding' else 'factor'} {one}") for one in "AB"]
        a, b = names
        if a is None or b is None:
            raise CheckpointError(f"{self.checkpoint.path}: module {shown(key)} has one factor only: {list(roles)}")
        rank = self._checked_rank(key, a, b)
        scale = self.config.scale(pattern_name(key), rank)
        return Module(key, kind, a, b, rank, scale, roles.get("bias"), roles.get("magnitude"))

    def _checked_rank(self, key: str, a: str, b: str) -> int:
        one, two = self.checkpoint.info(a), self.checkpoint.info(b)
        file, rank = self.checkpoint.path, self.config.rank(pattern_name(key))
        shapes = f"factors of the shapes {shown_shape(one.shape)} and {shown_shape(two.shape)}"
        if min(len(one.shape), len(two.shape)) < 2 or 0 in (*one.shape, *two.shape):
            raise CheckpointError(
                f"{file}: module {shown(key)} has {shapes}: a part of them only, as parallel training saves them. "
                "Gather the weights before saving."
            )
        if one.shape[0] != rank:
            raise CheckpointError(
                f"{file}: module {shown(key)} has {shapes}, but its settings say rank {rank} ({self.config.path})"
            )
        if two.shape[1] != rank or any(size != 1 for size in two.shape[2:]):
            raise IncompatibleError(
                f"{file}: module {shown(key)} has {shapes}, no product of two matrices: a convolution in groups, most "
                "likely. radin does not average these."
            )
        if one.kind.family != "float" or one.dtype != two.dtype:
            raise IncompatibleError(f"{file}: the factors of {shown(key)} are {one} and {two}, not of one float type")
        return rank

    @property
    def plain(self) -> dict[str, TensorInfo]:
        """Tensors that are no factors: whole modules that were trained (`modules_to_save`), and biases."""
        factors = {part for module in self.modules.values() for part in module.parts}
        return {name: info for name, info in self.checkpoint.tensors.items() if name not in factors}

    @property
    def rank(self) -> int:
        """The largest rank of its modules."""
        return max((module.rank for module in self.modules.values()), default=0)

    @property
    def files(self) -> tuple[Path, ...]:
        """Settings and weights."""
        return (self.config.path, *self.checkpoint.files)


def is_adapter(path: Path) -> bool:
    """Whether a folder, or the folder of a file of weights, holds an adapter of PEFT."""
    folder = path if path.is_dir() else path.parent
    return (path.is_dir() or path.name in WEIGHTS) and (folder / CONFIG).is_file()


def open_adapter(folder: Path) -> Adapter:
    """Reads the settings and the header of the adapter in a folder.

    Raises:
        MissingFileError: there are no weights.
        CheckpointError: a file is damaged.
        IncompatibleError: another kind of adapter than LoRA.
    """
    config = read_config(folder)
    weights = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if weights is None:
        raise MissingFileError(f"{folder} holds {CONFIG}, but no weights: expected {' or '.join(WEIGHTS)}")
    adapter = Adapter(folder, config, open_checkpoint(weights))
    if not adapter.modules:
        raise CheckpointError(f"{weights} holds no factors of an adapter, though {CONFIG} lies beside it")
    return adapter


def network_name(key: str) -> str:
    """The name in the base network of a module or tensor of an adapter's file."""
    prefix = next((one for one in OUTER if key.startswith(one)), "")
    parts = key.removeprefix(prefix).split(".")
    return ".".join(part for part in parts if part != "base_layer")


def pattern_name(key: str) -> str:
    """The name that PEFT's patterns of ranks are held against: of the outermost module that was replaced."""
    prefix = next((one for one in OUTER if key.startswith(one)), "")
    return key.removeprefix(prefix).partition(".base_layer")[0]


def _role(part: re.Match[str]) -> str:
    if part["magnitude"]:
        return "magnitude"
    if part["table"]:
        return f"table {part['table']}"
    return f"factor {part['factor']}" if part["what"] == "weight" else "bias"
