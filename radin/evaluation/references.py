"""References: what is kept of the outputs of tokens, chosen by the uniform soup before anything else is run.

The tokens that a reference chose are fixed in the run folder: they stay the same when ingredients are added or left out
later, and every other key depends on them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from radin.common.files import fingerprint_of
from radin.evaluation.keys import data_key
from radin.evaluation.run_folder import RunFolder
from radin.recipe import Recipe
from radin.scoring.kinds import Kind, Tokens
from radin.tasks.data import Rows
from radin.tasks.task import Task


class References:
    """The references of a run folder, one for the task's data and one for each test set.

    Arguments:
        task: what networks are run on.
        folder: holds what the references chose.
        names: of the ingredients.
        fingerprints: gives those of the ingredients, in pool order.
    """

    def __init__(
        self, task: Task, folder: RunFolder, names: Sequence[str], fingerprints: Callable[[], tuple[str, ...]]
    ) -> None:
        self._task, self._folder, self._names, self._fingerprints = task, folder, tuple(names), fingerprints

    def kind(self, test: str | None) -> Kind:
        """The kind of outputs on the data, or on a test set, with what a reference chose, if that is there already."""
        kind = self._rows(test).kind
        if isinstance(kind, Tokens):
            key = self._stored_key(self._members(test), test)
            chosen = self._folder.references.get(_name(key), key)
            return kind if chosen is None else kind.fixed(chosen)
        return kind

    def is_missing(self, test: str | None) -> bool:
        """Whether a reference has to run before anything else is run on these data."""
        kind = self.kind(test)
        return isinstance(kind, Tokens) and kind.chosen is None

    def recipe(self, test: str | None) -> Recipe:
        """The reference over the pool: the uniform soup of the ingredients that there were when it was first run."""
        members = self._members(test)
        return Recipe.of(self._names, np.isin(self._fingerprints(), members))

    def key(self, test: str | None) -> str | None:
        """Fingerprint of what a reference chooses; None where nothing is chosen."""
        if not isinstance(self._rows(test).kind, Tokens):
            return None
        return self._stored_key(self._members(test), test)

    def store(self, test: str | None, chosen: np.ndarray) -> None:
        """Fixes what the reference chose, `[samples, width, k]`."""
        members = self._members(test)
        key = self._stored_key(members, test)
        self._folder.references.store(_name(key), key, chosen.astype(np.int32))
        self._folder.reference_members = {**self._folder.reference_members, self._data_key(test): members}

    def _rows(self, test: str | None) -> Rows:
        return self._task.rows if test is None else self._task.tests[test]

    def _members(self, test: str | None) -> list[str]:
        """Fingerprints of the reference's members: those recorded, while what they chose is there or they are."""
        pool, data = list(self._fingerprints()), self._data_key(test)
        recorded = self._folder.reference_members.get(data)
        if recorded is None:
            return pool
        key = self._stored_key(recorded, test)
        if set(recorded) <= set(pool) or self._folder.references.get(_name(key), key) is not None:
            return recorded
        return pool

    def _data_key(self, test: str | None) -> str:
        return data_key(self._task, self._rows(test))

    def _stored_key(self, members: list[str], test: str | None) -> str:
        return fingerprint_of("reference", self._data_key(test), members)


def _name(key: str) -> str:
    return f"reference-{key[:16]}"
