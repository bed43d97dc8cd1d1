"""A scorer that is a command: it gets the path of a checkpoint, and its last line of output is the number."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from radin.common.files import file_fingerprint, fingerprint_of
from radin.errors import InputError, MissingFileError
from radin.outside.running import RunningCommand

#: The word of a command that stands for the path of the checkpoint.
PLACE = "{checkpoint}"

#: Files of these kinds in a command are its code, so they belong to its key without being named.
CODE = (".py", ".sh")


@dataclass(frozen=True)
class CommandScorer:
    """A command that prints the score of a checkpoint as its last line: a number, or JSON with `score`.

        radin.CommandScorer("python eval.py {checkpoint}", files=["eval.py", "val.json"], seconds=600)

    The command runs without a shell, in the working folder. Its standard output and error are kept in the run folder.

    Arguments:
        command: with `{checkpoint}` where the path of the checkpoint belongs.
        higher_is_better: whether a larger number is better.
        seconds: that one call may take; it is killed then, with its children, and has failed. None for no limit.
        files: whatever the number depends on beside the checkpoint. If one changes, all scores are made anew. Scripts
            that the command names (`.py`, `.sh`) belong to these anyway.
        name: of the number, for people.

    Raises:
        InputError: a command that is no string or has no `{checkpoint}`, a program that is not there, or seconds that
            are not above 0.
        MissingFileError: one of the files is not there.
    """

    command: str
    higher_is_better: bool = True
    seconds: float | None = None
    files: Sequence[str | os.PathLike[str]] = ()
    name: str = "score"

    def __post_init__(self) -> None:
        if not isinstance(self.command, str):
            raise InputError(f"expected the scorer's command as one string, got {type(self.command).__name__}")
        if PLACE not in self.command:
            raise InputError(f"the command {self.command!r} has no {PLACE}, where the path of each soup belongs")
        if self.seconds is not None and not self.seconds > 0:
            raise InputError(f"expected seconds above 0 for one call of the scorer, got {self.seconds!r}")
        if shutil.which(self._words[0]) is None:
            raise InputError(f"the scorer's program {self._words[0]!r} is not there; give its path, or install it")
        if (absent := next((one for one in self.files if not Path(one).is_file()), None)) is not None:
            raise MissingFileError(f"{absent} is no file; the scorer's key needs the contents of what it reads")

    @property
    def _words(self) -> list[str]:
        try:
            return shlex.split(self.command)
        except ValueError as error:
            raise InputError(f"the command {self.command!r} cannot be read: {error}") from error

    @cached_property
    def key(self) -> str:
        """Fingerprint of the command and the contents of its files."""
        scripts = [word for word in self._words if word.endswith(CODE) and Path(word).is_file()]
        return fingerprint_of(
            "command", self._words, sorted({file_fingerprint(one) for one in (*scripts, *self.files)})
        )

    def start(self, checkpoint: Path, output: Path, environment: Mapping[str, str] | None = None) -> RunningCommand:
        """Starts the command on one checkpoint, and does not wait for it.

        Arguments:
            checkpoint, output: see `Scorer`.
            environment: its variables; None for those of this process.

        Raises:
            ScorerFailure: the command could not be started.
        """
        words = [word.replace(PLACE, str(checkpoint.absolute())) for word in self._words]
        return RunningCommand(words, output, self.seconds, environment)

    def __call__(self, checkpoint: Path, output: Path) -> float:
        """The number for one checkpoint.

        Raises:
            ScorerFailure: the command failed, took too long, or printed no number.
        """
        return self.start(checkpoint, output).number()
