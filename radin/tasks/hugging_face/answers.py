"""Labels out of a table, numbered as a model's head numbers its classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from radin.common.wording import shown
from radin.errors import DataError
from radin.tasks.readers.tables import Table

#: The label of tokens that do not count.
IGNORED = -100


class Classes:
    """The classes of a head, by number and by name.

    Arguments:
        config: of the model: `id2label` and `num_labels`.
        stated: what a table calls its classes, in the order of its own numbers; None where it does not say.
        what: how messages call the data.

    Raises:
        DataError: the table has classes that the model has not.
    """

    def __init__(self, config: Any, stated: Sequence[str] | None, what: str) -> None:
        self.what = what
        self.count = int(config.num_labels)
        self.names = {str(name): int(place) for place, name in (config.id2label or {}).items()}
        self._own: dict[int, int] = {}
        places = [self._place(name) for name in stated or ()]
        if any(place is not None for place in places):
            for number, (name, place) in enumerate(zip(stated or (), places, strict=True)):
                if place is None:
                    raise DataError(f"{what}: class {shown(name)} of the data is none of the model's: {self._known()}")
                self._own[number] = place

    def number(self, value: Any, sample: int) -> int:
        """The number of a class in the head.

        Arguments:
            value: its name, or its number, also as text.
            sample: for messages.

        Raises:
            DataError: there is no such class.
        """
        if isinstance(value, str) and (place := self._place(value)) is not None:
            return place
        number = _whole(value)
        if number is None or not 0 <= number < self.count:
            raise DataError(
                f"{self.what}: sample {sample} has the label {shown(str(value))}, which is none of the model's "
                f"{self.count} classes: {self._known()}"
            )
        return self._own.get(number, number)

    def _place(self, name: str) -> int | None:
        """The number of a class by its name, in whatever letters: some heads shout."""
        alike = {place for known, place in self.names.items() if known.casefold() == name.casefold()}
        return self.names.get(name, alike.pop() if len(alike) == 1 else None)

    def _known(self) -> str:
        names = list(self.names)
        return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")


def _whole(value: Any) -> int | None:
    """A whole number, also as text or as a float; None for everything else."""
    if isinstance(value, bool | int):
        return int(value)
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return int(number) if number.is_integer() else None


def class_numbers(table: Table, column: str, config: Any) -> np.ndarray:
    """One class a sample, `int64[M]`."""
    classes = Classes(config, table.class_names.get(column), str(table.path))
    found = [classes.number(value, i) for i, value in enumerate(table.column(column, "label"))]
    return np.array(found, dtype=np.int64)


def values(table: Table, columns: Sequence[str]) -> np.ndarray:
    """One number a sample, `float64[M]`, or one of each column, `float64[M, d]`.

    Raises:
        DataError: an entry that is no number.
    """
    found = []
    for column in columns:
        for i, value in enumerate(table.column(column, "label")):
            try:
                found.append(float(value))
            except (TypeError, ValueError) as error:
                raise DataError(
                    f"{table.path}: sample {i} has {shown(str(value))} as its value, which is no number"
                ) from error
    array = np.array(found, dtype=np.float64).reshape(len(columns), len(table)).T
    return array[:, 0] if len(columns) == 1 else array


def several_labels(table: Table, columns: Sequence[str], config: Any) -> np.ndarray:
    """Which classes each sample has, `int64[M, classes]` of zeros and ones.

    They are one column for each class, or one column of lists: of names, or of a zero or one for each class.

    Raises:
        DataError: entries that are neither.
    """
    made = np.zeros((len(table), int(config.num_labels)), dtype=np.int64)
    if len(columns) > 1:
        classes = Classes(config, columns, str(table.path))
        for place, column in enumerate(columns):
            for i, value in enumerate(table.column(column, "label")):
                made[i, classes.number(place, i)] = _bit(value, table, i)
        return made
    classes = Classes(config, table.class_names.get(columns[0]), str(table.path))
    for i, entry in enumerate(table.column(columns[0], "label")):
        if not isinstance(entry, list):
            raise DataError(
                f"{table.path}: sample {i} has {shown(str(entry))} as its labels; expected a list, or one column for "
                "each class: label=toxic,insult,..."
            )
        bits = [value for value in entry if not isinstance(value, str) and value in (0, 1)]
        if len(entry) == classes.count and len(bits) == len(entry):
            made[i] = [int(value) for value in entry]
        else:
            made[i, [classes.number(value, i) for value in entry]] = 1
    return made


def _bit(value: Any, table: Table, sample: int) -> int:
    number = _whole(value)
    if number not in (0, 1):
        raise DataError(f"{table.path}: sample {sample} has {shown(str(value))} for a class; expected 0 or 1")
    return int(number)


def word_labels(table: Table, column: str, config: Any) -> list[list[int]]:
    """For each sample the classes of its words; `IGNORED` stays as it is."""
    classes = Classes(config, table.class_names.get(column), str(table.path))
    found = []
    for i, entry in enumerate(table.column(column, "label")):
        if not isinstance(entry, list):
            raise DataError(
                f"{table.path}: sample {i} has {shown(str(entry))} as its tags; expected a list, one a word"
            )
        found.append([IGNORED if value == IGNORED else classes.number(value, i) for value in entry])
    return found


def choice_numbers(table: Table, column: str, counts: Sequence[int]) -> np.ndarray:
    """The place of the right choice among those of each sample, `int64[M]`; letters count from A.

    Raises:
        DataError: there is no such choice.
    """
    found = []
    for i, value in enumerate(table.column(column, "label")):
        letter = isinstance(value, str) and len(value) == 1 and "A" <= value <= "Z"
        number = ord(value) - ord("A") if letter else _whole(value)
        if number is None or not 0 <= number < counts[i]:
            raise DataError(f"{table.path}: sample {i} has {counts[i]} choices, but the answer {shown(str(value))}")
        found.append(number)
    return np.array(found, dtype=np.int64)


def labels_by_default(columns: Mapping[str, Any], usual: Sequence[str]) -> str | None:
    """The first of some usual names that a table has."""
    return next((name for name in usual if name in columns), None)
