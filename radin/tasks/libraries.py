"""Model libraries that need not be there: imported when a task asks for them."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import torch

from radin.common.suggestions import nearest
from radin.errors import TaskError
from radin.tasks.adapters import listing


def import_library(name: str, package: str) -> Any:
    """A library of image models.

    Arguments:
        name: as it is imported.
        package: as it is installed.

    Raises:
        TaskError: it cannot be imported; says what to install.
    """
    try:
        return importlib.import_module(name)
    except Exception as error:  # a torchvision made for another torch raises RuntimeError, broken binaries OSError
        needs = "It needs a torchvision that was" if name != "torchvision" else "It must be the one that was"
        raise TaskError(
            f"{name} cannot be imported ({type(error).__name__}: {error}). Install it with `pip install {package}`. "
            f"{needs} built for the installed torch {torch.__version__}: install torch and torchvision together, from "
            "the same index"
        ) from error


def unknown_architecture(adapter: str, name: str, known: Sequence[str]) -> str:
    """A clause for a message about an unknown architecture: the near ones, and the command that lists all."""
    hint = nearest(name, known)
    return f"{hint}{' ' if hint.endswith('?') else '; '}{listing(adapter)}"
