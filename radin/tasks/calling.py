"""Calls a network with the inputs of a batch, and describes these in messages."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from torch import nn

from radin.tasks.batches import Column, map_tensors

#: Tensors that a message describes.
SHOWN = 8


def call(network: nn.Module, inputs: Any) -> Any:
    """`network(**inputs)` where inputs are a dict whose names the network's signature takes, else `network(inputs)`."""
    if isinstance(inputs, Mapping) and takes(network, inputs):
        return network(**inputs)
    return network(inputs)


def takes(network: nn.Module, inputs: Mapping[Any, Any]) -> bool:
    """Whether a network's signature has a parameter for each name, or takes any name and has one of these.

    Arguments:
        network: its `forward` is looked at.
        inputs: by name.
    """
    if not all(isinstance(name, str) for name in inputs):
        return False
    try:
        parameters = inspect.signature(network.forward).parameters.values()
    except (TypeError, ValueError):  # code without a signature
        return False
    named = {one.name for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)}
    takes_any = any(one.kind is one.VAR_KEYWORD for one in parameters)
    return bool(inputs) and (inputs.keys() <= named or (takes_any and bool(inputs.keys() & named)))


def described(arguments: tuple[Any, ...]) -> str:
    """Dtype and shape of the tensors that a function of the task was given; empty if there were none."""
    found: list[str] = []
    map_tensors(
        lambda tensor: found.append(f"{str(tensor.dtype).removeprefix('torch.')} of shape {list(tensor.shape)}"),
        arguments,
    )
    if not found:
        return ""
    listed = next((one for one in arguments if isinstance(one, Column)), None)
    how = (
        "" if listed is None else f" in a list of {len(listed)}, one entry a sample (torch.stack makes a tensor of it)"
    )
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return f"; its inputs were {', '.join(found[:SHOWN])}{more}{how}"
