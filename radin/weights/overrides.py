"""Values that are given instead of mixed, brought to the stored dtype."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import UInt8

from radin.checkpoints import TensorInfo
from radin.checkpoints.dtypes import narrow, widen
from radin.common.wording import shown, shown_shape
from radin.errors import InputError
from radin.weights.pool import Pool


def replacements(pool: Pool, replace: Mapping[str, Any]) -> dict[str, UInt8[np.ndarray, " bytes"]]:
    """The bytes of each tensor that is given, by the name under which the pool stores it.

    Arguments:
        pool: says which tensors there are, and their dtypes and shapes.
        replace: `{name: values}`, stored or tied names.

    Raises:
        InputError: a name that the pool does not have, another shape, NaN, or values beyond the stored dtype's largest.
    """
    given = {}
    for name, values in replace.items():
        kept = pool.aliases.get(name, name)
        if kept not in pool.tensors:
            raise InputError(f"replace names tensor {shown(name)}, which the pool does not have")
        info = pool.tensors[kept]
        array = np.asarray(values)
        if array.shape != info.shape:
            raise InputError(
                f"replace: tensor {shown(name)} has shape {shown_shape(info.shape)}, got {list(array.shape)}"
            )
        given[kept] = _cast(name, array.reshape(-1), info)
    return given


def _cast(name: str, values: np.ndarray, info: TensorInfo) -> UInt8[np.ndarray, " bytes"]:
    kind = info.kind
    if kind.family != "float":
        return np.ascontiguousarray(values, dtype=kind.storage).view(np.uint8)
    if np.isnan(values).any():
        raise InputError(f"replace: tensor {shown(name)} holds NaN")
    with np.errstate(over="ignore"):  # found below, and named
        wide = np.ascontiguousarray(values, dtype=kind.accumulator)
        stored = narrow(wide, kind, np.empty(wide.size, dtype=np.uint32)).view(np.uint8)
    if (np.isinf(widen(stored, kind, np.empty_like(wide))) & ~np.isinf(values)).any():
        raise InputError(f"replace: tensor {shown(name)} holds values beyond the largest {info.dtype}")
    return stored
