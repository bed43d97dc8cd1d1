"""What can go wrong, each with a class of its own.

Every error derives from [`RadinError`][radin.errors.RadinError] and from the built-in that a caller would catch
without knowing this library. A message says what was expected, what came, where, and what to do.
"""

from __future__ import annotations


class RadinError(Exception):
    """Base of every error that radin raises on purpose."""


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


class TaskError(RadinError, RuntimeError):
    """A task's own code raised, or returned something that radin cannot use."""


class PluginError(RadinError, ValueError):
    """A searcher plugin broke its contract, or was called with options that it does not have."""


class ContractError(PluginError, AssertionError):
    """A searcher plugin does not keep what `radin.testing.check_searcher` demands of every searcher."""


class UnknownSearcherError(PluginError, KeyError):
    """No searcher has this name."""

    __str__ = Exception.__str__  # KeyError's own would quote the message


class AbilityError(RadinError, AttributeError):
    """A searcher asked its objective for an ability that the objective lacks."""


class RunDirError(RadinError, FileExistsError):
    """The run folder was made with other inputs, or is in use by another process."""


class StorageError(RadinError, OSError):
    """Writing failed, most often because the disk is full. What was complete before is still there."""

    def __str__(self) -> str:
        return str(self.args[-1])  # without the number that OSError writes before it
