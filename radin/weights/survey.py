"""Reads the ingredients' files once, before anything is run: can all of them be averaged with one another?"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np

from radin.checkpoints import Reader, TensorInfo
from radin.checkpoints.dtypes import widen
from radin.common.error_list import Complaints
from radin.common.files import fingerprint_of
from radin.common.wording import enumerated
from radin.errors import IncompatibleError
from radin.recipe import Recipe
from radin.weights.mixer import mixer_of
from radin.weights.nan_check import NotFinite, refuse_nan
from radin.weights.pool import Pool
from radin.weights.tiling import Workspace, share_out, spans, tiles

#: The part of a dtype's largest number from which on an average may overflow by rounding; chosen by hand.
EDGE = 1e-3


@dataclass(frozen=True)
class Survey:
    """The findings of one reading of an ingredient.

    Attributes:
        fingerprint: of all values, whatever the file's format: equal for one model in two files.
        not_finite: the tensors that hold NaN or infinities, in file order.
        extreme: tensors whose values come near the largest of their dtype.
    """

    fingerprint: str
    not_finite: tuple[NotFinite, ...]
    extreme: tuple[str, ...]

    def dumps(self) -> str:
        """The survey as text, for `loads`."""
        return json.dumps(asdict(self))

    @staticmethod
    def loads(text: str) -> Survey:
        """The survey that `dumps` wrote."""
        value = json.loads(text)
        found = tuple(NotFinite(**one) for one in value["not_finite"])
        return Survey(value["fingerprint"], found, tuple(value["extreme"]))


def survey(pool: Pool, i: int) -> Survey:
    """Reads ingredient `i` once, in pieces.

    Call it right after the file's fingerprint was taken: then its bytes come from memory, not from the disk again.
    """
    tensors, sight = pool.tensors_of(i), _Sight()
    with pool.reader(i) as reader:

        def look(job: tuple[str, list[tuple[int, int]]], space: Workspace) -> None:
            name, pieces = job
            for start, stop in pieces:
                sight.look(name, tensors[name], start, stop, reader, space)

        share_out([(name, span) for name, info in tensors.items() for span in spans(info.numel)], look)
        reader.check_unchanged()
    return Survey(sight.fingerprint(tensors), sight.not_finite(tensors), tuple(sorted(sight.extreme)))


class _Sight:
    """The findings in an ingredient's values, piece by piece; several threads may look at once.

    Attributes:
        extreme: tensors whose values come near the largest of their dtype.
    """

    def __init__(self) -> None:
        self.extreme: set[str] = set()
        self._sums: dict[tuple[str, int], bytes] = {}
        self._odd: list[tuple[str, int, int]] = []

    def look(self, name: str, info: TensorInfo, start: int, stop: int, reader: Reader, space: Workspace) -> None:
        """Takes note of elements `start` to `stop` of a tensor."""
        kind = info.kind
        stored = reader.read(name, start * kind.itemsize, stop * kind.itemsize, space.raw)
        if kind.family != "float":
            self._sums[name, start] = hashlib.blake2b(stored.tobytes(), digest_size=16).digest()
            return
        room = space.term[: (stop - start) * kind.accumulator.itemsize].view(kind.accumulator)
        values = widen(stored, kind, room)
        with np.errstate(all="ignore"):
            total = values.sum()
            self._sums[name, start] = struct.pack("<d", float(total))
            if abs(total) < EDGE * np.finfo(kind.accumulator).max:
                return
        nan, infinite = int(np.isnan(values).sum()), int(np.isinf(values).sum())
        if nan or infinite:
            self._odd.append((name, nan, infinite))
        else:
            self.extreme.add(name)

    def fingerprint(self, tensors: Mapping[str, TensorInfo]) -> str:
        """The fingerprint of all values, tensors by name."""
        known = hashlib.sha256()
        for name, info in sorted(tensors.items()):
            known.update(f"{name}\0{info}\0".encode())
            for start, _ in tiles(info.numel):
                known.update(self._sums[name, start])
        return known.hexdigest()

    def not_finite(self, tensors: Mapping[str, TensorInfo]) -> tuple[NotFinite, ...]:
        """The tensors with values that are not finite, in file order."""
        counts = {name: np.zeros(2, dtype=np.int64) for name in tensors}
        for name, nan, infinite in self._odd:
            counts[name] += nan, infinite
        return tuple(
            NotFinite(name, tensors[name].numel, int(n), int(inf)) for name, (n, inf) in counts.items() if n or inf
        )


def surveyed(pool: Pool, i: int, fingerprint: str, memory: MutableMapping[str, str]) -> Survey:
    """The survey of ingredient `i`, read from the file only if it is not remembered.

    Arguments:
        pool: the ingredients.
        i: index of the ingredient.
        fingerprint: of its file, see `Pool.fingerprint`.
        memory: surveys by fingerprint, which takes note of new ones.
    """
    key = f"survey\0{fingerprint}\0{fingerprint_of(sorted(pool.tensors_of(i)))}"
    if key not in memory:
        memory[key] = survey(pool, i).dumps()
    return Survey.loads(memory[key])


def check_averageable(pool: Pool, surveys: Sequence[Survey], complaints: Complaints) -> None:
    """Finds out whether all ingredients can be averaged, as far as their files tell; nothing is run.

    Arguments:
        pool: the ingredients.
        surveys: one of each.
        complaints: take note of CheckpointError for NaN, and of IncompatibleError for one model under two names, an
            earlier soup of others in the pool, integers or masks that differ, and averages that overflow.
    """
    for i, one in enumerate(surveys):
        with complaints.noting():
            refuse_nan(pool, i, one.not_finite)
        with complaints.noting():
            _refuse_soup(pool, i)
    alike = sorted((one.fingerprint, i) for i, one in enumerate(surveys))
    for (here, i), (there, j) in pairwise(alike):
        with complaints.noting():
            if here == there and _same_tensors(pool, i, j):
                raise IncompatibleError(
                    f"{pool.paths[i]} and {pool.paths[j]} hold the same tensors: one model given twice would count "
                    "double in every soup; leave one out"
                )
    if not complaints and len(pool) > 1:
        odd = {name for one in surveys for name in (*one.extreme, *(tensor.tensor for tensor in one.not_finite))}
        with complaints.noting():
            _mix(pool, odd)


def _refuse_soup(pool: Pool, i: int) -> None:
    """Refuses a soup of radin's whose members are in the pool as well."""
    try:
        weights = json.loads(pool.stated(i).get("radin.recipe", "{}"))
    except (ValueError, RecursionError):
        return
    members = [
        name for name in (weights if isinstance(weights, dict) else {}) if name in pool.names and name != pool.names[i]
    ]
    if members:
        raise IncompatibleError(
            f"{pool.paths[i]} is a soup that radin made of {enumerated(members[:8])}, which are in the pool as well "
            "and would count twice; leave the soup out"
        )


def _same_tensors(pool: Pool, i: int, j: int) -> bool:
    space = np.empty((2, Workspace().raw.size), dtype=np.uint8)
    if pool.tensors_of(i) != pool.tensors_of(j):
        return False
    with pool.reader(i) as one, pool.reader(j) as other:
        for name, info in pool.tensors_of(i).items():
            width = info.kind.itemsize
            for start, stop in tiles(info.numel):
                here = one.read(name, start * width, stop * width, space[0])
                if not np.array_equal(here, other.read(name, start * width, stop * width, space[1])):
                    return False
    return True


def _mix(pool: Pool, names: set[str]) -> None:
    """Plans the soup of all ingredients in equal parts, and mixes those of its tensors that are in `names`."""
    space = Workspace()
    with mixer_of(pool, Recipe.uniform(pool.names)) as mixer:
        for step in mixer.steps:
            if step.name in names:
                for start, stop in tiles(step.info.numel):
                    mixer.tile(step, start, stop, space)
