"""F1 of the spans that tags mark, as CoNLL's evaluation (2000) and seqeval count them.

A span has a type, a first and a last position. It is right if the same span, with all three, is among the true ones.
Tags are `O` outside of spans, and `B-TYPE`, `I-TYPE`, `E-TYPE` or `S-TYPE` inside: begin, inside, end, single. A
sequence of tags that is not well formed has spans, too: one begins wherever a type does, also without a `B`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64

from radin.errors import InputError
from radin.scoring.kinds.classes import IGNORED
from radin.scoring.metrics.base import Labels, Logits, Metric

#: Names of tags: outside, or a letter for the place in a span, and its type, if there are several.
TAG = re.compile(r"O|([BIES])(?:-(.*))?")

#: The tag outside of all spans.
OUTSIDE = "O"

#: The type of a tag without one, and its place outside of spans.
NO_TYPE = -1


class SpanF1(Metric):
    """F1 of spans: twice the right ones over those that are predicted and those that are so, 0 where there are none.

    This is `seqeval.metrics.f1_score` in its default mode.

        radin.Task(Tagger, data, radin.SpanF1(["O", "B-PER", "I-PER"]))

    Arguments:
        tags: names of the tags in the order of their numbers; by default those that the data or the model's folder has.

    Raises:
        InputError: a name that is no tag.
    """

    name = "span-f1"
    by_sums = True
    follows_loss = True
    asks_for = "tags"

    def __init__(self, tags: Sequence[str] | None = None) -> None:
        self.tags = None if tags is None else tuple(tags)
        self._marks = None if self.tags is None else _Marks.of(self.tags)

    def of_classes(self, names: Sequence[str] | None) -> Metric:
        """The same with the names of the tags, unless it has them.

        Raises:
            InputError: it has none, and none are known; or one is no tag.
        """
        if self.tags is None and names is None:
            raise _without_names()
        return self if self.tags is not None else SpanF1(names)

    def measure(self, logits: Logits, labels: Labels) -> Int64[np.ndarray, "m 3"]:
        """For each sample the spans that are right, that are predicted, and that are so.

        Arguments:
            logits: of all positions of each sample, `[m, positions · tags]`.
            labels: their tags, `[m, positions]`; −100 where there is none. Positions without a tag are left out, as if
                those beside them touched: words that come as several tokens often have a tag at the first alone.

        Raises:
            InputError: the tags have no names, or are of another number.
        """
        if self._marks is None:
            raise _without_names()
        by_position = np.asarray(logits).reshape(*labels.shape, -1)
        self._check_number(by_position.shape[2])
        places = np.argsort(labels == IGNORED, axis=1, kind="stable")  # those with a tag first, in their order
        so, said = (np.take_along_axis(one, places, axis=1) for one in (labels, by_position.argmax(axis=2)))
        there = so != IGNORED
        true, predicted = self._marks.spans(so, there), self._marks.spans(said, there)
        right = true.begins & predicted.begins & (true.ends == predicted.ends) & (true.types == predicted.types)
        return np.stack([right.sum(axis=1), predicted.begins.sum(axis=1), true.begins.sum(axis=1)], axis=1)

    def _check_number(self, n_classes: int) -> None:
        assert self.tags is not None  # checked before
        if n_classes != len(self.tags):
            raise InputError(
                f"the network gives logits of {n_classes} tags, and span-f1 has names of {len(self.tags)}: "
                f"{', '.join(self.tags[:8])}{', ...' if len(self.tags) > 8 else ''}"
            )

    def value_of(self, statistics: Any, labels: Labels) -> float:
        """The value, from the spans of all samples."""
        return float(self.of_sums(np.asarray(statistics).sum(axis=0, dtype=np.float64)))

    def group_sums(
        self, statistics: Any, labels: Labels, groups: Int64[np.ndarray, " m"], n: int
    ) -> Float64[np.ndarray, "n s"]:
        """Spans of each group of samples."""
        columns = np.asarray(statistics, dtype=np.float64).T
        return np.stack([np.bincount(groups, one, n) for one in columns], axis=1)

    def of_sums(self, sums: Float64[np.ndarray, "*k s"]) -> Float64[np.ndarray, " *k"]:
        """F1, from the spans of all groups."""
        both = sums[..., 1] + sums[..., 2]
        return np.asarray(2 * sums[..., 0] / np.where(both > 0, both, 1.0))


def _without_names() -> InputError:
    return InputError(
        "span-f1 needs to know which tags begin spans, and the data name no tags: give their names in the order of "
        "their numbers, as metric=radin.SpanF1(['O', 'B-PER', 'I-PER']), or data with `classes`"
    )


@dataclass(frozen=True)
class _Spans:
    """The spans of some sequences.

    Attributes:
        begins: whether a span begins at a position.
        ends: the position behind the span that begins there.
        types: of the tags.
    """

    begins: Bool[np.ndarray, "m l"]
    ends: Int64[np.ndarray, "m l"]
    types: Int64[np.ndarray, "m l"]


@dataclass(frozen=True)
class _Marks:
    """The place in a span, a letter, and the type of each tag."""

    letters: np.ndarray = field(repr=False)
    types: Int64[np.ndarray, " c"] = field(repr=False)

    @classmethod
    def of(cls, tags: Sequence[str]) -> _Marks:
        """Of tags with these names.

        Raises:
            InputError: one is no tag.
        """
        found = [TAG.fullmatch(str(one)) for one in tags]
        if not tags or (wrong := next((tag for tag, one in zip(tags, found, strict=True) if one is None), None)):
            got = repr(wrong) if tags else "none"
            raise InputError(
                "expected names of tags as O, B-TYPE, I-TYPE, E-TYPE or S-TYPE, in the order of their numbers, got "
                f"{got}"
            )
        types = ["" if one is None or one[1] is None else one[2] or "" for one in found]
        numbers = {name: i for i, name in enumerate(dict.fromkeys(types))}
        letters = np.array([OUTSIDE if one is None or one[1] is None else one[1] for one in found])
        return cls(letters, np.array([numbers[one] for one in types]))

    def spans(self, tags: Int64[np.ndarray, "m l"], there: Bool[np.ndarray, "m l"]) -> _Spans:
        """The spans of sequences; positions that are not there are outside of all."""
        known = np.where(there, tags, 0)
        letters = np.where(there, self.letters[known], OUTSIDE)
        types = np.where(there, self.types[known], NO_TYPE)
        before, type_before = _shifted(letters, OUTSIDE), _shifted(types, NO_TYPE)
        inside, was_inside = letters != OUTSIDE, before != OUTSIDE
        fresh = np.isin(letters, ("B", "S")) | (
            inside & (np.isin(before, ("E", "S", OUTSIDE)) | (types != type_before))
        )
        over = was_inside & (
            ~inside | np.isin(before, ("E", "S")) | np.isin(letters, ("B", "S")) | (types != type_before)
        )
        length = tags.shape[1]
        stops = np.where(over, np.arange(length), length)
        behind = np.minimum.accumulate(stops[:, ::-1], axis=1)[:, ::-1]  # the first stop from each position on
        return _Spans(fresh, np.append(behind[:, 1:], np.full((len(tags), 1), length), axis=1), types)


def _shifted(values: np.ndarray, first: Any) -> np.ndarray:
    """The values of the positions before."""
    return np.append(np.full((len(values), 1), first, dtype=values.dtype), values[:, :-1], axis=1)
