"""Whether checkpoints and data speak of the same classes in the same order, as far as both say."""

from __future__ import annotations

from collections.abc import Sequence

from radin.errors import DataError


def check_class_order(stated: Sequence[str] | None, *names: Sequence[str] | None) -> None:
    """Refuses data whose labels mean other classes than the outputs of the checkpoints do.

    A class that is known to both by one name must have one place. Names that only one side knows say nothing.

    Arguments:
        stated: the classes in the order of the outputs, as the checkpoints' files say; None if they do not.
        names: what the data call their classes, in label order; they may have names of several kinds.

    Raises:
        DataError: a class has two places; says which.
    """
    for known in names:
        if stated is None or known is None:
            continue
        outputs = {name: i for i, name in enumerate(stated) if stated.count(name) == 1}
        for label, name in enumerate(known):
            place = outputs.get(name, label)
            if place != label and list(known).count(name) == 1:
                raise DataError(
                    f"the classes of the data are in another order than the checkpoints': {name!r} is class {label} of "
                    f"the data, but output {place} of the checkpoints, as their files say. Give the data's classes in "
                    "the checkpoints' order (classes=FILE, one a line), or leave out checkpoints of another order"
                )
