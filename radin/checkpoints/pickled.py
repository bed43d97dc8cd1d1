"""PyTorch's own files: a pickle that refers to storages. Loaded as data only; none of their code is ever run."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from radin.checkpoints.base import Checkpoint, Reader, Signature
from radin.checkpoints.dtypes import DTYPES, TensorInfo
from radin.checkpoints.names import normalise, ties
from radin.errors import CheckpointError

#: Where training scripts put the weights beside optimiser state, in the order in which they are looked for.
HOLDERS = ("state_dict", "model")


class PickledCheckpoint(Checkpoint):
    """The header of a `.pt`, `.pth`, `.ckpt` or `.bin` file: a state dict, or a training checkpoint that holds one.

    Files of PyTorch 1.6 and later are memory-mapped; older ones are read whole while they are open. Names of tensors
    that share their memory and its layout become `aliases`.

    Raises:
        CheckpointError: the file would run code, is damaged, or holds no tensors.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._signature = Signature(path)
        loaded = _load(path)
        infos = {name: _info(path, name, tensor) for name, tensor in loaded.items()}
        self.aliases = ties({name: _identity(name, tensor) for name, tensor in loaded.items()})
        self.tensors = {name: info for name, info in infos.items() if name not in self.aliases}

    def open(self, keep: bool = True) -> Reader:
        """Maps the file again; `keep` makes no difference, since a map holds no descriptor."""
        return _TensorReader(self._signature)


class _TensorReader(Reader):
    def __init__(self, signature: Signature) -> None:
        super().__init__(signature)
        self._tensors = _load(signature.path)
        self._flat = {name: _bytes(tensor) for name, tensor in self._tensors.items() if tensor.is_contiguous()}

    def read(
        self, name: str, start: int, stop: int, buffer: UInt8[np.ndarray, " space"]
    ) -> UInt8[np.ndarray, " bytes"]:
        """Bytes `start` to `stop` of one tensor, straight from the mapped file where the tensor is contiguous."""
        if name in self._flat:
            return self._flat[name][start:stop]
        tensor = self._tensors[name]
        return _bytes(_flat_slice(tensor, start // tensor.itemsize, stop // tensor.itemsize))

    def close(self) -> None:
        """Lets go of the map."""
        self._tensors, self._flat = {}, {}


def _bytes(tensor: Tensor) -> UInt8[np.ndarray, " bytes"]:
    """The memory of a contiguous tensor, read-only."""
    flat = tensor.as_strided((tensor.numel(),), (1,))  # one element may come with any stride
    view = flat.view(torch.uint8).numpy()
    view.flags.writeable = False
    return view


def _flat_slice(tensor: Tensor, start: int, stop: int) -> Tensor:
    """Elements of a strided tensor in row-major order, copying no more than the rows that they lie in."""
    while tensor.dim() > 1 and start < stop:
        row = tensor[0].numel()
        first = start // row
        if (stop - 1) // row != first:
            rows = tensor[first : (stop - 1) // row + 1].reshape(-1)
            return rows[start - first * row : stop - first * row]
        tensor, start, stop = tensor[first], start - first * row, stop - first * row
    return tensor.reshape(-1)[start:stop].contiguous()


def _identity(name: str, tensor: Tensor) -> object:
    if tensor.numel() == 0:  # empty tensors share the null pointer without being tied
        return name
    storage = tensor.untyped_storage().data_ptr()
    return storage, tensor.storage_offset(), tuple(tensor.shape), tensor.stride(), str(tensor.dtype)


def _info(path: Path, name: str, tensor: Tensor) -> TensorInfo:
    dtype = str(tensor.dtype).removeprefix("torch.")
    if dtype not in DTYPES or tensor.layout != torch.strided:
        raise CheckpointError(
            f"{path}: tensor {name!r} has dtype {dtype} and layout {tensor.layout}, which radin cannot average. "
            f"Save it dense, in one of: {', '.join(DTYPES)}."
        )
    return TensorInfo(dtype, tuple(tensor.shape))


def _load(path: Path) -> dict[str, Tensor]:
    with path.open("rb") as file:
        start = file.read(4)
    if not start:
        raise CheckpointError(f"{path} is empty, expected a PyTorch checkpoint. Copy or save it again.")
    mapped = start == b"PK\x03\x04"  # a zip archive, PyTorch's format since 1.6
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception as error:  # torch raises RuntimeError, UnpicklingError, EOFError, KeyError and more
        raise _refusal(path, error) from error
    tensors = _state_dict(path, content)
    short = normalise(tensors, path)
    return {short[name]: tensor.detach() for name, tensor in tensors.items()}


def _refusal(path: Path, error: Exception) -> CheckpointError:
    text = str(error)
    called = re.search(r"GLOBAL ([\w.]+)", text) or re.search(r"Unsupported class ([\w.]+)", text)
    if called or "TorchScript" in text:
        return CheckpointError(
            f"{path} holds more than tensors: loading it would run code, which radin never does "
            f"({f'it calls {called[1]}' if called else 'it is a TorchScript program'}). If you trust the file, "
            f"save its weights alone where it was made: torch.save(model.state_dict(), 'weights.pt')."
        )
    known = isinstance(error, RuntimeError | EOFError | pickle.UnpicklingError)
    reason = text.splitlines()[0].rstrip(".") if known and text else "it is not in PyTorch's format"
    return CheckpointError(
        f"{path} is no complete PyTorch checkpoint: {reason}. Expected what torch.save writes; copy or save it again."
    )


def _state_dict(path: Path, content: Any) -> dict[str, Tensor]:
    inside = content if isinstance(content, Mapping) else {}
    for candidate in (*(inside.get(holder) for holder in HOLDERS), inside):
        found = _tensors(candidate)
        if found:
            return found
    held = f"keys {sorted(map(str, inside))[:8]}" if inside else type(content).__name__
    raise CheckpointError(
        f"{path} holds no tensors by name ({held}). Expected a state dict, or a training checkpoint with one under "
        f"{' or '.join(map(repr, HOLDERS))}; save torch.save(model.state_dict(), 'weights.pt')."
    )


def _tensors(candidate: Any) -> dict[str, Tensor]:
    if not isinstance(candidate, Mapping):
        return {}
    return {name: value for name, value in candidate.items() if isinstance(name, str) and isinstance(value, Tensor)}
