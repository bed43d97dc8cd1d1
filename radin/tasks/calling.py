"""Calls a network with the inputs of a batch."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from torch import nn


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
