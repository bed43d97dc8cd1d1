"""Finds the network in a training checkpoint: every entry is taken, left out for a reason, or asked for.

Scripts put into one file the weights, their moving average, optimizers, settings and the classes' names, under keys of
their own choice. One set of tensors by name is taken as it is; of several, the caller says which.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from radin.checkpoints.allowance import STEP, Allowance
from radin.checkpoints.names import COUNTER, is_extra_state
from radin.checkpoints.stated import stated_versions
from radin.common.wording import counted, shown
from radin.errors import CheckpointError, InputError

#: Where scripts put the network's own weights, in the order in which they are looked for.
MODEL = ("state_dict", "model", "model_state_dict", "net", "network", "params")

#: Where they put the moving average: timm `state_dict_ema`, torchvision's references `model_ema`.
EMA = ("state_dict_ema", "model_ema", "ema_state_dict", "ema_model", "params_ema", "ema")

#: Lightning's WeightAveraging puts the average under `state_dict`, and the network's own weights here.
LIGHTNING_OWN = "current_model_state"

#: What names a file as Lightning's.
LIGHTNING_MARK = "pytorch-lightning_version"

#: The choice of all tensors in a file as one network.
ALL = "all"

#: Keys of what goes on with a training run and is no part of the network, as trainers name them. Looked for in the last
#: part of a key, from a `.` or `-` on.
TRAINING = re.compile(
    r"(?:^|_)(?:optim\w*|amp|native_amp_scaling_state|random_states?|callbacks?|loops|dataloaders?\w*|averaging_state|"
    r"MixedPrecisionPlugin)$|^\w*(?:optimizer|scheduler|scaler|sampler)\w*$|rng_states?$",
    re.IGNORECASE,
)

#: The end of keys under which quantised modules keep their weights.
PACKED = "_packed_params"

#: Characters of the longest key that is looked at so: the time for it grows with the square of the length.
LONGEST_KEY = 60

#: Steps that a tensor by name is charged, for all that is done with it until the pool is made.
NAMED_TENSOR = 16

#: Levels of dicts that are looked into.
DEEPEST = 6

#: Keys that a message shows.
NAMED = 8

#: A tensor, or numpy array, by what the file's format makes of it; None for every other value.
TensorOf = Callable[[Any], Any]

Path_ = tuple[str, ...]


@dataclass
class Chosen:
    """The part of a file that is taken.

    Attributes:
        tensors: of the network, by name.
        weights: which of the file's sets of weights they are; None where the file is a plain state dict.
        left_out: `{name of an entry: why it is no part of the network}`, for every other entry.
        extra: `{name: value}` of extra state that modules keep beside their tensors.
        numbers: `{name: value}` of the plain numbers at the top of the file, such as `step`.
        versions: of modules, which their loading depends on, see `radin.checkpoints.base.Checkpoint`.
    """

    tensors: dict[str, Any]
    weights: str | None = None
    left_out: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    numbers: dict[str, int | float] = field(default_factory=dict)
    versions: dict[str, dict[str, Any]] = field(default_factory=dict)


def check_weights(weights: str | None) -> None:
    """Raises InputError for a choice of weights that cannot be one."""
    if weights is not None and (not isinstance(weights, str) or not weights):
        raise InputError(f"weights must be 'model', 'ema', 'all', a key of the file, or None, got {weights!r}")


def choose(path: Path, content: Any, weights: str | None, tensor_of: TensorOf, allowance: Allowance) -> Chosen:
    """The network that a file's content stands for.

    Arguments:
        path: the file, for messages.
        content: what was loaded: a state dict, or a training checkpoint that holds some.
        weights: `model` for the network's own weights, `ema` for their moving average, `all` for all tensors under
            their full names, or the key of a dict in the file, nested ones with dots; None where there is one only.
        tensor_of: knows a tensor when it sees one.
        allowance: that looking is charged to: one dict may stand in very many places of a file.

    Raises:
        Damaged: the allowance is spent.
        CheckpointError: there are no tensors by name, not those that were asked for, or several sets and no choice.
    """
    tree = _Tree(content if isinstance(content, Mapping) else {}, tensor_of, allowance)
    candidates = tree.candidates()
    if not candidates:
        raise CheckpointError(_nothing(path, content))
    place = _only(path, candidates, tree) if weights is None else _asked_for(path, weights, candidates, tree)
    label = weights
    if weights is None or (weights == "model" and place == ()):
        label = _role(place, tree) if place else None
    chosen = tree.taken(place, label, whole=weights == ALL or place != ())
    chosen.numbers = {key: value for key, value in tree.root.items() if isinstance(key, str) and _is_plain(value)}
    return chosen


class _Tree:
    """A file's dicts within dicts."""

    def __init__(self, root: Mapping[Any, Any], tensor_of: TensorOf, allowance: Allowance) -> None:
        self.root = root
        self._allowance = allowance
        self._tensor_of = tensor_of
        self._counts: dict[int, int] = {}

    def count(self, node: Any, depth: int = 0) -> int:
        """Tensors by name below a node, those of training state aside; a node that holds itself is counted once."""
        if not isinstance(node, Mapping) or depth > DEEPEST:
            return 0
        if id(node) not in self._counts:
            self._spend(2 * len(node))
            self._counts[id(node)] = 0
            self._counts[id(node)] = sum(
                int(self._tensor_of(value) is not None) or self.count(value, depth + 1)
                for key, value in node.items()
                if isinstance(key, str) and not _is_training(key, value)
            )
        return self._counts[id(node)]

    def candidates(self) -> list[Path_]:
        """Places of the dicts that may be a network; `()` is the file's content itself, without dicts in it."""
        return list(self._candidates(self.root, (), 0))

    def _candidates(self, node: Mapping[Any, Any], place: Path_, depth: int) -> Iterator[Path_]:
        self._spend(16 + 4 * len(node))
        direct, inner = self._parts(node)
        within = [found for key in inner if depth < DEEPEST for found in self._within(node[key], (*place, key), depth)]
        numbers = all(self._is_number(node[key]) for key in direct)
        known = bool(place) and place[-1] in (*MODEL, *EMA)
        if direct and place and (known or not numbers):
            yield place  # dicts within it are parts of it
            return
        if direct and (not numbers or (not within and len(direct) == len(node))):
            yield place
        yield from within

    def _within(self, node: Mapping[Any, Any], place: Path_, depth: int) -> Iterator[Path_]:
        return self._candidates(node, place, depth + 1)

    def _parts(self, node: Mapping[Any, Any]) -> tuple[list[str], list[str]]:
        """Keys of a node's own tensors, and of its dicts that hold some."""
        named = {key: value for key, value in node.items() if isinstance(key, str)}
        direct = [key for key, value in named.items() if self._tensor_of(value) is not None]
        inner = [key for key, value in named.items() if not _is_training(key, value) and self.count(value)]
        if any(key in (*MODEL, *EMA) for key in inner):  # numpy's arrays beside a network are a history of scores
            direct = [key for key in direct if self._tensor_of(named[key]) is named[key]]
        return direct, inner

    def _is_number(self, value: Any) -> bool:
        info = getattr(self._tensor_of(value), "info", None)
        return info is not None and not info.shape

    def find(self, dotted: str) -> Path_ | None:
        """Place of a key, nested ones with dots between; keys may have dots themselves."""

        def look(node: Any, rest: str, place: Path_) -> Path_ | None:
            if not isinstance(node, Mapping) or len(place) > DEEPEST:
                return None
            if isinstance(node.get(rest), Mapping):
                return (*place, rest)
            self._spend(2 * len(node))
            inner = (key for key in node if isinstance(key, str) and rest.startswith(f"{key}."))
            found = (look(node[key], rest[len(key) + 1 :], (*place, key)) for key in inner)
            return next((one for one in found if one is not None), None)

        return look(self.root, dotted, ())

    def at(self, place: Path_) -> Any:
        """The node at a place."""
        node: Any = self.root
        for key in place:
            node = node[key]
        return node

    def taken(self, place: Path_, label: str | None, *, whole: bool) -> Chosen:
        """The part of the file that is taken if the network is the node at `place`, with or without the dicts in it."""
        chosen = Chosen({}, label)
        node: Any = self.root
        for i, key in enumerate(place):
            self._leave_out(chosen, {one: node[one] for one in node if one != key}, place[:i])
            node = node[key]
        self._take(chosen, node, (), place, whole, {id(node)})
        versions = stated_versions(getattr(node, "_metadata", None))
        chosen.versions = {one: held for one, held in versions.items() if not _is_told(one, held, chosen.tensors)}
        return chosen

    def _take(
        self, chosen: Chosen, node: Mapping[Any, Any], name: Path_, place: Path_, whole: bool, around: set[int]
    ) -> None:
        for key, value in node.items():
            tensor = self._tensor_of(value)
            full = ".".join((*name, key)) if isinstance(key, str) else ""
            self._spend(2 if tensor is None else NAMED_TENSOR, full)
            if isinstance(key, str) and tensor is not None and full not in chosen.tensors:
                chosen.tensors[full] = tensor
            elif isinstance(key, str) and is_extra_state(key) and not name:
                chosen.extra[full] = value
            elif (
                whole
                and isinstance(key, str)
                and self.count(value)
                and id(value) not in around
                and len(name) < DEEPEST
                and not _is_training(key, value)
            ):
                self._take(chosen, value, (*name, key), place, whole, {*around, id(value)})
            else:
                self._leave_out(chosen, {key: value}, (*place, *name))

    def _leave_out(self, chosen: Chosen, entries: Mapping[Any, Any], place: Path_) -> None:
        for key, value in entries.items():
            full = ".".join((*place, str(key)))
            self._spend(8, full)
            chosen.left_out[full] = self._why(key, value)

    def _spend(self, steps: int, name: str = "") -> None:
        self._allowance.spend(steps * STEP + 8 * len(name))

    def _why(self, key: Any, value: Any) -> str:
        if isinstance(key, str) and _is_training(key, value):
            return "state of the training run"
        if self._tensor_of(value) is not None:
            number = "a single number" if self._is_number(value) else "a tensor beside the network"
            return number if isinstance(key, str) else f"{number}, under a key that is no text"
        if isinstance(value, Mapping):
            held = self.count(value)
            return f"another set of {counted(held, 'tensor')}" if held else "a dict without tensors by name"
        if isinstance(value, list | tuple):
            self._spend(len(value))
            held = sum(self._tensor_of(one) is not None for one in value)
            return f"a list of {counted(held, 'tensor')} without names" if held else "a list without tensors"
        if value is None or isinstance(value, bool | int | float | complex):
            return "nothing" if value is None else "a number"
        return "text" if isinstance(value, str | bytes) else "settings"


def _is_plain(value: Any) -> bool:
    """Whether a value is a finite number of Python's."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_training(key: str, value: Any) -> bool:
    if not isinstance(value, Mapping | list | tuple):
        return False
    last = re.split("[.-]", key[-LONGEST_KEY:])[-1]
    return TRAINING.search(last) is not None or (isinstance(value, Mapping) and "param_groups" in value)


def _only(path: Path, candidates: list[Path_], tree: _Tree) -> Path_:
    if len(candidates) == 1:
        return candidates[0]
    roles = {_role(place, tree) for place in candidates}
    if roles == {"model", "ema"} and len(candidates) == 2:
        raise CheckpointError(
            f"{path} holds the network's own weights and their moving average (EMA), and nothing says which are meant: "
            "choose 'model' or 'ema'."
        ).mended_by(weights="model")
    raise CheckpointError(
        f"{path} holds several sets of weights, and nothing says which are meant: {_listed(candidates, tree)}; "
        f"'{ALL}' takes all of them as one network."
    ).mended_by(weights=_role(candidates[0], tree))


def _asked_for(path: Path, weights: str, candidates: list[Path_], tree: _Tree) -> Path_:
    if weights == ALL:
        return ()
    found = tree.find(weights)
    if found is not None and tree.count(tree.at(found)) and not (weights == "ema" and _is_lightning(tree)):
        return found
    by_role = [place for place in candidates if _role(place, tree) == weights]
    if by_role:
        order = {name: i for i, name in enumerate((*MODEL, *EMA))}
        return min(by_role, key=lambda place: order.get(place[-1] if place else "", -1))
    what = {"ema": "moving average of weights (EMA)", "model": "weights but their moving average (EMA)"}
    raise CheckpointError(
        f"{path} holds no {what.get(weights, f'dict of tensors under the key {shown(weights)}')}: "
        f"it holds {_listed(candidates, tree)}."
    ).mended_by(weights=_role(candidates[0], tree))


def _is_lightning(tree: _Tree) -> bool:
    return LIGHTNING_OWN in tree.root and tree.count(tree.root[LIGHTNING_OWN]) > 0


def _role(place: Path_, tree: _Tree) -> str:
    """The word by which a caller asks for a place: by its role if it is the only one of that, else by its keys."""
    if not place or (place == (LIGHTNING_OWN,) and _is_lightning(tree)):
        return "model"
    if place == ("state_dict",) and _is_lightning(tree):
        return "ema"
    if len(place) == 1:
        names = {"model": MODEL, "ema": EMA}
        role = next((role for role, known in names.items() if place[0] in known), None)
        if role and sum(tree.count(tree.root.get(name)) > 0 for name in names[role]) == 1:
            return role
    return ".".join(place)


def _listed(candidates: list[Path_], tree: _Tree) -> str:
    held = [
        f"{shown('.'.join(place)) if place else 'at the top'} ({counted(tree.count(tree.at(place)), 'tensor')})"
        for place in candidates[:NAMED]
    ]
    return ", ".join(held) + (f" and {len(candidates) - NAMED} more" if len(candidates) > NAMED else "")


def _is_told(module: str, version: Mapping[str, Any], tensors: Container[str]) -> bool:
    """Whether a file's tensors say what a version says: BatchNorm has a counter since its second, and nothing else new.

    So the same network has the same description in a format that keeps no versions.
    """
    counter = f"{module}.{COUNTER}" if module else COUNTER
    return version == {"version": 2} and counter in tensors


def _nothing(path: Path, content: Any) -> str:
    if isinstance(content, Mapping) and any(str(key).endswith(PACKED) for key in islice(content, 10_000)):
        return (
            f"{path} holds weights that PyTorch's quantisation packed into objects of its own, so radin cannot average "
            "them. Give the checkpoints from before, and quantise the soup."
        )
    held = f"keys {_keys(content)}" if isinstance(content, Mapping) and content else _type(content)
    return (
        f"{path} holds no tensors by name ({held}). Expected a state dict, or a training checkpoint with one under "
        f"{' or '.join(map(repr, MODEL[:2]))}; save torch.save(model.state_dict(), 'weights.pt')."
    )


def _type(content: Any) -> str:
    return "a tensor" if hasattr(content, "info") else type(content).__name__


def _keys(inside: Mapping[Any, Any]) -> str:
    return ", ".join(sorted(shown(str(key)) if isinstance(key, str | int) else "..." for key in islice(inside, NAMED)))
