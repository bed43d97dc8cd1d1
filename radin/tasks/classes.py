"""Whether checkpoints and data speak of the same classes in the same order, as far as both say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Int64

from radin.common.suggestions import SHOWN
from radin.errors import DataError


def check_class_order(
    stated: Sequence[str] | None,
    names: Iterable[Sequence[str] | None],
    *,
    whose: str = "the checkpoints",
    what: str = "the data",
) -> None:
    """Refuses data whose labels mean other classes than those that something else states.

    A class that is known to both by one name must have one place. Names that only one side knows say nothing.

    Arguments:
        stated: the classes in the order of the outputs, as the checkpoints' files say; None if they do not.
        names: what the data call their classes, in label order; they may have names of several kinds.
        whose: who states the order, for the message.
        what: which data these are.

    Raises:
        DataError: a class has two places; says which.
    """
    once = Counter(stated)
    outputs = {name: i for i, name in enumerate(stated or ()) if once[name] == 1}
    for known in names:
        counts = Counter(known)
        for label, name in enumerate(known or ()):
            place = outputs.get(name, label)
            if place != label and counts[name] == 1:
                raise DataError(
                    f"the classes of {what} are in another order than those of {whose}: {name!r} is class {label} of "
                    f"{what}, but {place} of {whose}. Bring the labels of {what} into the order of {whose}: "
                    f"{_first(stated or ())}; a ready task does so by a file that lists it, one class a line. Or leave "
                    "out what differs."
                ).mended_by(classes="FILE")


def _first(names: Sequence[str], shown: int = 12) -> str:
    return ", ".join(names[:shown]) + (", ..." if len(names) > shown else "")


def absent_classes(names: Sequence[Sequence[str]], labels: Int64[np.ndarray, " M"]) -> tuple[str, ...]:
    """A remark on classes of which data have no sample, so that they say nothing of those; none if they have all.

    Arguments:
        names: what the data call their classes, in label order, as `Rows.class_names` has it.
        labels: of all samples.
    """
    if not names:
        return ()
    present = set(labels.tolist())
    absent = [name for label, name in enumerate(names[-1]) if label not in present]  # as people call them
    if not absent:
        return ()
    shown = f": {', '.join(absent)}" if len(absent) <= SHOWN else f", such as {', '.join(absent[:3])}"
    return (f"no sample of {len(absent)} of {len(names[-1])} classes{shown}",)
