"""Networks with soups of adapters on them: what is run is the adapter that would be written, loaded by PEFT.

The base stays in memory. Before the next soup PEFT takes the last one off, which gives back the base's own modules:
nothing is added to its weights, so nothing has to be subtracted.
"""

from __future__ import annotations

import importlib
import re
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from radin.adapters.pool import AdapterPool
from radin.adapters.writing import write_adapter
from radin.common.out_of_memory import is_out_of_memory
from radin.common.wording import installing, shown
from radin.errors import IncompatibleError, TaskError
from radin.recipe import Recipe, RecipeLike
from radin.weights.merge_plan import as_recipe

#: What PEFT's names of tensors in a network have, and those in a file have not.
ADDED = re.compile(r"\.modules_to_save\.default|\.default\b")


class AdapterFiller:
    """Puts soup after soup of adapters on one base network.

    Arguments:
        network: what `with_adapter` gave; its base is used on.
        pool: the adapters.
        batchnorm: policy for BatchNorm's statistics in modules that were trained as a whole.
    """

    def __init__(self, network: nn.Module, pool: AdapterPool, *, batchnorm: str = "average") -> None:
        self.network, self.pool, self.batchnorm = network, pool, batchnorm

    def fill(self, recipe: Recipe | RecipeLike) -> nn.Module:
        """The base with the adapter of a recipe's soup, ready for inference.

        Raises:
            InputError, CheckpointError, IncompatibleError: as `with_adapter` raises them.
        """
        base: nn.Module = cast(Any, self.network).unload()
        self.network = base  # the last soup's factors are let go of before those of the next are made
        adapted = with_adapter(base, self.pool, as_recipe(self.pool, recipe), batchnorm=self.batchnorm)
        self.network = adapted.eval().requires_grad_(False)
        return self.network

    def close(self) -> None:
        """Nothing is open between two soups."""


def with_adapter(
    base: nn.Module,
    pool: AdapterPool,
    recipe: Recipe,
    *,
    batchnorm: str = "average",
    replace: Mapping[str, Any] | None = None,
) -> nn.Module:
    """A network with the adapter of a recipe's soup on it, as `peft.PeftModel.from_pretrained` loads it from a file.

    Arguments:
        base: with the weights that the adapters were trained on; its modules are wrapped.
        pool: the adapters.
        recipe: over the pool's names.
        batchnorm, replace: as for `radin.average`.

    Raises:
        TaskError: PEFT is not installed, or the network has an adapter already.
        IncompatibleError: PEFT does not load the adapter onto this network, or leaves a part of it out.
        CheckpointError: an adapter changed, or holds NaN.
    """
    peft = import_peft()
    if isinstance(base, peft.PeftModel):
        raise TaskError("build_model must return the base alone, got a PeftModel: radin puts the adapters on it")
    device = next((one.device for one in base.parameters()), torch.device("cpu"))
    with (
        tempfile.TemporaryDirectory(prefix="radin-", ignore_cleanup_errors=True) as place,
        torch.random.fork_rng(devices=[]),
    ):
        folder = write_adapter(pool, recipe, Path(place) / "adapter", batchnorm=batchnorm, replace=replace)
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", category=FutureWarning)  # between the libraries
                warnings.filterwarnings("error", message="Found missing adapter keys")
                # The factors are taken over from the file, so that they are in memory once.
                how = {"torch_device": str(device), "low_cpu_mem_usage": True}
                network: nn.Module = peft.PeftModel.from_pretrained(base, folder, **how)
        except Exception as error:  # PEFT raises whatever it likes
            if is_out_of_memory(error):
                raise
            raise IncompatibleError(
                f"{recipe}: PEFT does not load it onto the task's network ({type(error).__name__}: {error}). "
                "build_model must return the base that the adapters were trained on, with its weights."
            ) from error
    _check_taken(network, pool, recipe)
    return network


def import_peft() -> Any:
    """PEFT, which runs adapters.

    Raises:
        TaskError: it cannot be imported; says what to install.
    """
    try:
        return importlib.import_module("peft")
    except Exception as error:  # a library of another version raises whatever it likes
        raise TaskError(
            f"peft cannot be imported ({type(error).__name__}: {error}). Running adapters takes it: "
            f"{installing('transformers')}. Without it, merge=True makes whole models of the soups."
        ) from error


def _check_taken(network: Any, pool: AdapterPool, recipe: Recipe) -> None:
    """Refuses a network that lacks a place for a tensor of the adapter, which PEFT passes over in silence."""
    base = network.get_base_model()
    if getattr(base, "_checkpoint_conversion_mapping", None):  # the names were brought up to date
        return
    held = {ADDED.sub("", name) for name in network.state_dict()}
    lost = next((name for name in pool.header(recipe) if name not in held), None)
    if lost is not None:
        raise IncompatibleError(
            f"{pool.paths[recipe.members[0]]}: tensor {shown(lost)} of the adapter has no place in the task's network "
            f"({type(base).__name__}). build_model must return the base that the adapters were trained on."
        )
