"""Networks are filled on the GPU with the bytes of the file that `average` writes, at the speed of the bus."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import radin
from benchmarks.gpu.check import Check, Figures, Setting, expect, keep_busy, same_bytes, seconds_of
from benchmarks.gpu.vision import make_pool, network_of
from radin.weights import cuda_stream
from radin.weights.filler import Filler

FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
BITS = {torch.float64: torch.int64, torch.float32: torch.int32, torch.float16: torch.int16, torch.bfloat16: torch.int16}
OTHERS = (
    *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint64, torch.uint32, torch.uint16, torch.uint8),
    *(torch.bool, torch.complex64, torch.float8_e4m3fn, torch.float8_e5m2),
)
WEIGHTS = (0.2, 0.5, 0.3)


class Holder(nn.Module):
    """A network that holds tensors and does nothing."""

    def __init__(self, tensors: dict[str, torch.Tensor]) -> None:
        super().__init__()
        for name, tensor in tensors.items():
            self.register_buffer(name, torch.zeros_like(tensor))


def odd_values(dtype: torch.dtype, count: int, seed: int) -> torch.Tensor:
    """Random bits as numbers: of every size, subnormal ones too, with zeros of both signs and infinities."""
    generator = torch.Generator().manual_seed(seed)
    low, high = torch.iinfo(BITS[dtype]).min, torch.iinfo(BITS[dtype]).max
    values = torch.randint(low, high, (count,), generator=generator, dtype=BITS[dtype]).view(dtype)
    values = torch.where(torch.isfinite(values), values, torch.ones_like(values))
    if count > 4:
        values[:5] = torch.tensor([torch.inf, -torch.inf, 0.0, -0.0, torch.finfo(dtype).tiny / 4], dtype=dtype)
    return values


def pool_of_all_dtypes(folder: Path, chunks: float) -> radin.Pool:
    """Three files with tensors of every dtype: a scalar, an empty one, small ones and one of so many chunks.

    Those that are averaged differ between the files; all others are the same.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(len(WEIGHTS)):
        tensors = {}
        for dtype in FLOATS:
            name = str(dtype).removeprefix("torch.")
            large = int(chunks * cuda_stream.CHUNK_BYTES / dtype.itemsize) + 7
            for place, shape in enumerate([(), (0, 3), (5,), (3, 77), (large,)]):
                count = int(torch.Size(shape).numel())
                tensors[f"{name}_{place}"] = odd_values(dtype, count, 10 * i + place).view(shape)
        for dtype in OTHERS:
            bits = torch.randint(0, 2, (8 * 70_001,), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
            tensors[str(dtype).removeprefix("torch.")] = bits.view(dtype)
        tensors["bn.num_batches_tracked"] = torch.tensor([i, 7 - i])
        save_file(tensors, folder / f"{i}.safetensors")
    return radin.Pool(folder)


def holder_of(pool: radin.Pool, device: torch.device) -> Holder:
    """A network for a pool's tensors, on a device."""
    state = load_file(pool.paths[0])
    counters = state.pop("bn.num_batches_tracked")
    network = Holder(state)
    network.bn = Holder({"num_batches_tracked": counters})
    return network.to(device)


def differing(network: nn.Module, soup: Path) -> list[str]:
    """Tensors of a network that do not have the bytes of a soup's file."""
    stored = load_file(soup)
    return [name for name, tensor in network.state_dict().items() if not same_bytes(tensor, stored[name])]


def filled_bytes(setting: Setting) -> Figures:
    """Fills networks of every dtype, on a busy stream and on another stream, and compares them with the file."""
    device = setting.torch_device
    pool = pool_of_all_dtypes(setting.folder / "dtypes", 0.01 if setting.quick else 2.3)
    network = holder_of(pool, device)
    filler = Filler(network, pool)
    tried = 0
    for recipe in (np.array(WEIGHTS), np.array([0.0, 1.0, 0.0]), np.array([True, False, True])):
        soup = radin.average(pool, recipe, setting.folder / "dtypes.safetensors")
        for busy in (False, True) if setting.on_cuda else (False,):
            with other_stream(device) if busy else here():
                for buffer in network.buffers():
                    buffer.reshape(-1).view(torch.uint8).fill_(1)
                if busy:
                    keep_busy(device)
                filler.fill(recipe)
                wrong = differing(network, soup)
            expect(not wrong, f"recipe {recipe}, {'a busy stream' if busy else 'an idle stream'}: {wrong} differ")
            tried += 1
    return {"tensors": len(pool.tensors), "fills compared": tried, "MB a file": round(pool.nbytes / 1e6, 1)}


@contextmanager
def here() -> Iterator[None]:
    """Nothing."""
    yield


@contextmanager
def other_stream(device: torch.device) -> Iterator[None]:
    """A stream of CUDA's beside the usual one, begun after what that has to do."""
    stream = torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        yield
    torch.cuda.current_stream(device).wait_stream(stream)


class Careless(cuda_stream.Slot):
    """Pinned memory that is written again while the device may still be reading it."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.free = SimpleNamespace(record=lambda: None, synchronize=lambda: None)  # type: ignore[assignment]  # on purpose


def breaks_without_events(setting: Setting) -> Figures:
    """Fills on a busy stream with the events of the slots disabled, which has to go wrong."""
    setting.need_cuda()
    device = setting.torch_device
    folder = setting.folder / "large"
    folder.mkdir(exist_ok=True)
    for i in range(len(WEIGHTS)):
        generator = torch.Generator().manual_seed(i)
        save_file({"large": torch.randn(40 << 20, generator=generator)}, folder / f"{i}.safetensors")
    pool = radin.Pool(folder)
    soup = radin.average(pool, np.array(WEIGHTS), setting.folder / "large.safetensors")
    network = Holder({"large": torch.zeros(40 << 20)}).to(device)
    filler = Filler(network, pool)
    found = {}
    for name, slot in (("with events", cuda_stream.Slot), ("without", Careless)):
        usual, cuda_stream.Slot = cuda_stream.Slot, slot  # type: ignore[misc]  # on purpose
        try:
            keep_busy(device, products=120)
            filler.fill(np.array(WEIGHTS))
        except Exception as error:  # numbers that were mixed up may be refused
            found[name] = type(error).__name__
        else:
            found[name] = "wrong" if differing(network, soup) else "right"
        finally:
            cuda_stream.Slot = usual  # type: ignore[misc]  # as it was
    expect(found["with events"] == "right", f"with events: {found['with events']}")
    expect(found["without"] != "right", "without events nothing went wrong, so this check shows nothing")
    return found


def speed(setting: Setting) -> Figures:
    """Times filling a ViT-B/32 beside copies of as many bytes from the host to the device."""
    device = setting.torch_device
    pool = make_pool(setting)
    network = network_of(setting).to(device)
    filler = Filler(network, pool)
    megabytes = setting.sized(256, 1)
    plain = torch.empty(megabytes << 20, dtype=torch.uint8).fill_(3)
    target = torch.empty_like(plain, device=device)
    figures: Figures = {"MB an ingredient": round(pool.nbytes / 1e6, 1)}
    if setting.on_cuda:
        pinned = plain.pin_memory()
        taken = seconds_of(lambda: target.copy_(pinned, non_blocking=True), device)
        figures["copy from pinned memory, GB/s"] = gigabytes(plain.numel(), taken)
    figures["copy from plain memory, GB/s"] = gigabytes(plain.numel(), seconds_of(lambda: target.copy_(plain), device))
    for members in (1, 4, len(pool)):
        recipe = np.where(np.arange(len(pool)) < members, 1 / members, 0.0)
        taken = seconds_of(lambda recipe=recipe: filler.fill(recipe), device)  # type: ignore[misc]  # a default value
        figures[f"filling from {members}, GB/s"] = gigabytes(members * pool.nbytes, taken)
        figures[f"filling from {members}, ms"] = round(1e3 * taken, 1)
    return figures


def gigabytes(count: float, seconds: float) -> float:
    """GB/s."""
    return round(count / seconds / 1e9, 2)


CHECKS = (
    Check("filling", "filling gives the bytes of the file that average writes, for every dtype", filled_bytes, 90),
    Check("events", "filling goes wrong when its events are disabled", breaks_without_events, 60),
    Check("filling-speed", "filling, beside a copy from the host to the device", speed, 90, alone=True),
)
