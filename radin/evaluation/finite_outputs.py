"""Refusal of outputs that are no logits: of numbers that are not finite, and of probabilities.

For numbers that are not finite it names the sample, and tells broken inputs from a diverged network.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Int64

from radin.errors import DataError, NonFiniteError, TaskError
from radin.scoring.kinds import Classes, Kind, OneLogit, SeveralLabels
from radin.scoring.stored_outputs import TELLING, are_probabilities, check_finite
from radin.tasks.batches import map_tensors
from radin.tasks.data import Rows

#: Numbers in [0, 1] that come so near to both ends, and lie nowhere else, are no logits. Chosen by hand: those of a
#: network that has learnt little stay away from the ends, and those of another one do not stay in between.
ENDS = 0.1


def check_outputs(kind: Kind, outputs: np.ndarray, rows: Rows, places: Int64[np.ndarray, " b"], name: str) -> None:
    """Refuses outputs that are not finite.

    Arguments:
        kind: of the outputs.
        outputs: of one batch, `[b, ...]`.
        rows: the samples' source. The inputs of the sample in question are read from it again.
        places: of the batch's samples in the source.
        name: of the network.

    Raises:
        NonFiniteError: the network has diverged, or overflows. Says for which sample.
        DataError: the sample's inputs are not finite themselves, so that no network can be right. Says which sample.
    """
    try:
        check_finite(kind, outputs, name)
    except NonFiniteError:
        for output, place in zip(outputs, places, strict=True):
            try:
                check_finite(kind, output[None], name, int(place))
            except NonFiniteError as error:
                _check_inputs(rows, int(place), error)
                raise error from None
        raise


def _check_inputs(rows: Rows, place: int, cause: NonFiniteError) -> None:
    """Refuses a sample whose inputs hold NaN or infinities."""
    finite = list[bool]()
    map_tensors(lambda part: finite.append(bool(torch.isfinite(part).all())), rows.take(np.array([place])))
    if not all(finite):
        raise DataError(
            f"{rows.what}: the inputs of sample {place} hold NaN or infinities, so the outputs of every network are "
            "not finite either; mend the sample or leave it out"
        ) from cause


def last_layer_of(kind: Kind, outputs: np.ndarray) -> str:
    """The last layer that outputs look as if they came from, `softmax` or `sigmoid`, where logits are averaged.

    Arguments:
        kind: of the outputs.
        outputs: of some samples, as the kind keeps them.

    Returns:
        empty unless all rows are in [0, 1] and sum to 1, or all outputs that are compared with 0 are in [0, 1], so that
        each of them would count as a yes. A few samples tell nothing, and all 0 are the logits of a head that was
        never trained.
    """
    if len(outputs) < TELLING or outputs.ndim != 2 or not np.isfinite(outputs).all() or not outputs.any():
        return ""
    if isinstance(kind, OneLogit | SeveralLabels):
        logits = _compared_with_zero(kind, outputs)
        return "sigmoid" if logits.min(initial=np.inf) >= 0 and logits.max(initial=-np.inf) <= 1 else ""
    return "softmax" if isinstance(kind, Classes) and are_probabilities(outputs) else ""


def refuse_probabilities(kind: Kind, outputs: np.ndarray) -> None:
    """Refuses outputs that must be probabilities where logits are averaged: their losses mean something else.

    Arguments:
        kind: of the outputs.
        outputs: of some samples, as the kind keeps them.

    Raises:
        TaskError: they look as if they came from a softmax, see `last_layer_of`; or from a sigmoid, and come near to
            both of its ends.
    """
    function = last_layer_of(kind, outputs)
    if not function or (function == "sigmoid" and not _near_both_ends(_compared_with_zero(kind, outputs))):
        return
    inverse = "log()" if function == "softmax" else "logit()"
    raise TaskError(
        f"expected {kind.gives} from the network, got what look like probabilities, in [0, 1]"
        f"{' and with sum 1' if function == 'softmax' else ''}: leave out its last layer, {function}, or take it "
        f"back: forward=lambda network, inputs: network(inputs).clamp(1e-6, 1 - 1e-6).{inverse}"
    )


def _compared_with_zero(kind: Kind, outputs: np.ndarray) -> np.ndarray:
    return outputs[:, 1:] if isinstance(kind, OneLogit) else outputs


def _near_both_ends(shares: np.ndarray) -> bool:
    return bool(shares.min() < ENDS and shares.max() > 1 - ENDS)
