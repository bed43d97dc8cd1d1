"""Rows that have been run already: the logits of one network, whole or in the parts that races and comparisons left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float32, Int64

from radin.common.array_folder import ArrayFolder
from radin.evaluation.keys import part_key, rows_key
from radin.scoring.kinds.choices import filled_up

Batch = Float32[np.ndarray, "b ..."]

#: Letters of a network's name that are part of the names of its parts, which have to fit into a file's name.
NAMED = 40


@dataclass(frozen=True)
class Part:
    """Logits on some rows.

    Attributes:
        rows: places of the rows in the data, in the order of the logits.
        logits: on these.
    """

    rows: Int64[np.ndarray, " k"]
    logits: Float32[np.ndarray, "k ..."]


@dataclass(frozen=True)
class KnownRows:
    """The rows of the data whose logits are known, for one network.

    Arguments:
        n_rows: rows of the data.
        parts: logits on some of them; where two hold the same row, the first counts.
    """

    n_rows: int
    parts: Sequence[Part] = ()

    @cached_property
    def _places(self) -> list[tuple[Part, Int64[np.ndarray, " M"]]]:
        """Each part with the place in it of every row of the data; -1 for rows that it lacks."""
        places = []
        for part in self.parts:
            place = np.full(self.n_rows, -1, dtype=np.int64)
            place[part.rows] = np.arange(len(part.rows))
            places.append((part, place))
        return places

    def holds(self, rows: Int64[np.ndarray, " k"]) -> Bool[np.ndarray, " k"]:
        """Mask of the rows that are known."""
        held = np.zeros(len(rows), dtype=bool)
        for _, place in self._places:
            held |= place[rows] >= 0
        return held

    def missing(self, rows: Int64[np.ndarray, " k"] | None = None) -> Int64[np.ndarray, " s"]:
        """Those of some rows, by default of all, that are not known, in ascending order."""
        wanted = np.arange(self.n_rows) if rows is None else np.sort(rows)
        return wanted[~self.holds(wanted)]

    def read(self, rows: Int64[np.ndarray, " k"]) -> Float32[np.ndarray, "k ..."]:
        """Logits on known rows, in the order asked for; the stored array itself where it has just these."""
        for part in self.parts:
            if np.array_equal(part.rows, rows):
                return part.logits
        found = _room(len(rows), [part.logits for part in self.parts])
        for part, place in reversed(self._places):
            here = np.flatnonzero(place[rows] >= 0)
            _put(found, here, part.logits[place[rows[here]]])
        return found

    def completed(self, fresh: Iterator[Batch], rows: Int64[np.ndarray, " k"] | None = None) -> Iterator[Batch]:
        """Logits on some rows in the order of the data, batch by batch.

        Arguments:
            fresh: batches of logits on those of them that are missing, in ascending order.
            rows: which rows, in ascending order; by default all.
        """
        if not self.parts:
            yield from fresh
            return
        wanted = np.arange(self.n_rows) if rows is None else rows
        missing, begun, done = self.missing(wanted), 0, 0
        for batch in fresh:
            new = missing[done : done + len(batch)]
            stop = int(np.searchsorted(wanted, new[-1])) + 1
            yield self._joined(wanted[begun:stop], new, batch)
            begun, done = stop, done + len(batch)
        if begun < len(wanted):
            yield self.read(wanted[begun:])

    def _joined(
        self, rows: Int64[np.ndarray, " r"], new: Int64[np.ndarray, " b"], batch: Batch
    ) -> Float32[np.ndarray, "r ..."]:
        is_new = np.isin(rows, new)
        known = [] if is_new.all() else [self.read(rows[~is_new])]
        joined = _room(len(rows), [batch, *known])
        _put(joined, np.flatnonzero(is_new), batch)
        for part in known:
            _put(joined, np.flatnonzero(~is_new), part)
        return joined


def _room(rows: int, parts: Sequence[Float32[np.ndarray, "_ ..."]]) -> Float32[np.ndarray, "r ..."]:
    """Room for rows of some parts. Parts of choices may have different numbers of these, the largest counts."""
    shape = parts[0].shape[1:]
    if all(part.shape[1:] == shape for part in parts):
        return np.empty((rows, *shape), dtype=np.float32)
    return np.empty((rows, max(part.shape[1] for part in parts)), dtype=np.float32)


def _put(found: Float32[np.ndarray, "r ..."], places: Int64[np.ndarray, " k"], part: Batch) -> None:
    """Puts logits at some places; choices that a part does not have are absent."""
    if part.shape[1:] != found.shape[1:]:
        part = filled_up(part, found.shape[1])
    found[places] = part


class PartialLogits:
    """The parts of networks' logits in a run folder.

    A part is an entry of its own, beside the entry of its rows: many parts have the same ones.

    Arguments:
        arrays: holds parts and rows.
    """

    def __init__(self, arrays: ArrayFolder) -> None:
        self._arrays = arrays

    def of(self, key: str) -> list[Part]:
        """The parts of the logits that have this key when they are complete; the largest first."""
        parts = []
        for name, entry in self._arrays.entries().items():
            if entry.get("of") == key:
                rows = self.rows(entry["rows"])
                logits = None if rows is None else self._arrays.get(name, entry["key"])
                if rows is not None and logits is not None:
                    parts.append(Part(rows, logits))
        return sorted(parts, key=lambda part: -len(part.rows))

    def rows(self, fingerprint: str) -> Int64[np.ndarray, " k"] | None:
        """Rows that were stored, by their fingerprint."""
        return self._arrays.get(f"rows-{fingerprint}", fingerprint)

    def store_rows(self, rows: Int64[np.ndarray, " k"]) -> str:
        """Stores rows, if they are not there yet; returns their fingerprint."""
        fingerprint = rows_key(rows)
        if self.rows(fingerprint) is None:
            self._arrays.store(f"rows-{fingerprint}", fingerprint, rows)
        return fingerprint

    def key(self, key: str, rows: Int64[np.ndarray, " k"]) -> str:
        """Key of a part, from that of the complete logits."""
        return part_key(key, rows)

    def store(self, name: str, key: str, part: Part) -> None:
        """Stores a part.

        Arguments:
            name: the network's.
            key: of its complete logits.
            part: the rows and the logits.
        """
        own, about = self.key(key, part.rows), {"of": key, "rows": self.store_rows(part.rows)}
        entry = f"{name[:NAMED]} on {len(part.rows)} rows, {own[:16]}"
        with self._arrays.writing(entry, own, len(part.rows), about) as append:
            append(part.logits)
