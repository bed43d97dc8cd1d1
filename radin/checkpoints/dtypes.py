"""Element types: their names, their codes in safetensors, and how numpy holds them."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal

import numpy as np
from jaxtyping import Float16, Float32, UInt8, UInt16, UInt32

from radin.common.wording import shown_shape

Family = Literal["float", "whole", "opaque"]


@dataclass(frozen=True)
class DType:
    """One element type.

    Arguments:
        name: as PyTorch calls it, without the `torch.` in front.
        code: as safetensors calls it; None where that format has no such type.
        storage: the numpy type of the same width that holds the bytes.
        family: `float` is averaged; `whole` (integers and bool) is copied where equal; `opaque` (complex, float8) too.
    """

    name: str
    code: str | None
    storage: np.dtype
    family: Family

    @property
    def itemsize(self) -> int:
        """Bytes per element."""
        return self.storage.itemsize

    @property
    def accumulator(self) -> np.dtype:
        """The type that sums are formed in: float64 for float64, float32 for the rest."""
        return np.dtype(np.float64 if self.name == "float64" else np.float32)


def _table() -> dict[str, DType]:
    rows: list[tuple[str, str | None, type, Family]] = [
        ("float64", "F64", np.float64, "float"),
        ("float32", "F32", np.float32, "float"),
        ("float16", "F16", np.float16, "float"),
        ("bfloat16", "BF16", np.uint16, "float"),
        ("int64", "I64", np.int64, "whole"),
        ("int32", "I32", np.int32, "whole"),
        ("int16", "I16", np.int16, "whole"),
        ("int8", "I8", np.int8, "whole"),
        ("uint64", "U64", np.uint64, "whole"),
        ("uint32", "U32", np.uint32, "whole"),
        ("uint16", "U16", np.uint16, "whole"),
        ("uint8", "U8", np.uint8, "whole"),
        ("bool", "BOOL", np.uint8, "whole"),
        ("complex64", "C64", np.complex64, "opaque"),
        ("complex128", None, np.complex128, "opaque"),
        ("float8_e4m3fn", "F8_E4M3", np.uint8, "opaque"),
        ("float8_e5m2", "F8_E5M2", np.uint8, "opaque"),
        ("float8_e4m3fnuz", "F8_E4M3FNUZ", np.uint8, "opaque"),
        ("float8_e5m2fnuz", "F8_E5M2FNUZ", np.uint8, "opaque"),
        ("float8_e8m0fnu", "F8_E8M0", np.uint8, "opaque"),
    ]
    return {name: DType(name, code, np.dtype(kind), family) for name, code, kind, family in rows}


DTYPES = _table()
BY_CODE = {dtype.code: dtype for dtype in DTYPES.values() if dtype.code is not None}


@dataclass(frozen=True)
class TensorInfo:
    """The header of one tensor: its dtype and shape.

    Arguments:
        dtype: name as in PyTorch, `float32` for one.
        shape: sizes of the dimensions; empty for a scalar.
    """

    dtype: str
    shape: tuple[int, ...]

    @property
    def kind(self) -> DType:
        """The element type."""
        return DTYPES[self.dtype]

    @property
    def numel(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes that the elements take."""
        return self.numel * self.kind.itemsize

    def __str__(self) -> str:
        return f"{self.dtype}{shown_shape(self.shape)}"


def widen(stored: UInt8[np.ndarray, " b"], kind: DType, out: np.ndarray) -> np.ndarray:
    """Elements of a float type as numbers in `kind.accumulator`, exactly.

    Arguments:
        stored: the elements' bytes, `b = n · kind.itemsize`.
        kind: a type of the family `float`.
        out: `n` elements of `kind.accumulator`, overwritten where a conversion is needed.

    Returns:
        `out`, or a view of `stored` where the stored type is the accumulator's.
    """
    values = stored.view(kind.storage)
    if kind.storage == kind.accumulator:
        return values
    if kind.name == "bfloat16":  # the upper half of a float32
        bits = out.view(np.uint32)
        np.copyto(bits, values)
        np.left_shift(bits, 16, out=bits)
        return out
    return widen_float16(values, out)


def widen_float16(values: Float16[np.ndarray, " n"], out: Float32[np.ndarray, " n"]) -> Float32[np.ndarray, " n"]:
    """float16 as float32, exactly: three times as fast as numpy's own cast.

    Exponent and mantissa move to where float32 has them, which makes a number 2⁻¹¹² times too small, since the
    exponents' biases are 127 and 15; the product with 2¹¹² is exact, also for subnormals. The largest exponent, of
    infinities and NaN, comes out as 2¹⁶ and above, where float16 has no numbers, and is put right.
    """
    bits = out.view(np.int32)
    np.copyto(bits, values.view(np.int16))  # extends the sign, so that the shift below moves it to bit 31
    np.left_shift(bits, 13, out=bits)
    np.bitwise_and(bits, np.int32(-0x7000_2000), out=bits)  # 0x8FFFE000: sign, and 15 bits from bit 13
    np.multiply(out, np.float32(2.0**112), out=out)
    if out.size and (out.max() >= 65_536 or out.min() <= -65_536):
        bits[np.abs(out) >= 65_536] |= 0x7F80_0000
    return out


def narrow(values: np.ndarray, kind: DType, scratch: UInt32[np.ndarray, " n"]) -> np.ndarray:
    """Numbers in `kind.accumulator` as elements of `kind.storage`, rounded to nearest even.

    Arguments:
        values: `n` numbers.
        kind: a type of the family `float`.
        scratch: overwritten.

    Returns:
        `values` itself where no conversion is needed, a view of `scratch` for bfloat16, else a new array.
    """
    if kind.storage == kind.accumulator:
        return values
    if kind.name == "bfloat16":
        return round_to_bfloat16(values, scratch)
    return values.astype(kind.storage)


def round_to_bfloat16(values: Float32[np.ndarray, " n"], scratch: UInt32[np.ndarray, " n"]) -> UInt16[np.ndarray, " n"]:
    """The upper 16 bits of float32 numbers, rounded to nearest even; NaN stays NaN.

    Adding 0x7FFF plus the lowest bit that stays carries into the upper half exactly where nearest even rounds up
    (ties included). A NaN whose mantissa would carry over into the sign, or vanish, becomes the quiet NaN 0x7FC0.
    """
    bits = values.view(np.uint32)
    np.right_shift(bits, 16, out=scratch)
    np.bitwise_and(scratch, 1, out=scratch)
    np.add(scratch, 0x7FFF, out=scratch)
    np.add(scratch, bits, out=scratch)
    np.right_shift(scratch, 16, out=scratch)
    rounded = scratch.astype(np.uint16)
    rounded[np.isnan(values)] = 0x7FC0
    return rounded
