"""Which kind of outputs labels speak of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from radin.common.suggestions import did_you_mean
from radin.errors import DataError, InputError
from radin.scoring.kinds.base import Kind, Raw
from radin.scoring.kinds.choices import Choices
from radin.scoring.kinds.classes import CLASSES, IGNORED, OneLogit
from radin.scoring.kinds.positions import Positions
from radin.scoring.kinds.several import SeveralLabels
from radin.scoring.kinds.tags import Tags
from radin.scoring.kinds.tokens import ALTERNATIVES, Tokens
from radin.scoring.kinds.values import Values

#: All kinds, by name.
KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (CLASSES, OneLogit(), SeveralLabels(), Values(), Positions(), Tags(), Choices(), Tokens())
}

#: Kinds that labels never speak of by themselves.
BY_NAME = (Choices.name, Tags.name, Tokens.name)

#: Kinds of labels at positions.
AT_POSITIONS = (Positions.name, Tags.name, Tokens.name)

#: All kinds in a sentence, for messages.
THERE_ARE = "The kinds of outputs are " + ", ".join(
    f"{kind.name} ({kind.labels}{', only by name' if kind.name in BY_NAME else ''})" for kind in KINDS.values()
)


@dataclass(frozen=True)
class Asked:
    """A user's statements on the kind of outputs; the labels say the rest.

    Arguments:
        outputs: the name of a kind, a key of `KINDS`; None lets the labels decide.
        ignored: the label of positions that do not count.
        positions: positions of a sample at most; None takes all.
        alternatives: tokens that are kept of a position beside the label; None takes the usual number.

    Raises:
        InputError: no kind has this name, or positions or alternatives below 1.
    """

    outputs: str | None = None
    ignored: int = IGNORED
    positions: int | None = None
    alternatives: int | None = None

    def __post_init__(self) -> None:
        if self.outputs is not None:
            named_kind(self.outputs)
        if self.alternatives is not None and self.outputs != Tokens.name:
            raise InputError(
                f"alternatives={self.alternatives} is for outputs={Tokens.name!r}, and outputs are {self.outputs!r}"
            )
        _ = self._at_positions

    @property
    def _at_positions(self) -> Positions:
        """The kind of labels at positions that is asked for."""
        if self.outputs == Tags.name:
            if self.positions is not None:
                raise InputError(
                    f"positions={self.positions} takes some positions of a sample, and spans of tags need all of them; "
                    "leave it out"
                )
            return Tags(self.ignored)
        if self.outputs != Tokens.name:
            return Positions(self.ignored, self.positions)
        wanted = ALTERNATIVES if self.alternatives is None else self.alternatives
        return Tokens(self.ignored, self.positions, alternatives=wanted)

    def kind(self, raw: Sequence[Raw], what: str, like: Kind | None = None) -> Kind:
        """The kind that labels speak of.

        Arguments:
            raw: labels of all samples, batch by batch.
            what: how error messages call the data.
            like: the kind of the data that these are compared with, if there are such.

        Raises:
            DataError: labels that decide nothing, or of another kind than is asked for.
            InputError: positions are asked for, and there are none.
        """
        name = self.outputs or (like.name if like else _told(raw, what))
        if name not in AT_POSITIONS:
            if self.positions is not None:
                raise InputError(
                    f"positions={self.positions} is for labels at positions ({Positions.labels}); {what}: {name}"
                )
            return KINDS[name]
        if any(one.ndim < 2 for one in raw):
            wanted = f"{what}: expected labels of {name}, {Positions.labels}"
            raise DataError(f"{wanted}, got {_shapes(raw)}. {THERE_ARE}")
        return self._at_positions.sized(raw, what)


def named_kind(name: str) -> Kind:
    """The kind of a name.

    Raises:
        InputError: no kind has this name.
    """
    if name not in KINDS:
        raise InputError(f"unknown kind of outputs {name!r}{did_you_mean(str(name), KINDS)}. {THERE_ARE}")
    return KINDS[name]


def _told(raw: Sequence[Raw], what: str) -> str:
    """The name of the kind that labels alone speak of."""
    dtypes, ndims = {one.dtype.kind for one in raw}, {one.ndim for one in raw}
    whole = dtypes <= set("iub")
    if len(ndims) > 1 or (not whole and not dtypes <= {"f"}):
        raise DataError(f"{what}: expected labels of one dtype and number of dimensions, got {_shapes(raw)}")
    ndim = ndims.pop()
    binary = all(np.isin(one, (0, 1)).all() for one in raw)
    if ndim == 0:
        raise DataError(
            f"{what}: expected one label per sample, got one number for each batch, which has a list of labels; let "
            "the DataLoader make batches (batch_size=...)"
        )
    if ndim == 1:
        return _of_one_label(raw, what, whole=whole, binary=binary)
    if ndim == 2 and raw[0].shape[1] == 1 and (whole or binary):
        raise DataError(
            f"{what}: expected one integer label per sample, got {_shapes(raw)}; take the one column: labels[:, 0]."
        ).mended_by(outputs=OneLogit.name if binary else Positions.name)
    if ndim == 2 and binary:
        raise _undecided_table(raw, what, whole=whole)
    if whole:
        return Positions.name
    if ndim == 2:
        if all(_are_shares(one) for one in raw):
            raise DataError(
                f"{what}: {_shapes(raw)} whose rows sum to 1: are these probabilities of classes? Then take "
                "labels.argmax(1)."
            ).mended_by(outputs=Values.name)
        return Values.name
    raise DataError(f"{what}: expected labels of a known kind, got {_shapes(raw)}. {THERE_ARE}")


def _of_one_label(raw: Sequence[Raw], what: str, *, whole: bool, binary: bool) -> str:
    if all(one.dtype.kind == "b" for one in raw):
        raise DataError(f"{what}: expected one integer label per sample, got {_shapes(raw)}: labels.long()")
    if whole:
        return CLASSES.name
    if binary:
        raise DataError(
            f"{what}: {_shapes(raw)} that are all 0 or 1 may be classes or values. For a network with a logit for each "
            f"class give labels.long(); for one logit outputs={OneLogit.name!r}; for values outputs={Values.name!r}"
        )
    return Values.name


def _undecided_table(raw: Sequence[Raw], what: str, *, whole: bool) -> DataError:
    one_hot = all((one.sum(axis=1) == 1).all() for one in raw)
    other = Positions.name if whole else Values.name
    first = "these look like one-hot labels, which become integers by labels.argmax(1); or " if one_hot else ""
    return DataError(
        f"{what}: {_shapes(raw)} that are all 0 or 1: {first}say whether they are several labels a sample, "
        f"outputs={SeveralLabels.name!r}, or {other}, outputs={other!r}"
    )


def _are_shares(labels: Raw) -> bool:
    return labels.shape[1] > 1 and bool((labels >= 0).all() and np.allclose(labels.sum(axis=1), 1, atol=1e-3))


def _shapes(raw: Sequence[Raw]) -> str:
    first = raw[0]
    samples = sum(len(one) for one in raw if one.ndim)
    return f"{first.dtype} labels of shape {[samples, *first.shape[1:]] if first.ndim else []}"
