"""PyTorch's own files: a pickle that refers to storages. Loaded as data only; none of their code is ever run."""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from radin.checkpoints.base import Checkpoint, FileReader, Reader, Signature
from radin.checkpoints.contents import LIGHTNING_MARK, choose, stated_classes
from radin.checkpoints.dtypes import DTYPES, TensorInfo
from radin.checkpoints.names import ties
from radin.errors import CheckpointError

#: What training scripts keep beside the weights that is no plain data: options, paths, numpy's numbers and arrays.
#: In their place `torch.load` makes a `_Setting`, so that neither they nor any other code is ever called.
SETTINGS = (
    "argparse.Namespace",
    "pathlib.PosixPath",
    "pathlib.WindowsPath",
    "pathlib.PurePosixPath",
    "pathlib.PureWindowsPath",
    "pathlib._local.PosixPath",
    "pathlib._local.WindowsPath",
    "numpy.dtype",
    "numpy.ndarray",
    "numpy.core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy._core.multiarray._reconstruct",
)


class _Setting:
    """Stands in for an object that radin has no use for: takes whatever it is made of, and keeps nothing."""

    def __new__(cls, *values: object) -> _Setting:
        return super().__new__(cls)

    def __init__(self, *values: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


def _stand_in(path: str) -> type[_Setting]:
    module, _, name = path.rpartition(".")
    return type(name, (_Setting,), {"__module__": module, "__qualname__": name})


STAND_INS: list[Any] = [_stand_in(path) for path in SETTINGS]


class PickledCheckpoint(Checkpoint):
    """The header of a file of PyTorch's, such as `.pt`: a state dict, or a training checkpoint that holds one.

    Files of PyTorch 1.6 and later are memory-mapped; older ones are read whole while they are open. Names of tensors
    that share their memory and its layout become `aliases`.

    Arguments:
        path: the file.
        weights: `model` or `ema`: which weights to take of a file that holds both.

    Raises:
        CheckpointError: the file would run code, is damaged, holds no tensors, not those that were asked for, or two
            sets of weights while `weights` is None.
    """

    def __init__(self, path: Path, weights: str | None = None) -> None:
        self.path = path
        self._signature = Signature(path)
        content = _content(path)
        loaded, self.weights = choose(path, content, weights, _tensors)
        self.lightning = isinstance(content, Mapping) and LIGHTNING_MARK in content
        self.class_names = stated_classes(content)
        infos = {name: _info(path, name, tensor) for name, tensor in loaded.items()}
        self.aliases = ties({name: _identity(name, tensor) for name, tensor in loaded.items()})
        self.tensors = {name: info for name, info in infos.items() if name not in self.aliases}

    def open(self, keep: bool = True) -> Reader:
        """Maps the file again; `keep` makes no difference, since a map holds no descriptor."""
        return _TensorReader(self._signature, self.weights)


class _TensorReader(FileReader):
    def __init__(self, signature: Signature, weights: str | None) -> None:
        super().__init__(signature)
        self._tensors, _ = choose(signature.path, _content(signature.path), weights, _tensors)
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


def _content(path: Path) -> Any:
    """What a file holds, as data."""
    with path.open("rb") as file:
        start = file.read(4)
    if not start:
        raise CheckpointError(f"{path} is empty, expected a PyTorch checkpoint. Copy or save it again.")
    mapped = start == b"PK\x03\x04"  # a zip archive, PyTorch's format since 1.6
    if mapped:
        _refuse_torchscript(path)
    try:
        with torch.serialization.safe_globals(STAND_INS):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception as error:  # torch raises RuntimeError, UnpicklingError, EOFError, KeyError and more
        raise _refusal(path, error) from error


def _refuse_torchscript(path: Path) -> None:
    """Refuses programs of TorchScript, which some releases of PyTorch load although they are asked for weights only."""
    with suppress(zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
        if any(name.endswith("/constants.pkl") for name in archive.namelist()):
            raise _runs_code(path, "it is a TorchScript program")


def _runs_code(path: Path, reason: str) -> CheckpointError:
    return CheckpointError(
        f"{path} holds more than tensors: loading it would run code, which radin never does ({reason}). If you trust "
        f"the file, save its weights alone where it was made: torch.save(model.state_dict(), 'weights.pt')."
    )


def _refusal(path: Path, error: Exception) -> CheckpointError:
    text = str(error)
    called = re.search(r"GLOBAL ([\w.]+)", text) or re.search(r"Unsupported class ([\w.]+)", text)
    if called:
        return _runs_code(path, f"it calls {called[1]}")
    known = isinstance(error, RuntimeError | EOFError | pickle.UnpicklingError)
    useful = known and text and "weights_only" not in text  # torch's advice there is to run the file's code
    clause = f" (PyTorch: {text.splitlines()[0].partition('. ')[0].rstrip('.')})" if useful else ""
    return CheckpointError(
        f"{path} is no complete PyTorch checkpoint. Expected what torch.save writes; copy or save it again{clause}."
    )


def _tensors(candidate: Any) -> dict[str, Tensor]:
    if not isinstance(candidate, Mapping):
        return {}
    return {
        name: value.detach() for name, value in candidate.items() if isinstance(name, str) and isinstance(value, Tensor)
    }
