"""Settings of the workers that run networks beside this process."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

from radin.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Workers:
    """The processes that run networks, on this machine or on a Ray cluster; needs the extra `ray`.

    Arguments:
        count: processes; `auto` is one for each GPU of the cluster, or for each CPU core where networks run on CPUs.
        address: of an existing cluster, as `ray.init` takes it: `auto`, or `ray://host:10001`. None starts Ray on this
            machine, and stops it at the end.
        threads: of PyTorch within each process. Results are those of one process with as many threads, bit for bit, so
            1, the default, makes them the same on machines of any size.
        gpus: share of a GPU that each worker takes where networks run on GPUs; 0.5 puts two on each.
        at_once: soups that are verified side by side, for workers that the rows of one soup keep busy too short a time.
            Those of one round are chosen together, before any of them is known, so from 2 on the choice may be another
            than that of one soup at a time, the default.

    Raises:
        InputError: a value out of range.
    """

    count: int | Literal["auto"] = "auto"
    address: str | None = None
    threads: int = 1
    gpus: float = 1.0
    at_once: int = 1

    def __post_init__(self) -> None:
        if self.count != "auto" and (not isinstance(self.count, int) or isinstance(self.count, bool) or self.count < 1):
            raise InputError(f"workers must be 'auto' or a whole number of at least 1, got {self.count!r}")
        if self.threads < 1:
            raise InputError(f"threads of a worker must be at least 1, got {self.threads!r}")
        if self.at_once < 1:
            raise InputError(f"at_once must be at least 1 soup, got {self.at_once!r}")
        if not self.gpus > 0:
            raise InputError(f"gpus of a worker must be above 0, got {self.gpus!r}")

    @classmethod
    def of(cls, given: int | str | Workers | None) -> Workers | None:
        """The settings that a user means: a number, `auto`, settings, or None for no workers.

        Raises:
            InputError: something else.
        """
        if given is None or isinstance(given, Workers):
            return given
        if isinstance(given, str) and given.isdecimal():
            given = int(given)
        if given == "auto" or isinstance(given, int):
            return cls(count=given)  # type: ignore[arg-type]  # mypy does not narrow by ==
        raise InputError(f"expected workers as a number, 'auto' or a radin.Workers, got {given!r}")

    def foreseen(self, on_gpus: bool) -> int:
        """The number of processes, without a look at a cluster.

        Arguments:
            on_gpus: whether networks run on GPUs.

        Raises:
            InputError: it depends on a cluster at an address.
        """
        if self.count == "auto" and self.address is not None:
            raise InputError(
                f"the number of workers depends on the cluster at {self.address!r}, which a plan does not connect to; "
                "name a number"
            )
        import torch

        return self.number(float(torch.cuda.device_count()), float(os.cpu_count() or 1), on_gpus)

    def number(self, gpus: float, cpus: float, on_gpus: bool) -> int:
        """The number of processes on a cluster.

        Arguments:
            gpus, cpus: that the cluster has.
            on_gpus: whether networks run on GPUs.
        """
        if self.count != "auto":
            return self.count
        return max(1, int(gpus / self.gpus) if on_gpus else int(cpus) or os.cpu_count() or 1)
