"""Averages on a CUDA device: ingredients stream there through pinned memory and are added where the network lies."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from radin.weights.merge_plan import Step
from radin.weights.mixer import Mixer
from radin.weights.tiling import TILE, Workspace

#: Elements that travel at once (4 MB in float32): long enough for the bus, short enough to keep several in flight.
CHUNK = 4 * TILE

#: Chunks in flight: threads read files into some while others are on the bus.
SLOTS = 8

#: Threads that read.
READERS = 4


class Slot:
    """Pinned memory for one chunk, and the event after which the device is done with it."""

    def __init__(self) -> None:
        self.pinned = torch.empty(8 * CHUNK, dtype=torch.uint8, pin_memory=True)
        self.free = torch.cuda.Event()  # type: ignore[no-untyped-call]  # torch leaves it without annotations


_Job = tuple[Step, int, int]
"""A step of the action `average`, the first element of one chunk, and one past its last."""


def stream(mixer: Mixer, targets: list[tuple[Step, Tensor]]) -> None:
    """Averages into CUDA tensors, bit for bit as on the CPU.

    Product and sum are kernels of their own, each rounded to float32 (float64): a fused multiply-add would round once.

    Arguments:
        mixer: the soup.
        targets: steps of the action `average`, each with the network's tensor for it.

    Raises:
        CheckpointError: NaN in an ingredient.
        IncompatibleError: an average that is not finite where the ingredients are.
    """
    for device in dict.fromkeys(tensor.device for _, tensor in targets):
        with torch.cuda.device(device):
            stream_on(mixer, [target for target in targets if target[1].device == device], device)


def stream_on(mixer: Mixer, targets: list[tuple[Step, Tensor]], device: torch.device) -> None:
    """`stream` for tensors of one device."""
    jobs = [job for step, _ in targets for job in _chunks(step)]
    arriving = _arrivals(mixer, jobs)
    sums = []
    for step, tensor in targets:
        stored = getattr(torch, step.info.dtype)
        direct = tensor.is_contiguous()
        flat = tensor.view(-1) if direct else torch.empty(tensor.numel(), dtype=stored, device=device)
        for _, start, stop in _chunks(step):
            total = _total(step, stop - start, arriving, device)
            sums.append(total.sum().double())
            flat[start:stop].copy_(total.to(stored))  # rounds to the stored dtype first, as a file would
        if not direct:
            tensor.copy_(flat.view(tensor.shape))
    finite = torch.isfinite(torch.stack(sums)).tolist()  # the one wait for the device
    for job, fine in zip(jobs, finite, strict=True):
        if not fine:
            _examine(mixer, job)


def _chunks(step: Step) -> list[_Job]:
    numel = step.info.numel
    return [(step, start, min(start + CHUNK, numel)) for start in range(0, numel, CHUNK)]


def _total(step: Step, count: int, arriving: Iterator[Slot], device: torch.device) -> Tensor:
    kind = step.info.kind
    total: Tensor | None = None
    for weight in step.weights:
        slot = next(arriving)
        arrived = slot.pinned[: count * kind.itemsize].to(device, non_blocking=True, copy=True)
        slot.free.record()
        term = arrived.view(getattr(torch, kind.name)).to(torch.float64 if kind.name == "float64" else torch.float32)
        term.mul_(float(kind.accumulator.type(weight)))
        total = term if total is None else total.add_(term)
    assert total is not None  # a recipe has a member
    return total


def _arrivals(mixer: Mixer, jobs: list[_Job]) -> Iterator[Slot]:
    """Slots filled with each job's chunk of each source, in order; a slot is used again after the next is asked for."""
    free = deque(Slot() for _ in range(SLOTS))
    pending: deque[tuple[Slot, Future[None]]] = deque()
    reads = ((job, source) for job in jobs for source in job[0].sources)
    with ThreadPoolExecutor(READERS) as readers:
        while True:
            while free and (read := next(reads, None)) is not None:
                slot = free.popleft()
                pending.append((slot, readers.submit(_load, mixer, slot, *read)))
            if not pending:
                return
            slot, loading = pending.popleft()
            loading.result()
            yield slot
            free.append(slot)


def _load(mixer: Mixer, slot: Slot, job: _Job, source: int) -> None:
    step, start, stop = job
    slot.free.synchronize()
    target = slot.pinned.numpy()[: (stop - start) * step.info.kind.itemsize]
    data = mixer.read(source, step, start, stop, target)
    if not np.may_share_memory(data, target):  # a view of a mapped file
        np.copyto(target, data)


def _examine(mixer: Mixer, job: _Job) -> None:
    """Repeats a chunk on the CPU, which names what is wrong with it; infinities that belong there pass."""
    step, start, stop = job
    space = Workspace()
    for first in range(start, stop, TILE):
        mixer.tile(step, first, min(first + TILE, stop), space)
