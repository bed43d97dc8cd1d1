"""What training scripts put into one file: weights, their moving average, settings, the classes' names."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from radin.errors import CheckpointError, InputError

#: Which weights of a file: the network's own, or their exponential moving average.
Weights = Literal["model", "ema"]

#: Where scripts put the network's own weights, in the order in which they are looked for.
MODEL = ("state_dict", "model", "model_state_dict", "net", "network", "params")

#: Where they put the moving average: timm `state_dict_ema`, torchvision's references `model_ema`.
EMA = ("state_dict_ema", "model_ema", "ema_state_dict", "ema_model", "params_ema", "ema")

#: Lightning's WeightAveraging puts the average under `state_dict`, and the network's own weights here.
LIGHTNING_OWN = "current_model_state"

#: What names a file as Lightning's.
LIGHTNING_MARK = "pytorch-lightning_version"

#: Where scripts put the classes' names, in the order of the head's outputs.
CLASSES = ("class_to_idx", "class_names", "classes")

#: Gives the named tensors of a value, `{}` if it is no state dict.
TensorsOf = Callable[[Any], dict[str, Any]]


def check_weights(weights: str | None) -> None:
    """Raises InputError for a choice of weights that does not exist."""
    if weights not in (None, *get_args(Weights)):
        raise InputError(f"weights must be one of {', '.join(get_args(Weights))} or None, got {weights!r}")


def choose(path: Path, content: Any, weights: str | None, tensors_of: TensorsOf) -> tuple[dict[str, Any], str | None]:
    """The state dict that a file's content stands for.

    Arguments:
        path: the file, for messages.
        content: what was loaded: a state dict, or a training checkpoint that holds one or two.
        weights: `model` for the network's own weights, `ema` for their moving average; None where there is no choice.
        tensors_of: knows a state dict when it sees one.

    Returns:
        the tensors by name, and which of the two they are; None for the latter where the file is a plain state dict.

    Raises:
        CheckpointError: there are no tensors by name, not those that were asked for, or two state dicts and no choice.
    """
    inside = content if isinstance(content, Mapping) else {}
    own, averaged = _first(inside, MODEL, tensors_of), _first(inside, EMA, tensors_of)
    if LIGHTNING_OWN in inside and own:
        own, averaged = tensors_of(inside[LIGHTNING_OWN]), own
    if not own and not averaged:
        plain = tensors_of(inside)
        if not plain:
            raise CheckpointError(_nothing(path, content))
        if weights == "ema":
            raise CheckpointError(_lacks(path, weights, inside))
        return plain, None
    held = {name: tensors for name, tensors in {"model": own, "ema": averaged}.items() if tensors}
    if weights is None and len(held) > 1:
        raise CheckpointError(
            f"{path} holds the network's own weights and their moving average (EMA), and nothing says which are meant. "
            f"Say --weights model or --weights ema; in Python, Pool(..., weights='model') or 'ema'."
        )
    chosen = weights or next(iter(held))
    if chosen not in held:
        raise CheckpointError(_lacks(path, chosen, inside))
    return held[chosen], chosen


def stated_classes(content: Mapping[Any, Any]) -> tuple[str, ...] | None:
    """The classes in the order of the head's outputs, if a file's content or metadata say so.

    Arguments:
        content: holds, under one of the keys in `CLASSES`, a list of names, a mapping from names to indices, or either
            as JSON.
    """
    for key in CLASSES:
        value = content.get(key)
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                continue
        if isinstance(value, Mapping):
            by_index = {index: name for name, index in value.items() if isinstance(index, int)}
            value = [by_index[i] for i in range(len(value))] if by_index.keys() == set(range(len(value))) else None
        if isinstance(value, list | tuple) and value and all(isinstance(name, str) for name in value):
            return tuple(value)
    return None


def _first(inside: Mapping[Any, Any], holders: tuple[str, ...], tensors_of: TensorsOf) -> dict[str, Any]:
    return next((found for found in (tensors_of(inside.get(holder)) for holder in holders) if found), {})


def _nothing(path: Path, content: Any) -> str:
    held = f"keys {_keys(content)}" if isinstance(content, Mapping) and content else type(content).__name__
    return (
        f"{path} holds no tensors by name ({held}). Expected a state dict, or a training checkpoint with one under "
        f"{' or '.join(map(repr, MODEL[:2]))}; save torch.save(model.state_dict(), 'weights.pt')."
    )


def _lacks(path: Path, weights: str, inside: Mapping[Any, Any]) -> str:
    what, places, other = "moving average of weights (EMA)", EMA, "model"
    if weights == "model":
        what, places, other = "weights but their moving average (EMA)", MODEL, "ema"
    return (
        f"{path} holds no {what} (keys {_keys(inside)}; looked for {', '.join(places)}). Say weights={other}, or "
        f"leave the choice out."
    )


def _keys(inside: Mapping[Any, Any]) -> list[str]:
    return sorted(map(str, inside))[:8]
