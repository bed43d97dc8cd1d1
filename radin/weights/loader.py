"""Whether a network takes the pool's tensors, under which names, and PyTorch's own way of loading them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Any

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from radin.checkpoints.names import is_extra_state, module_names, normalise
from radin.checkpoints.stored import extent
from radin.errors import IncompatibleError
from radin.weights.pool import Pool

#: The remedy for a network that does not fit the files, where nothing better is known.
REBUILD = (
    "Build the network as it was for fine-tuning: in a task of your own, change the function that builds it; of a "
    "ready task, change arch=..., or take another ready task."
)

#: Characters of PyTorch's own message that are quoted: it lists every tensor of the network.
QUOTED = 400


def load_strictly(network: nn.Module, pool: Pool, tensors: Mapping[str, Tensor]) -> None:
    """Loads a soup's tensors with `load_state_dict(strict=True)`, into the network or the one that it wraps.

    Arguments:
        network: changed in place.
        pool: the ingredients, for names and messages.
        tensors: by the pool's names, as `soup_tensors` gives them.

    Raises:
        IncompatibleError: the network does not take them; says which tensor is at fault, as far as can be told.
    """
    try:
        network.load_state_dict(_versioned(network, pool, named_for(network, pool, tensors)), strict=True)
        return
    except Exception as error:  # hooks raise whatever they like
        refusal = error
    for inner in _wrapped(network):  # the names may be older ones, which the inner network's hooks bring up to date
        with suppress(Exception):
            inner.load_state_dict(_versioned(inner, pool, named_for(inner, pool, tensors)), strict=True)
            return
    check_fit(network, pool)
    raise IncompatibleError(
        f"{pool.paths[0]}: the network's load_state_dict does not take its tensors ({type(refusal).__name__}: "
        f"{_shortened(str(refusal))}). Build the network as it was for fine-tuning; where a script of your own loads "
        "such files, pass its function as load=(network, tensors) -> None to the task."
    ) from refusal


def _versioned(network: nn.Module, pool: Pool, named: dict[str, Any]) -> OrderedDict[str, Any]:
    """A state dict with the modules' versions where PyTorch's own have them."""
    state = OrderedDict(named)
    modules = module_names({short: name for name, short in names_in(pool, network).items()})
    versions = {modules[one]: dict(held) for one, held in pool.versions.items() if one in modules}
    if versions:
        state._metadata = versions  # type: ignore[attr-defined]
    return state


def named_for(network: nn.Module, pool: Pool, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """A soup's tensors, and the modules' extra state, by the names that the network's `load_state_dict` expects.

    Names that the network does not have stay as they are: its hooks may know them. Of tied names, those that the
    network lacks are left out where it has another, and those that the file lacks are given.

    Arguments:
        network: gives the names.
        pool: the ingredients.
        tensors: by the pool's names.
    """
    state = network.state_dict()
    known = names_in(pool, network)
    theirs = {short: name for name, short in known.items()}
    held = {pool.aliases.get(short, short) for short in theirs}
    named: dict[str, Any] = {theirs.get(name, name): value for name, value in pool.extra_state.items()}
    named |= {
        theirs.get(name, name): tensor
        for name, tensor in tensors.items()
        if name in theirs or pool.aliases.get(name, name) not in held
    }
    for group in _tied(network):
        given = next((named[name] for name in group if name in named), None)
        if given is not None:
            named |= {name: given for name in group if name in state and name not in named}
    counters = {name: value for name, value in state.items() if isinstance(value, Tensor) and name not in known}
    return named | {name: value for name, value in counters.items() if name not in named}  # those of wrappers


def names_in(pool: Pool, network: nn.Module) -> dict[str, str]:
    """`{name in the network's state dict: the pool's name for it}`.

    A prefix that all of the network's names have, such as `model.` in a LightningModule or `wrapper.net.`, is taken off
    where the pool's names do not have it.
    """
    state = network.state_dict()
    held = [name for name, value in state.items() if isinstance(value, Tensor) or is_extra_state(name)]
    short = normalise(held, "the network")
    known = pool.tensors.keys() | pool.aliases.keys() | pool.extra_state.keys()
    if not known.isdisjoint(short.values()):
        return short
    bare = short
    while len({rest.partition(".")[0] for rest in bare.values()}) == 1 and all("." in rest for rest in bare.values()):
        bare = {name: rest.partition(".")[2] for name, rest in bare.items()}
        if known <= set(bare.values()):
            return bare
    return short


def _wrapped(network: nn.Module) -> Iterator[nn.Module]:
    """The networks inside a network that hold all of its tensors, the outermost first."""
    while True:
        tops = {name.partition(".")[0] for name in network.state_dict()}
        child = network._modules.get(tops.pop()) if len(tops) == 1 else None
        if child is None:
            return
        yield child
        network = child


def _tied(network: nn.Module) -> list[list[str]]:
    """Names of parameters and buffers that are one object, group by group."""
    groups: dict[int, list[str]] = {}
    for name, one in (
        *network.named_parameters(remove_duplicate=False),
        *network.named_buffers(remove_duplicate=False),
    ):
        groups.setdefault(id(one), []).append(name)
    return [names for names in groups.values() if len(names) > 1]


def _shortened(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= QUOTED else f"{flat[:QUOTED]} ..."


def tensors_in(network: nn.Module, pool: Pool) -> dict[str, Tensor]:
    """The network's tensors, by the pool's names."""
    state = network.state_dict()
    return {rest: state[name] for name, rest in names_in(pool, network).items() if isinstance(state[name], Tensor)}


def memory_of(name: str, tensor: Tensor) -> object:
    """A key that is equal for the names of tied tensors."""
    if tensor.numel() == 0:
        return name
    return tensor.device, tensor.data_ptr(), tuple(tensor.shape), tensor.stride()


def check_fit(network: nn.Module, pool: Pool) -> None:
    """Refuses a network whose state dict has other names or shapes than the pool, or cannot be filled in place.

    Raises:
        IncompatibleError: says which tensor, and the remedy.
    """
    tensors, file = tensors_in(network, pool), pool.paths[0]
    _check_other_state(network, pool)
    filled = {pool.aliases.get(name, name) for name in tensors}
    unexpected = next((name for name in pool.tensors if name not in filled), None)
    if unexpected is not None:
        message, prefix = f"tensor {unexpected!r} is in {file}, but not in the network.", _prefix(tensors, pool)
        if prefix:
            held = f"{message} All that the network has is in the file under {prefix!r}."
            raise IncompatibleError(held).mended_by(prefix=prefix.rstrip("."))
        raise IncompatibleError(f"{message} {REBUILD}")
    present = {name for name in tensors if pool.aliases.get(name, name) in pool.tensors}
    covered = {memory_of(name, tensors[name]) for name in present}
    for name, tensor in tensors.items():
        if name not in present and memory_of(name, tensor) not in covered:
            raise IncompatibleError(f"tensor {name!r} is in the network, but not in {file}. {REBUILD}")
    shapes = {name: (pool.tensors[pool.aliases.get(name, name)].shape, tuple(tensors[name].shape)) for name in present}
    wrong = {name: shapes[name] for name in tensors if name in present and shapes[name][0] != shapes[name][1]}
    if wrong:
        name, (expected, got) = next(iter(wrong.items()))
        differ = f"tensor {name!r}: shape {list(expected)} in {file}, but {list(got)} in the network."
        raise _misshapen(differ, wrong)


def _check_other_state(network: nn.Module, pool: Pool) -> None:
    """Refuses a network with parameters without a shape, or with other extra state than the files."""
    state, names = network.state_dict(), names_in(pool, network)
    here = {names.get(name, name) for name, value in state.items() if _is_other(name, value)}
    for name in sorted(here ^ pool.extra_state.keys()):
        places = (
            ("in the network", f"in {pool.paths[0]}") if name in here else (f"in {pool.paths[0]}", "in the network")
        )
        raise IncompatibleError(
            f"a module's extra state {name!r} is {places[0]}, but not {places[1]}. Where the network can do without, "
            "pass load=(network, tensors) -> None to the task, which loads what there is."
        )
    lazy = next((name for name, value in state.items() if is_lazy(value)), None)
    if lazy is not None:
        raise IncompatibleError(f"tensor {lazy!r} of the network has no shape before the network was run or loaded")


def refuse_extra_state(network: nn.Module) -> None:
    """Refuses a network that keeps state which is no tensor, and so cannot be filled in place."""
    name = next((name for name, value in network.state_dict().items() if _is_other(name, value)), None)
    if name is not None:
        raise IncompatibleError(
            f"a module's extra state {name!r} is no tensor, so the network cannot be filled in place"
        )


def refuse_shared_memory(targets: Sequence[tuple[str, Tensor]]) -> None:
    """Refuses tensors of a network that lie partly in the same memory, such as a weight tied to its own transpose.

    The order in which they are written decides what they hold, and several are written at once. Memory from a tensor's
    first element to its last counts as its own, so interleaved views are refused as well.

    Arguments:
        targets: `(name, tensor)`; tied tensors of one shape once.
    """
    places = sorted(
        (str(one.device), one.data_ptr(), _bytes_between(one), name) for name, one in targets if one.numel()
    )
    for (device, start, length, name), (there, other, _, tied) in pairwise(places):
        if device == there and other < start + length:
            raise IncompatibleError(
                f"tensors {name!r} and {tied!r} of the network share memory, so the network cannot be filled in place"
            )


def _bytes_between(tensor: Tensor) -> int:
    return extent(tensor.shape, tensor.stride()) * tensor.element_size()


def _is_other(name: str, value: object) -> bool:
    return is_extra_state(name) and not isinstance(value, Tensor)


def _misshapen(differ: str, wrong: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]) -> IncompatibleError:
    """The error of shapes that differ, those of the file first: perhaps the number of classes alone is another."""
    first = {(*expected[:1], *got[:1]) for expected, got in wrong.values()}
    if len(first) > 1 or any(not (a and b) or a[1:] != b[1:] for a, b in wrong.values()):
        return IncompatibleError(f"{differ} {REBUILD}")
    there, here = first.pop()
    return IncompatibleError(
        f"{differ} Nothing else differs, so these may be heads of {there} and of {here} classes: build the network for "
        f"{there}. A ready task has as many classes as its data, unless it is given a list of all classes of the head, "
        f"in the order of its outputs, or num_classes={there}."
    ).mended_by(classes="FILE")


def _prefix(tensors: dict[str, Tensor], pool: Pool) -> str:
    """The prefix under which the file has all that the network has; empty if there is none."""
    known = pool.tensors.keys() | pool.aliases.keys()
    first = next(iter(tensors), "")
    prefixes = (name.removesuffix(first) for name in known if name.endswith(f".{first}"))
    return next((prefix for prefix in prefixes if all(prefix + name in known for name in tensors)), "")
