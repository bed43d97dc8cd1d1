"""Networks that are larger than one device: their layers spread over several by accelerate."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from torch import nn

from radin.common.suggestions import did_you_mean
from radin.errors import InputError, TaskError

#: Ways to spread a network, as `from_pretrained(device_map=...)` calls them: alike over all GPUs, leaving room on the
#: first one, or filling one after the other.
WAYS = ("auto", "balanced", "balanced_low_0", "sequential")


def check_way(way: str | None) -> None:
    """Refuses a way to spread that is none.

    Raises:
        InputError: it is none of `WAYS`.
    """
    if way is not None and way not in WAYS:
        raise InputError(f"device_map must be {', '.join(WAYS)}, got {way!r}{did_you_mean(str(way), WAYS)}")


def spread(network: nn.Module, way: str) -> nn.Module:
    """A network with its layers on all GPUs that there are; on the CPU where there is none.

    Arguments:
        network: of transformers, with any weights; changed in place.
        way: of `WAYS`.

    Raises:
        TaskError: accelerate is not there, or the GPUs together are too small.
    """
    accelerate = _accelerate()
    made: Any = network
    whole = {"no_split_module_classes": list(made._no_split_modules or ())}
    room = None
    if way != "sequential":
        balanced = importlib.import_module("accelerate.utils").get_balanced_memory
        room = balanced(network, low_zero=way == "balanced_low_0", **whole)
    return placed(network, accelerate.infer_auto_device_map(network, max_memory=room, **whole))


def placed(network: nn.Module, places: Mapping[str, Any], *, hooks: bool = False) -> nn.Module:
    """A network with each of its modules on a device.

    Arguments:
        network: changed in place.
        places: `{module: device}`.
        hooks: moves inputs to each module's device by hooks even where all are on one.

    Raises:
        TaskError: a module would be fetched from memory or disk in each pass, where weights cannot be filled in place.
    """
    devices = {*places.values()}
    outside = [name for name, device in places.items() if device == "disk" or (device == "cpu" and _on_gpus(devices))]
    if outside:
        raise TaskError(
            f"the devices together are too small for this network: {len(outside)} of its parts, such as {outside[0]}, "
            "would stay outside of them. Soups are written into the network in place, which such parts do not allow. "
            "Use more or larger devices, or leave device_map out and run on the CPU."
        )
    made: Any = _accelerate().dispatch_model(network, dict(places), force_hooks=hooks)
    if len(devices) > 1 or hooks:
        made.to = lambda *arguments, **named: made  # it stays where it is, also where a task is moved to its device
    spread_out: nn.Module = made
    return spread_out


def _on_gpus(devices: set[Any]) -> bool:
    return not devices <= {"cpu", "disk"}


def _accelerate() -> Any:
    try:
        return importlib.import_module("accelerate")
    except ImportError as error:
        raise TaskError(
            f"device_map spreads a network by accelerate, which cannot be imported ({error}). Install it with "
            "`pip install accelerate`."
        ) from error
