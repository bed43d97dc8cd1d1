"""Refuses arguments of a wrong type before anything is done with them, in one form of words."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from radin.common.progress import Progress
from radin.errors import InputError

#: Arguments that several public functions take: their types, and what is expected in words.
KNOWN: Mapping[str, tuple[tuple[type, ...], str]] = {
    "options": ((Mapping, type(None)), "a dict of the searcher's options by name, such as {'p': 0.5}"),
    "run_dir": ((str, os.PathLike), "the path of a folder"),
    "baselines": ((Sequence,), "several names, such as ('uniform',)"),
    "calibrate": ((bool, np.bool_), "True or False"),
    "holdback": ((int, float, np.integer, np.floating), "a share of the samples, such as 0.2"),
    "progress": ((Progress,), "a radin.Progress, such as radin.Bars()"),
}


def expect(name: str, value: Any, types: tuple[type, ...], words: str) -> None:
    """Refuses an argument that is of none of these types. A text is no sequence of names.

    Arguments:
        name: of the argument.
        value: that came.
        types: that it may have.
        words: these types, as a reader knows them.

    Raises:
        InputError: says what was expected and what came.
    """
    if not isinstance(value, types) or (isinstance(value, str) and str not in types):
        raise InputError(f"expected {name} as {words}, got {value!r}")


def check_arguments(**given: Any) -> None:
    """Refuses arguments that are not of the type that their name has in every public function.

    Arguments:
        given: the arguments by name, each a name in `KNOWN`.

    Raises:
        InputError: says what was expected and what came.
    """
    for name, value in given.items():
        expect(name, value, *KNOWN[name])
