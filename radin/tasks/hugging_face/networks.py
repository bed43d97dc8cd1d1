"""Networks of transformers: built from a config, and given a soup's tensors as `from_pretrained` gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from radin.errors import IncompatibleError
from radin.tasks.hugging_face.library import quiet
from radin.tasks.hugging_face.spreading import check_way, spread


@dataclass(frozen=True)
class Builder:
    """Builds networks of one class from one config; radin gives them weights.

    Arguments:
        kind: a class of transformers.
        config: its config.
        dtype: of the weights, as `from_pretrained` would choose it for the folder.
        attention: how attention is computed, `eager`, `sdpa`, ...; None leaves the choice to the library.
        device_map: how the network is spread over several devices, of `WAYS`; None leaves it on one.

    Raises:
        InputError: no such way to spread.
    """

    kind: Any
    config: Any
    dtype: torch.dtype
    attention: str | None = None
    device_map: str | None = None

    def __post_init__(self) -> None:
        check_way(self.device_map)

    def __call__(self) -> nn.Module:
        """A new network with any weights.

        Raises:
            TaskError: it cannot be spread over the devices.
        """
        chosen = {} if self.attention is None else {"attn_implementation": self.attention}
        network: nn.Module = self.kind._from_config(self.config, dtype=self.dtype, **chosen)  # as Auto classes do it
        return network if self.device_map is None else spread(network, self.device_map)


def stored_dtype(config: Any) -> torch.dtype:
    """The dtype that `from_pretrained` gives a network by default: that of its config, else float32."""
    found = getattr(config, "dtype", None)
    found = getattr(torch, found, None) if isinstance(found, str) else found
    return found if isinstance(found, torch.dtype) else torch.float32


def load_through_library(network: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Gives a network the tensors of a folder's files through `from_pretrained`, the library's own way of loading.

    Names and shapes in files may be others than in memory: the library converts the experts of mixtures, for example.

    Arguments:
        network: of transformers; changed in place.
        tensors: by the names in the files.

    Raises:
        IncompatibleError: tensors that the network needs are missing, or some are left over.
    """
    made: Any = network
    with quiet():
        loaded, found = type(made).from_pretrained(
            None, config=made.config, state_dict=dict(tensors), dtype=made.dtype, output_loading_info=True
        )
    for key, what in (
        ("missing_keys", "is in the network, but not in the file"),
        ("unexpected_keys", "is in the file, but not in the network"),
        ("mismatched_keys", "has another shape in the network"),
    ):
        if found[key]:
            names = sorted(one if isinstance(one, str) else str(one[0]) for one in found[key])
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise IncompatibleError(f"tensor {names[0]!r}{more} {what}, as transformers reads it")
    if found.get("error_msgs"):
        raise IncompatibleError(f"transformers could not load the weights: {found['error_msgs'][0]}")
    network.load_state_dict(loaded.state_dict())
