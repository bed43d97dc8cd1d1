"""Outputs of a network for a batch: validated as logits, one row a sample, and moved to the CPU."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32

from radin.errors import TaskError

#: The remedy for most outputs that are no logits.
FORWARD = "pass forward=(network, inputs) -> logits if it returns something else"


def as_logits(output: Any, expected: int) -> torch.Tensor:
    """The logits in what a network returned.

    Arguments:
        output: a tensor, or an object or dict that holds one as `logits`.
        expected: samples in the batch.

    Returns:
        a floating-point tensor `[expected, classes]`, at least two classes.

    Raises:
        TaskError: it is something else; says what, and the remedy.
    """
    logits = output.get("logits", output) if isinstance(output, Mapping) else getattr(output, "logits", output)
    wanted = f"expected logits of shape [{expected}, classes] from the network, got"
    if not isinstance(logits, torch.Tensor):
        raise TaskError(f"{wanted} {_described(logits)}; {_remedy_of_structure(logits)}")
    shape = list(logits.shape)
    if shape in ([expected], [expected, 1]):
        raise TaskError(
            f"{wanted} shape {shape}, one number a sample. Where that is the logit of the second of two classes, give "
            "both: forward=lambda network, inputs: torch.stack([torch.zeros_like(z := network(inputs).flatten()), z], "
            "1); other single numbers cannot be scored"
        )
    if logits.ndim > 2 and len(logits) == expected:
        raise TaskError(
            f"{wanted} shape {shape}: outputs at several positions of a sample, tokens or pixels, say. radin scores "
            f"one label a sample, so reduce them; {FORWARD}"
        )
    if logits.ndim != 2 or len(logits) != expected:
        raise TaskError(f"{wanted} shape {shape}; {FORWARD}")
    if not logits.is_floating_point():
        kind = str(logits.dtype).removeprefix("torch.")
        raise TaskError(f"{wanted} {kind} numbers of that shape. Logits are taken before argmax or rounding; {FORWARD}")
    if shape[1] == 0:
        raise TaskError(f"{wanted} shape {shape}, without a class; {FORWARD}")
    return logits


def _described(output: Any) -> str:
    if isinstance(output, Mapping):
        return f"a dict with {', '.join(map(repr, list(output)[:8]))}"
    if isinstance(output, tuple | list):
        return f"a {type(output).__name__} of {len(output)}: {', '.join(type(one).__name__ for one in output[:4])}"
    return type(output).__name__


def _remedy_of_structure(output: Any) -> str:
    if isinstance(output, Mapping) and output:
        return f"pick them: forward=lambda network, inputs: network(inputs)[{next(iter(output))!r}]"
    if isinstance(output, tuple | list):
        return "pick them: forward=lambda network, inputs: network(inputs)[0]"
    return FORWARD


class Fetch:
    """One batch of logits on its way to the CPU.

    The copy is ordered at once, so a network may write its next outputs over the last: CUDA graphs and compiled
    networks (`mode="reduce-overhead"`) do. On CUDA it goes to pinned memory while the device works on.

    Arguments:
        logits: on any device, of any floating dtype.
    """

    def __init__(self, logits: torch.Tensor) -> None:
        self._arrived: torch.cuda.Event | None = None
        if not logits.is_cuda:
            self._values = logits.detach().to("cpu", torch.float32, copy=True)
            return
        with torch.cuda.device(logits.device):
            self._values = torch.empty(logits.shape, dtype=torch.float32, pin_memory=True)
            self._values.copy_(logits.detach().float(), non_blocking=True)
            self._arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]  # torch leaves it without annotations
            self._arrived.record()

    def wait(self) -> Float32[np.ndarray, "b C"]:
        """The values, once they have arrived."""
        if self._arrived is not None:
            self._arrived.synchronize()
        values: Float32[np.ndarray, "b C"] = self._values.numpy()
        return values


def fetched(launched: Iterator[torch.Tensor]) -> Iterator[Float32[np.ndarray, "b C"]]:
    """Logits on the CPU, batch by batch; each is waited for after the next was launched, so that a GPU never idles."""
    pending: Fetch | None = None
    for logits in launched:
        if not logits.is_cuda:
            yield Fetch(logits).wait()
            continue
        waiting, pending = pending, Fetch(logits)
        if waiting is not None:
            yield waiting.wait()
    if pending is not None:
        yield pending.wait()
