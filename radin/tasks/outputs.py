"""Outputs of a network for a batch: the tensor that holds them, and its way to the CPU."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32

from radin.errors import TaskError
from radin.scoring.kinds.base import FORWARD


def as_outputs(output: Any, expected: int) -> torch.Tensor:
    """The tensor in what a network returned.

    Arguments:
        output: a tensor, or an object or dict that holds one as `logits`.
        expected: samples in the batch.

    Raises:
        TaskError: it is something else; says what, and the remedy.
    """
    found = output.get("logits", output) if isinstance(output, Mapping) else getattr(output, "logits", output)
    if not isinstance(found, torch.Tensor):
        raise TaskError(
            f"expected a tensor of outputs for {expected} samples from the network, got {_described(found)}; "
            f"{_remedy_of_structure(found)}"
        )
    if found.layout != torch.strided or found.is_nested:
        kind, way = ("nested", "to_padded_tensor(0.0)") if found.is_nested else ("sparse", "to_dense()")
        raise TaskError(
            f"expected a dense tensor of outputs for {expected} samples from the network, got a {kind} one; make it "
            f"dense: forward=lambda network, inputs: network(inputs).{way}"
        )
    return found


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
    """One batch of outputs on its way to the CPU.

    The copy is ordered at once, so a network may write its next outputs over the last: CUDA graphs and compiled
    networks (`mode="reduce-overhead"`) do. On CUDA it goes to pinned memory while the device works on.

    Arguments:
        outputs: on any device, of any floating dtype.
    """

    def __init__(self, outputs: torch.Tensor) -> None:
        self._arrived: torch.cuda.Event | None = None
        if not outputs.is_cuda:
            self._values = outputs.detach().to("cpu", torch.float32, copy=True)
            return
        with torch.cuda.device(outputs.device):
            self._values = torch.empty(outputs.shape, dtype=torch.float32, pin_memory=True)
            self._values.copy_(outputs.detach().float(), non_blocking=True)
            self._arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]  # torch leaves it without annotations
            self._arrived.record()

    def wait(self) -> Float32[np.ndarray, "b ..."]:
        """The values, once they have arrived; in plain memory, so that pinned memory serves the next batch."""
        values: Float32[np.ndarray, "b ..."] = self._values.numpy()
        if self._arrived is None:
            return values
        self._arrived.synchronize()
        return values.copy()


def fetched(launched: Iterator[torch.Tensor]) -> Iterator[Float32[np.ndarray, "b ..."]]:
    """Outputs on the CPU, batch by batch; each is waited for after the next was launched, so that a GPU never idles."""
    pending: Fetch | None = None
    for outputs in launched:
        if not outputs.is_cuda:
            yield Fetch(outputs).wait()
            continue
        waiting, pending = pending, Fetch(outputs)
        if waiting is not None:
            yield waiting.wait()
    if pending is not None:
        yield pending.wait()
