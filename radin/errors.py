"""The errors that radin raises on purpose, each with a class of its own.

Every error derives from [`RadinError`][radin.errors.RadinError] and from the built-in that a caller would catch
without knowing this library. A message says what was expected, what came, where, and what to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeVar

ErrorT = TypeVar("ErrorT", bound="RadinError")


class RadinError(Exception):
    """Base of every error that radin raises on purpose.

    `message` holds for every caller. The parameters that would mend the error are kept apart, in `mend`: `str(error)`
    writes them as Python arguments, the command line writes them as flags.

    Attributes:
        mend: parameters with the values that would mend this; empty where there are none.
    """

    mend: Mapping[str, Any] = MappingProxyType({})

    def mended_by(self: ErrorT, **settings: Any) -> ErrorT:
        """Adds the parameters that would mend this error, and returns it.

            raise IncompatibleError("the file holds two sets of weights").mended_by(weights="ema")

        Arguments:
            settings: each parameter with the value to give it.
        """
        self.mend = settings
        return self

    @property
    def message(self) -> str:
        """The message without the parameters in `mend`."""
        return super().__str__()

    def __str__(self) -> str:
        if not self.mend:
            return self.message
        return f"{self.message} Try {', '.join(f'{name}={value!r}' for name, value in self.mend.items())}."


class InputError(RadinError, ValueError):
    """An argument is out of its range or of the wrong shape."""


class CheckpointError(RadinError, ValueError):
    """A checkpoint file cannot be read: truncated, empty, of an unknown format, or a pickle that would run code."""


class MissingFileError(CheckpointError, FileNotFoundError):
    """A file or folder that was named does not exist."""


class IncompatibleError(RadinError, ValueError):
    """The ingredients cannot be averaged with one another, or do not fit the network."""


class DataError(RadinError, ValueError):
    """The data of a task, or logits made from them, are unusable: empty, shuffled, not finite, labels out of range."""


class NonFiniteError(DataError):
    """Logits are NaN or infinite: the network has diverged, or overflows."""


class TaskError(RadinError, RuntimeError):
    """A task's own code raised an error, or returned a value that radin cannot use."""


class PluginError(RadinError, ValueError):
    """A searcher plugin failed, broke its contract, or was called with options that it does not have."""


class ContractError(PluginError, AssertionError):
    """A searcher plugin fails a check of `radin.testing.check_searcher`."""


class UnknownSearcherError(PluginError, KeyError):
    """No searcher has this name."""

    @property
    def message(self) -> str:
        """The message; KeyError's own text would be in quotes."""
        return str(self.args[0])


class AbilityError(RadinError, AttributeError):
    """A searcher asked for a gradient, and its objective has none."""


class RunDirError(RadinError, FileExistsError):
    """The run folder was made with other inputs, or is in use by another process."""


class StorageError(RadinError, OSError):
    """Writing failed, most often because the disk is full. Files that were complete before are kept."""

    @property
    def message(self) -> str:
        """The message without the number that OSError writes before it."""
        return str(self.args[-1])
