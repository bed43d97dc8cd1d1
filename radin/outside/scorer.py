"""Scorers: what gives a number for a checkpoint on disk, and what may go wrong in it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from radin.common.code_location import place_of_error
from radin.common.files import fingerprint_of
from radin.errors import RadinError, TaskError

if TYPE_CHECKING:
    from torch import nn


class ScorerFailure(Exception):
    """The failure of one call of a scorer, in words. It is recorded, and is no error of the run.

    Arguments:
        said: why there is no number.
        limit: the seconds that the call was allowed, where it took longer; a larger limit may be tried.
    """

    def __init__(self, said: str, limit: float | None = None) -> None:
        super().__init__(said)
        self.limit = limit


@runtime_checkable
class Running(Protocol):
    """A call that was started and is waited for by others."""

    @property
    def is_over(self) -> bool:
        """Whether it has ended, or has taken longer than it may."""

    def number(self) -> float:
        """The number, waited for.

        Raises:
            ScorerFailure: there is none.
        """

    def end(self) -> None:
        """Ends it, with all that it has started; nothing where it has ended."""


@runtime_checkable
class Scorer(Protocol):
    """Gives a number for a checkpoint: `radin.CommandScorer`, `radin.ScoredTask`, or one's own."""

    @property
    def name(self) -> str:
        """The number's name, for people."""

    @property
    def higher_is_better(self) -> bool:
        """Whether a larger number is better."""

    @property
    def seconds(self) -> float | None:
        """The seconds that one call may take; None for no limit."""

    @property
    def key(self) -> str:
        """Fingerprint of all that the number depends on beside the checkpoint."""

    def __call__(self, checkpoint: Path, output: Path, /) -> float:
        """The number for one checkpoint.

        Arguments:
            checkpoint: a soup, or a single ingredient, as `.safetensors`; a folder where the ingredients are folders.
            output: what the call prints belongs into files of this name, with endings.

        Raises:
            ScorerFailure: there is no number.
        """


@runtime_checkable
class Startable(Scorer, Protocol):
    """A scorer whose calls can run side by side, such as `radin.CommandScorer`."""

    def start(self, checkpoint: Path, output: Path, environment: Mapping[str, str] | None = None, /) -> Running:
        """Starts a call, and does not wait for it.

        Arguments:
            checkpoint, output: see `Scorer`.
            environment: variables of its program; None for those of this process.

        Raises:
            ScorerFailure: it could not be started.
        """


@dataclass(frozen=True)
class ScoredTask:
    """A task that is only a number for a network: no rows, no labels, no logits.

    `radin.soup_by_score` searches on real soups with it. For mean average precision, word error rates, BLEU, or a test
    harness: whatever cannot be computed from averaged outputs.

        radin.ScoredTask(build_model, lambda network: word_error_rate(network, loader), higher_is_better=False)

    Arguments:
        build_model: builds the network, without weights.
        evaluate: the score of a network in evaluation mode, a finite number. One that raises is a failed call.
        higher_is_better: whether a larger number is better.
        name: of the number, for people.
    """

    build_model: Callable[[], nn.Module]
    evaluate: Callable[[nn.Module], float]
    higher_is_better: bool = True
    name: str = "score"

    @property
    def seconds(self) -> float | None:
        """No limit: a function in this process cannot be ended from outside."""
        return None

    @property
    def key(self) -> str:
        """Fingerprint of the code of both functions; what they read elsewhere is not seen."""
        from radin.tasks.code import source_of

        return fingerprint_of("task", source_of(self.build_model), source_of(self.evaluate))

    def __call__(self, checkpoint: Path, output: Path) -> float:
        """The number for one checkpoint.

        Raises:
            TaskError: `build_model` failed.
            IncompatibleError: the network does not take the checkpoint's tensors.
            ScorerFailure: `evaluate` raised an error, or gave no finite number.
        """
        import torch

        from radin.adapters import Pool
        from radin.weights.loader import load_strictly

        try:
            network = self.build_model().eval()
        except (Exception, SystemExit) as error:
            said = f"build_model failed: {type(error).__name__}: {error}{place_of_error(error)}"
            raise TaskError(said) from error
        soup = Pool([checkpoint])
        load_strictly(network, soup, soup.state_dict(0))
        try:
            with torch.no_grad():
                given = self.evaluate(network)
        except RadinError:
            raise
        except (Exception, SystemExit) as error:
            raise ScorerFailure(f"{type(error).__name__}: {error}{place_of_error(error)}") from error
        return number_of(given, "evaluate gave")


def number_of(given: Any, said: str) -> float:
    """A finite number.

    Arguments:
        given: a number, or what converts to one, such as a tensor of one value.
        said: begins the message.

    Raises:
        ScorerFailure: it is none, or not finite.
    """
    try:
        number = math.nan if isinstance(given, bool | str) else float(given)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ScorerFailure(f"{said} {given!r}, expected a finite number")
    return number


def parsed(line: str) -> float:
    """The number in the last line of a command's output: a plain one, or JSON with `score`.

    Raises:
        ScorerFailure: there is none, or it is not finite.
    """
    try:
        given = json.loads(line)
    except ValueError:
        given = None
    if isinstance(given, dict):
        if "score" not in given:
            raise ScorerFailure(f"its last line is JSON without `score`: {line}")
        return number_of(given["score"], "its last line has the score")
    try:
        number = float(line)
    except ValueError as error:
        raise ScorerFailure(f"its last line is {line!r}, expected a number, or JSON with `score`") from error
    return number_of(number, "its last line gives")
