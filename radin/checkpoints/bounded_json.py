"""JSON of files that nobody vouches for: what it would take in memory is known before it is parsed."""

from __future__ import annotations

import json
import sys
from typing import Any

from radin.checkpoints.allowance import Allowance, Damaged

#: Bytes that are charged for a value, for an object, and for a list: what Python takes for them at most. An object in a
#: header is a tensor, so it is charged for what is made of it, too. Chosen by hand.
VALUE, OBJECT, LIST = 80, 1_000, 80


def parsed(text: str | bytes, size: int) -> Any:
    """The value that a JSON text stands for.

    Arguments:
        text: UTF-8 where it is bytes.
        size: of the file that it stands in, in bytes; twice as much memory may be taken, or 64 MB if that is more.

    Raises:
        ValueError: it is not JSON, or no UTF-8; a name stands twice in an object; it holds `NaN` or `Infinity`, which
            Python writes and JSON does not know; or its values would take more memory than they may.
    """
    decoded = text if isinstance(text, str) else text.decode()
    try:
        Allowance(size).spend(
            sys.getsizeof(decoded)
            + sum(cost * decoded.count(sign) for sign, cost in ((",", VALUE), ("{", OBJECT), ("[", LIST)))
        )
        return json.loads(decoded, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (Damaged, RecursionError) as error:
        why = error if isinstance(error, Damaged) else "it is nested too deeply"
        raise ValueError(str(why)) from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands in it twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
