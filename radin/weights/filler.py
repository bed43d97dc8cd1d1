"""Fills a network in place with a soup: the same tensors as `average` writes, without a file between."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import torch
from torch import Tensor, nn

from radin.checkpoints import Reader
from radin.checkpoints.names import normalise
from radin.errors import IncompatibleError
from radin.recipe import Recipe, RecipeLike
from radin.weights.cuda_stream import stream
from radin.weights.merge_plan import Step, as_recipe, check_policy
from radin.weights.mixer import Mixer
from radin.weights.pool import Pool
from radin.weights.tiling import TILE, Workspace, share_out, spans, tiles

#: What to do about a network that does not fit the files, where nothing better is known.
REBUILD = (
    "Build the network as it was for fine-tuning: in a task of your own, change the function that builds it; of a "
    "ready task, change arch=... (of open_clip also head=... and layout=...), or take another ready task."
)


class Filler:
    """Turns one network into soup after soup, without rebuilding it.

    Parameters and buffers keep their memory, device and dtype, so compiled graphs and tied parameters stay valid.

    Arguments:
        network: what is filled; its state dict must fit the pool.
        pool: the ingredients.
        batchnorm: what becomes of BatchNorm's statistics; see [`average`][radin.weights.averaging.average].

    Raises:
        IncompatibleError: the network lacks a tensor of the pool, has one more, or another shape.
        InputError: an unknown policy.
    """

    def __init__(self, network: nn.Module, pool: Pool, *, batchnorm: str = "average") -> None:
        check_policy(batchnorm)
        self.network = network
        self.pool = pool
        self.batchnorm = batchnorm
        _check_fit(_tensors(network, pool), pool)
        self._readers: dict[int, Reader] = {}

    def fill(self, recipe: Recipe | RecipeLike) -> None:
        """Gives the network the weights of the recipe's soup, bit for bit those of the file that `average` writes.

        Where the network's dtype is not the stored one, values are cast as `load_state_dict` casts them.

        Arguments:
            recipe: a recipe over the pool, or what `Recipe.of` takes.

        Raises:
            InputError: the recipe does not fit the pool.
            CheckpointError: an ingredient holds NaN, or changed since the pool was made, be it while it was read;
                the network's weights are then of no use.
            IncompatibleError: integer tensors differ, or an average overflows.
        """
        recipe = as_recipe(self.pool, recipe)
        readers = {i: self._reader(i) for i in recipe.members}
        with Mixer(self.pool, recipe, batchnorm=self.batchnorm, readers=readers) as mixer:
            steps = {step.name: step for step in mixer.steps}
            targets = [(steps[name], tensor) for name, tensor in _targets(_tensors(self.network, self.pool), self.pool)]
            streamed = [(step, tensor) for step, tensor in targets if tensor.is_cuda and step.action == "average"]
            stream(mixer, streamed)
            others = [(step, tensor) for step, tensor in targets if not (tensor.is_cuda and step.action == "average")]
            share_out(list(_host_jobs(others)), _HostSink(mixer))
            mixer.check_unchanged()

    def close(self) -> None:
        """Closes the ingredients' files; the next `fill` opens them again."""
        while self._readers:
            self._readers.popitem()[1].close()

    def _reader(self, i: int) -> Reader:
        if i not in self._readers:
            self._readers[i] = self.pool.reader(i)
        return self._readers[i]


def names_in(pool: Pool, network: nn.Module) -> dict[str, str]:
    """`{name in the network's state dict: the pool's name for it}`.

    A prefix that all of the network's names have, such as `model.` in a LightningModule, is taken off where the
    pool's do not have it.
    """
    held = [name for name, value in network.state_dict().items() if isinstance(value, Tensor)]
    short = normalise(held, "the network")
    known = pool.tensors.keys() | pool.aliases.keys()
    bare = {name: rest.partition(".")[2] for name, rest in short.items()}
    one_top = len({rest.partition(".")[0] for rest in short.values()}) == 1
    return bare if one_top and known.isdisjoint(short.values()) and known <= set(bare.values()) else short


def _tensors(network: nn.Module, pool: Pool) -> dict[str, Tensor]:
    """The network's tensors, by the pool's names."""
    state = network.state_dict()
    return {rest: state[name] for name, rest in names_in(pool, network).items()}


def _memory(name: str, tensor: Tensor) -> object:
    """Equal for the names of tied tensors."""
    if tensor.numel() == 0:
        return name
    return tensor.device, tensor.data_ptr(), tuple(tensor.shape), tensor.stride()


def _targets(tensors: dict[str, Tensor], pool: Pool) -> list[tuple[str, Tensor]]:
    """`(pool's name, network's tensor)`, each memory once; the last name wins, as in `load_state_dict`."""
    last = {}
    for name, tensor in tensors.items():
        kept = pool.aliases.get(name, name)
        if kept in pool.tensors:
            last[_memory(name, tensor)] = kept, tensor
    return list(last.values())


def _check_fit(tensors: dict[str, Tensor], pool: Pool) -> None:
    file = pool.paths[0]
    filled = {pool.aliases.get(name, name) for name in tensors}
    unexpected = next((name for name in pool.tensors if name not in filled), None)
    if unexpected is not None:
        raise IncompatibleError(f"tensor {unexpected!r} is in {file}, but not in the network. {_advice(tensors, pool)}")
    present = {name for name in tensors if pool.aliases.get(name, name) in pool.tensors}
    covered = {_memory(name, tensors[name]) for name in present}
    for name, tensor in tensors.items():
        if name not in present and _memory(name, tensor) not in covered:
            raise IncompatibleError(
                f"tensor {name!r} is in the network, but not in {file}. {_of_clip(tensors, pool) or REBUILD}"
            )
    shapes = {name: (pool.tensors[pool.aliases.get(name, name)].shape, tuple(tensors[name].shape)) for name in present}
    wrong = {name: shapes[name] for name in tensors if name in present and shapes[name][0] != shapes[name][1]}
    if wrong:
        name, (expected, got) = next(iter(wrong.items()))
        raise IncompatibleError(
            f"tensor {name!r}: shape {list(expected)} in {file}, but {list(got)} in the network. {_remedy(wrong)}"
        )


def _remedy(wrong: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]) -> str:
    """What to do about shapes that differ, those of the file first: only the number of classes may be another."""
    first = {(*expected[:1], *got[:1]) for expected, got in wrong.values()}
    if len(first) > 1 or any(not (a and b) or a[1:] != b[1:] for a, b in wrong.values()):
        return REBUILD
    there, here = first.pop()
    return (
        f"Nothing else differs, so these may be heads of {there} and of {here} classes: build the network for {there}. "
        "A ready task has as many classes as its data, unless told with classes=FILE, a list of all that the head has, "
        f"in the order of its outputs, or with num_classes={there}."
    )


def _advice(tensors: dict[str, Tensor], pool: Pool) -> str:
    """What to do about a file with other names than the network's: all of these may stand under one prefix."""
    of_clip = _of_clip(tensors, pool)
    if of_clip:
        return of_clip
    known = pool.tensors.keys() | pool.aliases.keys()
    first = next(iter(tensors), "")
    for prefix in (name.removesuffix(first) for name in known if name.endswith(f".{first}")):
        if all(prefix + name in known for name in tensors):
            return f"All that the network has is in the file under {prefix!r}: say --prefix {prefix}"
    return REBUILD


def _of_clip(tensors: dict[str, Tensor], pool: Pool) -> str:
    """What to do about weights of a CLIP that the task open_clip takes, but with other options; nothing if not so."""
    there, here = _clip_options(pool.tensors.keys() | pool.aliases.keys()), _clip_options(tensors)
    if not there or not here or there == here:
        return ""
    return (
        f"The file has the names of a task open_clip with {there}, the network those of one with {here}: say {there}."
    )


def _clip_options(names: Collection[str]) -> str:
    """With which `head` and `layout` the task open_clip builds a network of such names; nothing if with none."""
    clip = {name for name in names if not name.startswith("classification_head.")}
    head, top = ("zero-shot", "") if len(clip) == len(names) else ("checkpoint", "model.")
    if not any(name.startswith(f"{top}visual.") for name in clip):
        return ""
    if all(name.startswith(f"{top}visual.") for name in clip):
        return f"head={head} layout=image"
    partial = top and not any(name.startswith(f"{top}transformer.") for name in clip)
    return f"head={head} layout={'model-soups' if partial else 'whole'}"


_HostJob = tuple[Step, Tensor, list[tuple[int, int]]]


def _host_jobs(targets: list[tuple[Step, Tensor]]) -> Iterator[_HostJob]:
    for step, tensor in targets:
        if tensor.is_cpu and tensor.is_contiguous():
            yield from ((step, tensor, span) for span in spans(step.info.numel))
        else:
            yield step, tensor, list(tiles(step.info.numel))


class _HostSink:
    """Mixes straight into the network's memory where that has the stored dtype, else into a stage beside it."""

    def __init__(self, mixer: Mixer) -> None:
        self._mixer = mixer

    def __call__(self, job: _HostJob, space: Workspace) -> None:
        step, tensor, pieces = job
        if tensor.is_cpu and tensor.is_contiguous():
            self._fill(step, tensor.view(-1), pieces, space)
        else:
            whole = torch.empty(step.info.shape, dtype=getattr(torch, step.info.dtype))
            self._fill(step, whole.view(-1), pieces, space)
            tensor.copy_(whole)

    def _fill(self, step: Step, flat: Tensor, pieces: list[tuple[int, int]], space: Workspace) -> None:
        stored = getattr(torch, step.info.dtype)
        width = step.info.kind.itemsize
        if flat.dtype == stored:
            memory = flat.view(torch.uint8).numpy()
            for start, stop in pieces:
                self._mixer.tile(step, start, stop, space, out=memory[start * width : stop * width])
            return
        stage = torch.empty(TILE, dtype=stored)
        memory = stage.view(torch.uint8).numpy()
        for start, stop in pieces:
            count = stop - start
            self._mixer.tile(step, start, stop, space, out=memory[: count * width])
            flat[start:stop].copy_(stage[:count])
