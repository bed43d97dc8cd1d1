"""A check on a device: its setting, its outcome, and the figures that it measures."""

from __future__ import annotations

import importlib.util
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from radin.tasks.device import clock

Figures = dict[str, Any]
Status = Literal["passed", "failed", "skipped", "too slow"]


class CheckFailed(Exception):
    """Something is not as it should be; the text says what."""


class Skipped(Exception):
    """A check that cannot be made here; the text says why."""


@dataclass(frozen=True)
class Setting:
    """The circumstances of a check.

    Attributes:
        device: networks and kernels run on it.
        quick: whether to try everything on tiny inputs, for a test; figures mean nothing then.
        folder: for files; those of one folder may be shared by several checks.
    """

    device: str
    quick: bool
    folder: Path

    @property
    def torch_device(self) -> torch.device:
        """The device as PyTorch has it."""
        return torch.device(self.device)

    @property
    def on_cuda(self) -> bool:
        """Whether it is a GPU of CUDA's."""
        return self.torch_device.type == "cuda"

    def sized(self, full: int, quick: int) -> int:
        """One of two sizes."""
        return quick if self.quick else full

    def need_cuda(self) -> None:
        """Skips the check elsewhere.

        Raises:
            Skipped: the device is not one of CUDA's.
        """
        if not self.on_cuda:
            raise Skipped("needs a GPU")


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        name: what `--only` calls it.
        about: what holds if it passes, in words.
        run: makes it, and returns figures.
        seconds: its time limit.
        environment: variables that its process has.
        alone: whether nothing may run beside it, since it measures time, or fills the card.
        needs: modules without which it is skipped.
    """

    name: str
    about: str
    run: Callable[[Setting], Figures]
    seconds: int = 60
    environment: Mapping[str, str] = field(default_factory=dict)
    alone: bool = False
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """The outcome of one check.

    Attributes:
        name: the check.
        about: what holds if it passes.
        status: `too slow` where it was ended at its limit.
        seconds: that it took.
        figures: what it measured.
        said: why it failed, or was skipped.
    """

    name: str
    about: str
    status: Status
    seconds: float
    figures: Figures = field(default_factory=dict)
    said: str = ""

    def row(self) -> dict[str, Any]:
        """The outcome as a JSON object."""
        return asdict(self)


def outcome_of(check: Check, setting: Setting) -> Outcome:
    """Makes a check in this process."""
    begun = time.perf_counter()

    def ended(status: Status, figures: Figures | None = None, said: str = "") -> Outcome:
        return Outcome(check.name, check.about, status, time.perf_counter() - begun, figures or {}, said)

    missing = [name for name in check.needs if importlib.util.find_spec(name) is None]
    if missing:
        return ended("skipped", said=f"{', '.join(missing)} is not installed")
    try:
        return ended("passed", check.run(setting))
    except Skipped as reason:
        return ended("skipped", said=str(reason))
    except CheckFailed as fault:
        return ended("failed", said=str(fault))
    except Exception as error:  # a check that breaks has failed, and the others go on
        return ended("failed", said=f"{type(error).__name__}: {error}\n{traceback.format_exc()[-3000:]}")


def expect(holds: bool, said: str) -> None:
    """Fails a check unless something holds.

    Raises:
        CheckFailed: with what was said.
    """
    if not holds:
        raise CheckFailed(said)


def seconds_of(work: Callable[[], object], device: torch.device, rounds: int = 3) -> float:
    """Median time of some work, on a device that has nothing else to do; the first round warms up."""
    taken = []
    for _ in range(rounds + 1):
        begun = clock(device)
        work()
        taken.append(clock(device) - begun)
    return float(np.median(taken[1:]))


def same_bytes(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors have one dtype and shape, and are equal bit for bit."""
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    left, right = (tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8) for tensor in (one, other))
    return torch.equal(left, right)


def keep_busy(device: torch.device, products: int = 40, size: int = 4096) -> torch.Tensor:
    """Gives a GPU work for some tenths of a second, and returns at once."""
    matrix = torch.randn(size, size, device=device)
    total = matrix
    for _ in range(products):
        total = (total @ matrix) * (1 / size)
    return total
