"""Numbers distinct rows by first appearance, a batch at a time: rows of words, and sparse rows of floats."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt64

_EMPTY = -1
#: Least number of slots per row. With half of the slots in use, a probe rarely meets another row.
_SPARSITY = 2

#: Bytes of a float of a mixture, and of its place.
_BYTES = 8 + 4


class DistinctRows:
    """Rows of `width` 64-bit words, each kept once.

    A dictionary of bytes would do the same at twice the time and five times the memory: a million rows take 0.2 s here.
    Rows are compared word by word, so the numbering is exact for any hash.
    """

    def __init__(self, width: int) -> None:
        # Fixed odd multipliers: the numbering does not depend on them, only the speed does.
        self._multipliers = np.random.default_rng(0).integers(2**63, size=width, dtype=np.uint64) * np.uint64(
            2
        ) + np.uint64(1)
        self._rows = np.empty((0, width), dtype=np.uint64)
        self._table = np.full(1024, _EMPTY, dtype=np.int64)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def rows(self, ids: Int64[np.ndarray, " m"]) -> UInt64[np.ndarray, "m w"]:
        """The rows with these numbers."""
        return self._rows[ids]

    def admit(self, rows: UInt64[np.ndarray, "k w"]) -> tuple[Int64[np.ndarray, " k"], Bool[np.ndarray, " k"]]:
        """Adds rows. Returns the number of each, and whether this is its first appearance."""
        base, k = self._count, len(rows)
        self._reserve(base + k)
        self._rows[base : base + k] = rows
        ids, slots = self._insert(base, k)
        # Up to here a new row is numbered by its position in the batch. Now the new rows get consecutive numbers.
        new = ids == base + np.arange(k)
        first = np.flatnonzero(new)
        if 0 < len(first) < k:
            rank = np.empty(k, dtype=np.int64)
            rank[first] = base + np.arange(len(first))
            self._rows[base : base + len(first)] = rows[first]
            self._table[slots[first]] = rank[first]
            fresh = ids >= base
            ids[fresh] = rank[ids[fresh] - base]
        self._count += len(first)
        return ids, new

    def _insert(self, base: int, k: int) -> tuple[Int64[np.ndarray, " k"], Int64[np.ndarray, " k"]]:
        """Inserts rows `base .. base + k` into the table by linear probing. Returns the number and the slot of each."""
        ids, where = np.empty(k, dtype=np.int64), np.empty(k, dtype=np.int64)
        rows = self._rows[base : base + k]
        pending, slots = np.arange(k), self._slots(rows)
        while pending.size:
            holder = self._table.take(slots)
            free = np.flatnonzero(holder == _EMPTY)
            claimed = slots.take(free)
            # Of several writes to one slot the last one stays, so in reverse order the first row of the batch wins.
            self._table[claimed[::-1]] = base + pending.take(free)[::-1]
            holder[free] = self._table.take(claimed)
            ids[pending], where[pending] = holder, slots  # rows that meet another row are overwritten below
            met = np.flatnonzero(_differ(self._rows.take(holder, axis=0), rows))
            rows, pending = rows.take(met, axis=0), pending.take(met)
            slots = (slots.take(met) + 1) & (len(self._table) - 1)
        return ids, where

    def _reserve(self, count: int) -> None:
        if count > len(self._rows):
            spare = np.empty((max(count - len(self._rows), len(self._rows)), self._rows.shape[1]), dtype=np.uint64)
            self._rows = np.concatenate([self._rows, spare])
        if _SPARSITY * count > len(self._table):
            self._table = np.full(2 ** (2 * _SPARSITY * count - 1).bit_length(), _EMPTY, dtype=np.int64)
            self._insert(0, self._count)

    def _slots(self, rows: UInt64[np.ndarray, "k w"]) -> Int64[np.ndarray, " k"]:
        """First slots by multiplicative hashing (Knuth, TAOCP 6.4): upper bits of a product with an odd constant."""
        mixed = rows @ self._multipliers
        mixed ^= mixed >> np.uint64(32)
        mixed *= np.uint64(0x9E3779B97F4A7C15)
        return (mixed >> np.uint64(65 - len(self._table).bit_length())).astype(np.int64)


class DistinctMixtures:
    """Rows of `n` floats, at least 0, each kept once: the non-zero ones and their places, 12 bytes each.

    A step of a search may lead to n rows that have few of them, and n × n floats may be more than memory holds.

    Arguments:
        n: floats of a row.
    """

    def __init__(self, n: int) -> None:
        self._n = n
        self._known: dict[bytes, int] = {}
        self._keys: list[bytes] = []

    def __len__(self) -> int:
        return len(self._keys)

    def rows(self, ids: Int64[np.ndarray, " m"]) -> Float64[np.ndarray, "m n"]:
        """The rows with these numbers."""
        rows = np.zeros((len(ids), self._n))
        for row, number in zip(rows, ids.tolist(), strict=True):
            key = self._keys[number]
            values = len(key) // _BYTES
            row[np.frombuffer(key, np.int32, values, offset=8 * values)] = np.frombuffer(key, np.float64, values)
        return rows

    def admit(self, rows: Float64[np.ndarray, "k n"]) -> tuple[Int64[np.ndarray, " k"], Bool[np.ndarray, " k"]]:
        """Adds rows. Returns the number of each, and whether this is its first appearance."""
        ids, new = np.empty(len(rows), dtype=np.int64), np.zeros(len(rows), dtype=bool)
        for i, row in enumerate(rows):
            places = np.flatnonzero(row)
            key = row[places].tobytes() + places.astype(np.int32).tobytes()
            ids[i] = self._known.setdefault(key, len(self._keys))
            if ids[i] == len(self._keys):
                self._keys.append(key)
                new[i] = True
        return ids, new


def _differ(a: UInt64[np.ndarray, "k w"], b: UInt64[np.ndarray, "k w"]) -> Bool[np.ndarray, " k"]:
    return a[:, 0] != b[:, 0] if a.shape[1] == 1 else (a != b).any(axis=1)
