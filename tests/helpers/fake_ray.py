"""A stand-in for Ray whose workers run in this process, one call at a time, and die when they are told to."""

from collections import deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any


class DeathError(Exception):
    """What Ray raises in the place of a result whose worker has died."""


class Reference:
    """A result that is there, or not yet."""

    def __init__(self, actor: "Actor") -> None:
        self.actor, self.is_ready = actor, False
        self.value: Any = None


class Actor:
    """A worker.

    Arguments:
        answer: of a job: `(error, value)`; `DeathError` kills the worker and all of its calls.
        about: what it says of itself.
    """

    def __init__(self, answer: Callable[[Any], tuple[Exception | None, Any]], about: Any) -> None:
        self._answer, self._about = answer, about
        self._death: DeathError | None = None
        self.is_killed = False
        self._calls: deque[tuple[Any, list[Reference]]] = deque()
        self.about = SimpleNamespace(remote=lambda: self._call(None, 1)[0])
        self.logits = self.statistics = SimpleNamespace(
            options=lambda num_returns: SimpleNamespace(remote=lambda work, size: self._call(work, num_returns))
        )

    def _call(self, work: Any, results: int) -> list[Reference]:
        references = [Reference(self) for _ in range(results)]
        self._calls.append((work, references))
        return references

    def step(self) -> None:
        """Runs the oldest call; if that kills the worker, those behind it are dead, too, and all that come."""
        work, references = self._calls.popleft()
        if self._death is not None:
            _settle(references, [self._death] * len(references))
            return
        try:
            values: tuple[Any, ...] = (self._about,) if work is None else self._answer(work)
        except DeathError as death:
            self._death = death
            _settle(references, [death] * len(references))
            while self._calls:
                _settle(others := self._calls.popleft()[1], [death] * len(others))
            return
        _settle(references, values)


def _settle(references: list[Reference], values: Any) -> None:
    for reference, value in zip(references, values, strict=True):
        reference.is_ready, reference.value = True, value


class Ray:
    """The functions of the library that a crew calls."""

    exceptions = SimpleNamespace(RayError=DeathError)

    def wait(self, references: list[Reference], num_returns: int, timeout: float) -> tuple[list[Reference], list[Any]]:
        """Steps the workers in turn until one of the results is there."""
        while not any(one.is_ready for one in references):
            for one in references:
                if not one.is_ready:
                    one.actor.step()
        done = [one for one in references if one.is_ready][:num_returns]
        return done, [one for one in references if one not in done]

    def kill(self, actor: Actor) -> None:
        """Ends a worker, whether it is alive or not."""
        actor.is_killed = True

    def get(self, reference: Reference) -> Any:
        """A result, or the death of its worker."""
        if isinstance(reference.value, DeathError):
            raise reference.value
        return reference.value
