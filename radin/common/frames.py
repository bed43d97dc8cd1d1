"""Tables as data frames, where pandas is installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from radin.errors import InputError


def frame(rows: Sequence[Mapping[str, Any]]) -> Any:
    """A `pandas.DataFrame` with a row for each mapping.

    Raises:
        InputError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise InputError(
            "a data frame is one of pandas, which is not installed: pip install pandas; `to_json` and the attributes "
            "hold the same without it"
        ) from error
    return pd.DataFrame(list(rows))
