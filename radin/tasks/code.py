"""Contents of a task's code that go into its fingerprint: source text, defaults and bound values."""

from __future__ import annotations

import functools
import hashlib
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

#: Depth to which the values that a function is bound to are read.
DEPTH = 4


def source_of(part: Any, depth: int = DEPTH) -> Any:
    """Source text, defaults, and bound values of a function, class, partial or callable object, for JSON.

    Equal code with equal values gives equal results in every process. What a function reads elsewhere, a file or a
    global variable, is not seen.
    """
    if part is None:
        return None
    if isinstance(part, functools.partial):
        return [source_of(part.func, depth), _value(part.args, depth), _value(part.keywords, depth)]
    plain = part if inspect.isroutine(part) or inspect.isclass(part) else type(part)
    try:
        text = inspect.getsource(plain)
    except (OSError, TypeError):
        code = getattr(part, "__code__", None)
        text = repr((code.co_code, code.co_names)) if code else plain.__qualname__
    bound = [cell.cell_contents for cell in getattr(part, "__closure__", None) or ()]
    own = {} if plain is part else vars(part) if hasattr(part, "__dict__") else {}
    values = [bound, getattr(part, "__defaults__", None), getattr(part, "__kwdefaults__", None), own]
    return [plain.__qualname__, text, _value(values, depth)]


def _value(value: Any, depth: int) -> Any:
    """A value that code is bound to, without anything that changes from process to process, such as an address."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes | Path):
        return repr(value)
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    if isinstance(value, np.ndarray):
        return [str(value.dtype), list(value.shape), hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()]
    if depth == 0:
        return type(value).__qualname__
    if isinstance(value, Mapping):
        return [[_value(key, depth - 1), _value(one, depth - 1)] for key, one in value.items()]
    if isinstance(value, list | tuple):
        return [_value(one, depth - 1) for one in value]
    if isinstance(value, set | frozenset):
        return sorted(repr(_value(one, depth - 1)) for one in value)
    if inspect.isroutine(value) or inspect.isclass(value) or isinstance(value, functools.partial):
        return source_of(value, depth - 1)
    return [type(value).__qualname__, _value(getattr(value, "__dict__", {}), depth - 1)]
