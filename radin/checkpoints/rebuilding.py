"""Makes descriptions of tensors out of the calls in a pickle, by the rules of the functions that are called there.

None of those functions is called. Each has a namesake here that checks its arguments and describes what it would make.
"""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from radin.checkpoints.dtypes import DTYPES, TensorInfo
from radin.checkpoints.stored import (
    ArrayTensor,
    Storage,
    StoredTensor,
    Tensor,
    UnusableTensor,
    array_tensor,
    extent,
    fault_of_layout,
)

#: What training scripts keep beside the weights that is no plain data: options, paths, numpy's numbers and arrays.
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

#: The functions with which numpy's pickles begin an array.
NUMPY_RECONSTRUCT = ("numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct")

#: numpy's codes of element types that PyTorch has as well.
_NUMPY_CODES = re.compile(r"[<>|=]?(f[248]|[iu][1248]|b1|c8|c16)")

#: Element types that PyTorch knows and radin does not average: quantised, packed and narrow ones.
_OTHER_DTYPES = (
    *("complex32", "quint8", "qint8", "qint32", "quint4x2", "quint2x4", "float4_e2m1fn_x2"),
    *(f"bits{kind}" for kind in ("1x8", "2x4", "4x2", "8", "16")),
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in range(1, 8)),
)
_QUANTISERS = tuple(
    f"per_{kind}" for kind in ("tensor_affine", "tensor_symmetric", "channel_affine", "channel_symmetric")
)
_LAYOUTS = ("strided", "sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc", "_mkldnn")
_DEVICES = re.compile(r"(cpu|cuda|xpu|mps|meta|hpu|xla|ipu|mtia|vulkan|maia|privateuseone)(:\d{1,2})?")


class NotLoadable(Exception):
    """Something in a pickle that PyTorch would not load either; the message says what."""


@dataclass(frozen=True)
class Named:
    """A name out of a pickle that stands for a function, a class or a constant of PyTorch's; it is never called."""

    path: str


class Setting:
    """Stands in for an object that radin has no use for: takes whatever it is made of, and keeps nothing."""

    def __new__(cls, *values: object) -> Setting:
        """An object without contents."""
        return super().__new__(cls)

    def __init__(self, *values: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


def _stand_in(path: str) -> type[Setting]:
    module, _, name = path.rpartition(".")
    return type(name, (Setting,), {"__module__": module, "__qualname__": name})


#: A class for each of `SETTINGS`, under its module and name.
STAND_INS: list[Any] = [_stand_in(path) for path in SETTINGS]


class NumpyType(Setting):
    """An element type of numpy's."""

    def __init__(self, *values: object) -> None:
        code = values[0] if values and isinstance(values[0], str) else ""
        self.code = code.lstrip("<>|=") if _NUMPY_CODES.fullmatch(code) else ""
        self.order = "="

    def __setstate__(self, state: object) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">", "|", "="):
            self.order = str(state[1])


class NumpyArray(Setting):
    """An array of numpy's; `values` is None until its state was read, and for element types that are no numbers."""

    values: np.ndarray | None = None

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            return
        _, shape, kind, fortran, raw = state
        sound = isinstance(shape, tuple) and isinstance(kind, NumpyType) and isinstance(raw, bytes)
        if not sound or not kind.code or fault_of_layout(shape, shape):
            return
        dtype = np.dtype(kind.order + kind.code)
        if len(raw) == prod(shape) * dtype.itemsize:
            self.values = np.frombuffer(raw, dtype).reshape(shape, order="F" if fortran is True else "C")

    @cached_property
    def tensor(self) -> ArrayTensor | None:
        """The array as a tensor, made once; None for element types that PyTorch lacks."""
        return None if self.values is None else array_tensor(self.values)


def _expect(held: bool, what: str) -> None:
    if not held:
        raise NotLoadable(what)


def _check_flags(tensor_dtype: str, requires_grad: object, hooks: object) -> None:
    _expect(isinstance(requires_grad, bool), "a tensor that says neither yes nor no to gradients")
    differentiable = tensor_dtype.startswith(("float", "bfloat", "complex"))
    _expect(differentiable or not requires_grad, f"gradients of {tensor_dtype}")
    _expect(hooks is None or (isinstance(hooks, dict) and not hooks), "a tensor with hooks")


def _view(dtype: str, storage: object, offset: object, size: object, strides: object, flags: object) -> Tensor:
    """A tensor of `dtype` that looks at a storage, if all of it lies within."""
    if not isinstance(storage, Storage):
        raise NotLoadable("a tensor without a storage")
    if not isinstance(size, tuple) or not isinstance(strides, tuple):
        raise NotLoadable("a tensor without shape and strides")
    if not isinstance(offset, int) or not 0 <= offset < 2**60:
        raise NotLoadable("a tensor that begins before its storage")
    fault = fault_of_layout(size, strides)
    _expect(not fault, f"a tensor of {fault}")
    marks = flags if isinstance(flags, dict) else {}
    _expect(flags is None or isinstance(flags, dict), "a tensor with odd marks")
    _expect(all(name in ("conj", "neg") and value is True for name, value in marks.items()), "a tensor with odd marks")
    if dtype not in DTYPES:
        return UnusableTensor(f"dtype {dtype}")
    _expect(storage.dtype in DTYPES, f"a tensor of {dtype} in a storage of {storage.dtype}")
    info = TensorInfo(dtype, tuple(size))
    _expect(not marks.get("conj") or dtype.startswith("complex"), f"conjugates of {dtype}")
    _expect(not marks.get("neg") or info.kind.family == "float" or "complex" in dtype, f"negatives of {dtype}")
    last = (offset + extent(size, strides)) * info.kind.itemsize
    _expect(0 in size or last <= storage.nbytes, f"a tensor that needs {last:,} bytes of {storage.nbytes:,}")
    return StoredTensor(info, storage, offset, tuple(strides), bool(marks.get("conj")), bool(marks.get("neg")))


def _tensor(storage: object, offset: object, size: object, strides: object) -> Tensor:
    return _view(getattr(storage, "dtype", ""), storage, offset, size, strides, None)


def _tensor_v2(
    storage: object,
    offset: object,
    size: object,
    strides: object,
    requires_grad: object,
    hooks: object,
    flags: object = None,
) -> Tensor:
    made = _view(getattr(storage, "dtype", ""), storage, offset, size, strides, flags)
    _check_flags(getattr(storage, "dtype", ""), requires_grad, hooks)
    return made


def _tensor_v3(
    storage: object,
    offset: object,
    size: object,
    strides: object,
    requires_grad: object,
    hooks: object,
    dtype: object,
    flags: object = None,
) -> Tensor:
    name = _dtype_name(dtype)
    _check_flags(name, requires_grad, hooks)
    return _view(name, storage, offset, size, strides, flags)


def _dtype_name(dtype: object) -> str:
    name = dtype.path.removeprefix("torch.") if isinstance(dtype, Named) else ""
    _expect(name in (*DTYPES, *_OTHER_DTYPES), "a tensor without an element type")
    return name


def _parameter(data: object, requires_grad: object, hooks: object) -> Any:
    _expect(isinstance(data, Tensor), "a parameter that is no tensor")
    dtype = getattr(getattr(data, "info", None), "dtype", "float32")
    _check_flags(dtype, requires_grad, hooks)
    return data


def _parameter_with_state(data: object, requires_grad: object, hooks: object, state: object) -> Any:
    _check_attributes(state)
    return _parameter(data, requires_grad, hooks)


def _from_type(function: object, kind: object, arguments: object, state: object) -> Any:
    if not isinstance(function, Named) or function.path not in _REBUILD:
        raise NotLoadable("a tensor of a kind of its own")
    if kind != Named("torch.Tensor") or not isinstance(arguments, tuple):
        raise NotLoadable("a tensor of a class of its own")
    _check_attributes(state)
    return _REBUILD[function.path](*arguments)


def _check_attributes(state: object) -> None:
    """Attributes that scripts hang on a tensor do no harm, unless they hide some of its own."""
    parts = state if isinstance(state, tuple) else (state,)
    _expect(len(parts) <= 2, "a tensor with an odd state")
    for part in parts:
        if part is None or part == {}:
            continue
        _expect(isinstance(part, dict) and all(isinstance(name, str) for name in part), "a tensor with an odd state")
        import torch  # needed here alone, and rarely

        hidden = next((name for name in part if hasattr(torch.Tensor, name)), None)
        _expect(hidden is None, f"a tensor whose attribute {hidden!r} is set")


def _meta(dtype: object, size: object, strides: object, requires_grad: object) -> Tensor:
    _dtype_name(dtype)
    if not isinstance(size, tuple) or not isinstance(strides, tuple):
        raise NotLoadable("a tensor without shape and strides")
    _expect(not fault_of_layout(size, strides), "a tensor of an odd shape")
    return UnusableTensor("device meta, so without data")


def _from_cpu_tensor(data: object, dtype: object, device: object, requires_grad: object) -> Tensor:
    """A tensor of another device, such as XLA's, that was saved by way of the CPU."""
    if not isinstance(data, StoredTensor) or data.info.dtype != _dtype_name(dtype):
        raise NotLoadable("a tensor that is cast on loading")
    _check_flags(data.info.dtype, requires_grad, None)
    return data


def _from_numpy(data: object, dtype: object, device: object, requires_grad: object) -> Tensor:
    """A tensor of another device that was saved as numpy's array, which of bfloat16 has another element type."""
    name = _dtype_name(dtype)
    _check_flags(name, requires_grad, None)
    made = data.tensor if isinstance(data, NumpyArray) else None
    if made is None or made.info.dtype != name:
        return UnusableTensor(f"another device, and is cast to {name} on loading")
    return made


def _sparse(layout: object, data: object) -> Tensor:
    if not isinstance(layout, Named) or not isinstance(data, tuple):
        raise NotLoadable("a sparse tensor without layout")
    return UnusableTensor(f"layout {layout.path}")


def _quantised(storage: object, offset: object, size: object, strides: object, *more: object) -> Tensor:
    _expect(isinstance(storage, Storage) and len(more) == 3, "a quantised tensor without a storage")
    return UnusableTensor("a quantised dtype")


def _wrapper(kind: object, *more: object) -> Tensor:
    return UnusableTensor("a class of its own, without data")


def _ordered(*arguments: object) -> Any:
    _expect(len(arguments) <= 1, "an odd OrderedDict")
    made: OrderedDict[Any, Any] = OrderedDict()
    entries = arguments[0] if arguments else []
    for entry in entries.items() if isinstance(entries, dict) else entries if isinstance(entries, list) else [None]:
        if not isinstance(entry, tuple | list) or len(entry) != 2 or not isinstance(entry[0], str | int):
            raise NotLoadable("an odd OrderedDict")
        _expect(isinstance(entry[0], str) or entry[0].bit_length() <= 64, "an odd OrderedDict")
        made[entry[0]] = entry[1]
    return made


def _counter(*arguments: object) -> Any:
    counts = arguments[0] if arguments else {}
    if len(arguments) > 1 or not isinstance(counts, dict):
        raise NotLoadable("an odd Counter")
    return Counter(counts)


def _size(*arguments: object) -> tuple[int, ...]:
    _expect(len(arguments) <= 1 and all(isinstance(one, list | tuple) for one in arguments), "an odd Size")
    sizes = tuple(arguments[0]) if arguments and isinstance(arguments[0], list | tuple) else ()
    _expect(all(type(size) is int and -(2**63) <= size < 2**63 for size in sizes), "an odd Size")
    return sizes


def _device(*arguments: object) -> Named:
    name = arguments[0] if len(arguments) in (1, 2) else None
    _expect(isinstance(name, str) and _DEVICES.fullmatch(name) is not None, "an odd device")
    _expect(len(arguments) == 1 or type(arguments[1]) is int, "an odd device")
    return Named(f"device {name}")


def _layout(*arguments: object) -> Named:
    name = arguments[0] if len(arguments) == 1 else None
    known = isinstance(name, str) and name.removeprefix("torch.") in _LAYOUTS
    _expect(known and str(name).startswith("torch."), "an odd layout")
    return Named(str(name))


def _encode(*arguments: object) -> bytes:
    _expect(len(arguments) == 2 and isinstance(arguments[0], str), "odd bytes")
    _expect(arguments[1] in ("latin1", "latin-1", "utf-8", "ascii"), "odd bytes")
    return str(arguments[0]).encode(str(arguments[1]))


def _bytearray(*arguments: object) -> Any:
    _expect(not arguments or (len(arguments) == 1 and isinstance(arguments[0], bytes)), "an odd bytearray")
    return arguments[0] if arguments else b""


def _set(*arguments: object) -> Setting:
    plain = (str, int, float, bytes, bool, type(None))
    items = arguments[0] if len(arguments) == 1 else None
    _expect(isinstance(items, list | tuple) and all(isinstance(one, plain) for one in items), "an odd set")
    return Setting()


def _complex(*arguments: object) -> complex:
    match arguments:
        case (int() | float() as real, int() | float() as imaginary):
            return complex(real, imaginary)
    raise NotLoadable("an odd complex number")


_REBUILD: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor_v2,
    "torch._utils._rebuild_tensor_v3": _tensor_v3,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter_with_state,
    "torch._utils._rebuild_meta_tensor_no_storage": _meta,
    "torch._utils._rebuild_sparse_tensor": _sparse,
    "torch._utils._rebuild_qtensor": _quantised,
    "torch._utils._rebuild_wrapper_subclass": _wrapper,
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": _from_cpu_tensor,
    "torch._utils._rebuild_device_tensor_from_numpy": _from_numpy,
}

#: What takes the place of each function that a pickle may call.
CALLS: dict[str, Callable[..., Any]] = {
    **_REBUILD,
    "torch._tensor._rebuild_from_type_v2": _from_type,
    "collections.OrderedDict": _ordered,
    "collections.Counter": _counter,
    "torch.Size": _size,
    "torch.device": _device,
    "torch.serialization._get_layout": _layout,
    "_codecs.encode": _encode,
    "builtins.bytearray": _bytearray,
    "builtins.set": _set,
    "builtins.complex": _complex,
}

#: Names that may stand in a pickle, and are never called.
MARKERS = frozenset(
    [f"torch.{name}" for name in (*DTYPES, *_OTHER_DTYPES, *_QUANTISERS, "per_channel_affine_float_qparams")]
    + ["torch.Tensor", "torch.nn.parameter.Parameter"]
)
