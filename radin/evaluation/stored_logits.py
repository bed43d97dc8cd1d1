"""Logits in a run folder: one array on the selecting rows for each network, all other rows in parts beside it.

Held-back rows are run for few networks, after the choice, so they are no part of the arrays that a bank is made of.
Version 0.1 kept one array on all rows: its rows are known, and it is divided when it is needed. The same happens where
another split selects other rows. Nothing is run for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int64

from radin.common.array_folder import ArrayFolder
from radin.evaluation.known_rows import Batch, KnownRows, Part, PartialLogits


class StoredLogits:
    """The logits of networks on a task's data, as far as they are in a run folder.

    Arguments:
        parts: the folder of parts.
        n_rows: rows of the data.
        selecting: those that select, ascending.
    """

    def __init__(self, parts: ArrayFolder, n_rows: int, selecting: Int64[np.ndarray, " m"]) -> None:
        self.parts = PartialLogits(parts)
        self.n_rows, self.selecting = n_rows, selecting

    @cached_property
    def selects(self) -> Bool[np.ndarray, " M"]:
        """Mask of the rows that select."""
        return np.isin(np.arange(self.n_rows), self.selecting)

    def key(self, key: str) -> str:
        """Key of the array on the selecting rows, from that of the logits on all rows; the same if all select."""
        return key if len(self.selecting) == self.n_rows else self.parts.key(key, self.selecting)

    def array(self, place: ArrayFolder, name: str, key: str) -> Float32[np.ndarray, "m ..."] | None:
        """The array on the selecting rows; None if it is not stored.

        Arguments:
            place: the folder of arrays.
            name: of the network, there.
            key: of its logits on all rows.
        """
        return place.get(name, self.key(key))

    def known(self, place: ArrayFolder, name: str, key: str) -> KnownRows:
        """All rows whose logits are stored, of whatever split and version."""
        parts, about = self.parts.of(key), place.about(name)
        if about is not None and about["key"] == key:
            rows: np.ndarray | None = np.arange(self.n_rows)
        elif about is not None and about.get("of") == key:
            rows = self.parts.rows(about["rows"])
        else:
            rows = None
        logits = None if rows is None or about is None else place.get(name, about["key"])
        if rows is None or logits is None:
            return KnownRows(self.n_rows, parts)
        return KnownRows(self.n_rows, [Part(rows, logits), *parts])

    def put_aside(self, place: ArrayFolder) -> None:
        """Makes parts of arrays on other rows than those that select now, so that a folder of arrays is one bank."""
        for name, about in place.entries().items():
            if "of" not in about or about["key"] == self.key(about["of"]):
                continue
            rows, logits = self.parts.rows(about["rows"]), place.get(name, about["key"])
            if rows is not None and logits is not None:
                self.parts.store(name, about["of"], Part(rows, logits))
            place.remove(name)

    def keep_others(self, place: ArrayFolder, name: str, key: str) -> None:
        """Stores the rows of an array that do not select now as a part, before the array is replaced."""
        about = place.about(name)
        if about is None or about["key"] == self.key(key) or key not in (about["key"], about.get("of")):
            return
        known = self.known(place, name, key)
        others = np.flatnonzero(known.holds(np.arange(self.n_rows)) & ~self.selects)
        unkept = KnownRows(self.n_rows, self.parts.of(key)).missing(others)
        if len(unkept):
            self.parts.store(name, key, Part(unkept, known.read(unkept)))

    def write(
        self, place: ArrayFolder, name: str, key: str, recipe: dict[str, float], batches: Iterator[Batch]
    ) -> None:
        """Stores the array on the selecting rows, batch by batch."""
        about: dict[str, Any] = {"recipe": recipe}
        if len(self.selecting) < self.n_rows:
            about |= {"of": key, "rows": self.parts.store_rows(self.selecting)}
        with place.writing(name, self.key(key), len(self.selecting), about) as append:
            for batch in batches:
                append(batch)

    def divided(self, batches: Iterator[Batch], keep: Callable[[list[Batch]], None]) -> Iterator[Batch]:
        """Logits on the selecting rows, out of batches on all rows; `keep` is given those on the others at the end."""
        start, others = 0, []
        for batch in batches:
            mine = self.selects[start : start + len(batch)]
            others.append(batch[~mine])
            start += len(batch)
            yield batch[mine]
        keep(others)
