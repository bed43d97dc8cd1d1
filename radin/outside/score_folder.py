"""The scores of a run folder: a file for each, with a checksum, and what the scorer printed beside it."""

from __future__ import annotations

import json
from collections.abc import Set
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from radin.common.files import fingerprint_of, remove_leftovers, write_json
from radin.outside.scorer import Running, ScorerFailure
from radin.recipe import Recipe


@dataclass(frozen=True)
class Outcome:
    """The outcome of one call of a scorer.

    Attributes:
        key: fingerprint of scorer, ingredients, weights and BatchNorm policy.
        recipe: weight of each member, by name.
        value: the number; None where the call failed.
        failure: why there is none; else empty.
        limit: the seconds that the call was allowed, where it took longer.
    """

    key: str
    recipe: dict[str, float]
    value: float | None
    failure: str = ""
    limit: float | None = None

    @classmethod
    def of(cls, key: str, recipe: Recipe, running: Running) -> Outcome:
        """The outcome of a call that has ended; it is waited for."""
        try:
            return cls(key, recipe.to_json(), running.number())
        except ScorerFailure as failure:
            return cls(key, recipe.to_json(), None, str(failure), failure.limit)


class ScoreFolder:
    """Outcomes by key, in `scores/` of a run folder.

    Arguments:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def prepare(self) -> None:
        """Makes the folder, and clears up after killed processes."""
        self.path.mkdir(parents=True, exist_ok=True)
        remove_leftovers(self.path)

    def place(self, key: str) -> Path:
        """The file of an outcome. What the scorer printed has the same name with other endings."""
        return self.path / f"{key[:24]}.json"

    def read(self, key: str) -> Outcome | None:
        """The outcome with this key; None where there is none, or its file is damaged."""
        try:
            held: dict[str, Any] = json.loads(self.place(key).read_bytes())
            checksum = held.pop("checksum")
            outcome = Outcome(**held)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return outcome if checksum == fingerprint_of(held) and outcome.key == key else None

    def write(self, outcome: Outcome) -> None:
        """Keeps an outcome."""
        held = asdict(outcome)
        write_json(self.place(outcome.key), held | {"checksum": fingerprint_of(held)})

    def forget(self, key: str) -> None:
        """Removes an outcome; what was printed stays."""
        self.place(key).unlink(missing_ok=True)

    def keys(self) -> Set[str]:
        """Keys of the outcomes that are whole."""
        held = set()
        for file in self.path.glob("*.json"):
            try:
                key = str(json.loads(file.read_bytes())["key"])
            except (OSError, ValueError, KeyError, TypeError):
                continue
            if self.read(key) is not None:
                held.add(key)
        return held
