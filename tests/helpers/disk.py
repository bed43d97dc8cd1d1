"""Tests that do not wait for the disk.

A file is flushed to the disk, and a ledger's change with it, so that they outlive a power cut. No test cuts the power,
and a tenth of a small run is this waiting. What processes see of files is the same; a killed process loses nothing.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from functools import wraps
from typing import Any


def install() -> None:
    """Has this process wait for no disk from now on."""
    os.fsync = _no_wait
    sqlite3.connect = _connect(sqlite3.connect)


def _no_wait(file: Any) -> None:
    """Leaves it to the system when data go to the disk."""


def _connect(connect: Any) -> Any:
    @wraps(connect)
    def connected(*arguments: Any, **named: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **named)
        with suppress(sqlite3.Error):  # of a file that is damaged or locked, which is met again when it is read
            connection.execute("PRAGMA synchronous = OFF")
        return connection

    return connected
