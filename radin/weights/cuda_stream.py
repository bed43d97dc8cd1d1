"""Soups on a CUDA device: ingredients stream there through pinned memory and are mixed where the network lies.

Tensors that are made in the same way are laid end to end and cut into chunks, so that small ones travel together. For
each ingredient of a chunk, a thread reads it into a slot of pinned memory, the bus carries it over while other slots
are read, and the device multiplies and adds. An event of each slot tells when the device has taken what is in it.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from radin.weights.merge_plan import Step
from radin.weights.mixer import Mixer
from radin.weights.tiling import TILE, Workspace

#: Bytes that travel at once: long enough for the bus, short enough to keep several in flight.
CHUNK_BYTES = 8 << 20

#: Chunks in flight, at most: threads read files into some while others are on the bus.
SLOTS = 16

#: Threads that read, at most; one of them copies slower than the bus carries.
READERS = 8

#: Of one chunk: a tensor, the first of its elements that travel, and one past the last.
Piece = tuple[Step, int, int]


class Slot:
    """Pinned memory for one chunk, and the event after which the device is done with it.

    Arguments:
        size: bytes.
    """

    def __init__(self, size: int) -> None:
        self.pinned = torch.empty(size, dtype=torch.uint8, pin_memory=True)
        self.free = torch.cuda.Event()  # type: ignore[no-untyped-call]  # torch leaves it without annotations


@dataclass(frozen=True)
class Chunk:
    """Pieces of tensors of one dtype that are made in the same way, end to end."""

    pieces: tuple[Piece, ...]

    @property
    def step(self) -> Step:
        """A step that says how all of them are made."""
        return self.pieces[0][0]

    @property
    def count(self) -> int:
        """Elements."""
        return sum(stop - start for _, start, stop in self.pieces)

    @property
    def nbytes(self) -> int:
        """Bytes of them in one file."""
        return self.count * self.step.info.kind.itemsize

    @property
    def sources(self) -> tuple[int, ...]:
        """Ingredients that travel one by one; what is no average is made on the host, as one source."""
        return self.step.sources if self.step.action == "average" else (-1,)


def stream(mixer: Mixer, targets: list[tuple[Step, Tensor]]) -> None:
    """Fills CUDA tensors with a soup, bit for bit as on the CPU.

    Product and sum are kernels of their own, each rounded to float32 (float64): a fused multiply-add would round once.

    Arguments:
        mixer: the soup.
        targets: steps, each with the network's tensor for it.

    Raises:
        CheckpointError: NaN in an ingredient.
        IncompatibleError: an average that is not finite where the ingredients are.
    """
    for device in dict.fromkeys(tensor.device for _, tensor in targets):
        with torch.cuda.device(device):
            stream_on(mixer, [target for target in targets if target[1].device == device], device)


def stream_on(mixer: Mixer, targets: list[tuple[Step, Tensor]], device: torch.device) -> None:
    """`stream` for tensors of one device."""
    chunks = chunks_of([step for step, _ in targets])
    places = {step.name: _Place(step, tensor) for step, tensor in targets}
    watched, sums = [], []
    with closing(_arrivals(mixer, chunks)) as arriving:
        for chunk in chunks:
            values = _values(chunk, arriving, device)
            if chunk.step.info.kind.family == "float" and chunk.step.action in ("average", "copy"):
                watched.append(chunk)
                sums.append(_accumulated(values, chunk.step).sum().double())
            stored = values.to(getattr(torch, chunk.step.info.dtype))  # rounds to it first, as a file would
            done = 0
            for step, start, stop in chunk.pieces:
                places[step.name].take(start, stored[done : done + stop - start])
                done += stop - start
    if not sums:
        return
    finite = torch.isfinite(torch.stack(sums)).tolist()  # the one wait for the device
    for chunk, fine in zip(watched, finite, strict=True):
        if not fine:
            _examine(mixer, chunk)


def chunks_of(steps: Sequence[Step]) -> list[Chunk]:
    """The tensors of a soup in chunks, those that are made in the same way together."""
    alike: dict[object, list[Step]] = {}
    for step in steps:
        alike.setdefault((step.action, step.info.dtype, step.sources, step.weights), []).append(step)
    return [chunk for group in alike.values() for chunk in _cut(group)]


def _cut(steps: Sequence[Step]) -> Iterator[Chunk]:
    """Tensors of one dtype, end to end, cut where a chunk is full."""
    most = CHUNK_BYTES // steps[0].info.kind.itemsize
    pieces: list[Piece] = []
    room = most
    for step in steps:
        start = 0
        while start < step.info.numel:
            stop = min(step.info.numel, start + room)
            pieces.append((step, start, stop))
            room -= stop - start
            start = stop
            if not room:
                yield Chunk(tuple(pieces))
                pieces, room = [], most
    if pieces:
        yield Chunk(tuple(pieces))


class _Place:
    """The network's tensor for one step, which takes its elements in order."""

    def __init__(self, step: Step, tensor: Tensor) -> None:
        self._tensor = tensor
        self._staged = not tensor.is_contiguous()
        stored = getattr(torch, step.info.dtype)
        self._flat = torch.empty(0, dtype=stored, device=tensor.device) if self._staged else tensor.view(-1)

    def take(self, start: int, values: Tensor) -> None:
        """Writes elements from `start` on."""
        if self._staged and not len(self._flat):
            self._flat = self._flat.new_empty(self._tensor.numel())
        stop = start + len(values)
        self._flat[start:stop].copy_(values)
        if self._staged and stop == len(self._flat):
            self._tensor.copy_(self._flat.view(self._tensor.shape))
            self._flat = self._flat[:0]


def _values(chunk: Chunk, arriving: Iterator[Slot], device: torch.device) -> Tensor:
    """The soup's values of one chunk: its sum in the accumulator's type, or what the host has made."""
    kind = chunk.step.info.kind
    total: Tensor | None = None
    for place in range(len(chunk.sources)):
        slot = next(arriving)
        arrived = slot.pinned[: chunk.nbytes].to(device, non_blocking=True, copy=True)
        slot.free.record()
        values = arrived.view(getattr(torch, kind.name))
        if chunk.step.action != "average":
            return values
        term = _accumulated(values, chunk.step).mul_(float(kind.accumulator.type(chunk.step.weights[place])))
        total = term if total is None else total.add_(term)
    assert total is not None  # a recipe has a member
    return total


def _accumulated(values: Tensor, step: Step) -> Tensor:
    """Values in the type that sums are formed in."""
    return values.to(torch.float64 if step.info.dtype == "float64" else torch.float32)


def _arrivals(mixer: Mixer, chunks: list[Chunk]) -> Generator[Slot, None, None]:
    """Slots filled with each source of each chunk, in order; a slot is used again after the next is asked for."""
    jobs = [(chunk, source) for chunk in chunks for source in chunk.sources]
    size = max((chunk.nbytes for chunk in chunks), default=0)
    free = deque(Slot(size) for _ in range(min(SLOTS, len(jobs))))
    pending: deque[tuple[Slot, Future[None]]] = deque()
    reads = iter(jobs)
    with ThreadPoolExecutor(min(READERS, os.cpu_count() or 1)) as readers:
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


def _load(mixer: Mixer, slot: Slot, chunk: Chunk, source: int) -> None:
    slot.free.synchronize()
    pinned, done = slot.pinned.numpy(), 0
    for step, start, stop in chunk.pieces:
        size = (stop - start) * step.info.kind.itemsize
        target = pinned[done : done + size]
        done += size
        if step.action in ("average", "copy"):
            data = mixer.read(source if step.action == "average" else step.sources[0], step, start, stop, target)
            if not np.may_share_memory(data, target):  # a view of a mapped file
                np.copyto(target, data)
        else:
            _make(mixer, step, start, stop, target)


def _make(mixer: Mixer, step: Step, start: int, stop: int, out: np.ndarray | None) -> None:
    """Elements of a soup, as the CPU makes them; names what is wrong with them."""
    space, width = Workspace(), step.info.kind.itemsize
    for first in range(start, stop, TILE):
        last = min(first + TILE, stop)
        tile = None if out is None else out[(first - start) * width : (last - start) * width]
        mixer.tile(step, first, last, space, out=tile)


def _examine(mixer: Mixer, chunk: Chunk) -> None:
    """Repeats a chunk on the CPU, which names what is wrong with it; infinities that belong there pass."""
    for step, start, stop in chunk.pieces:
        _make(mixer, step, start, stop, None)
