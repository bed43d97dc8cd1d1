"""Gives a network the weights of a soup: the same tensors as `average` writes, without a file between.

There are two ways. `radin.weights.loader.load_strictly` is PyTorch's own, on tensors that `soup_tensors` makes.
`Filler` writes into the memory of the network's parameters, soup after soup: faster, and without memory of its own. It
knows nothing of hooks, caches and state outside the state dict, so `radin.evaluation.loading` uses it only for networks
that were seen to give the same outputs either way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from radin.checkpoints import Reader
from radin.recipe import Recipe, RecipeLike
from radin.weights.cuda_stream import stream
from radin.weights.loader import check_fit, memory_of, refuse_extra_state, refuse_shared_memory, tensors_in
from radin.weights.merge_plan import Step, as_recipe, check_policy
from radin.weights.mixer import Mixer, mixer_of
from radin.weights.pool import Pool
from radin.weights.tiling import TILE, Workspace, share_out, spans, tiles


class Filler:
    """Turns one network into soup after soup, without rebuilding it.

    Parameters and buffers keep their memory, device and dtype, so compiled graphs and tied parameters stay valid.

    Arguments:
        network: the network to fill; its state dict must fit the pool.
        pool: the ingredients.
        batchnorm: policy for BatchNorm's statistics; see [`average`][radin.weights.averaging.average].

    Raises:
        IncompatibleError: the network lacks a tensor of the pool, has one more, or another shape; or it has state that
            cannot be filled in place: lazy parameters, extra state, tensors that lie partly in the same memory.
        InputError: an unknown policy.
    """

    def __init__(self, network: nn.Module, pool: Pool, *, batchnorm: str = "average") -> None:
        check_policy(batchnorm)
        self.network = network
        self.pool = pool
        self.batchnorm = batchnorm
        check_fit(network, pool)
        refuse_extra_state(network)
        refuse_shared_memory(_targets(tensors_in(network, pool), pool))
        self._readers: dict[int, Reader] = {}

    def fill(self, recipe: Recipe | RecipeLike) -> nn.Module:
        """Gives the network the weights of the recipe's soup, bit for bit those of the file that `average` writes.

        Where the network's dtype is not the stored one, values are cast as `load_state_dict` casts them.

        Arguments:
            recipe: a recipe over the pool, or anything that `Recipe.of` takes.

        Returns:
            the network.

        Raises:
            InputError: the recipe does not fit the pool.
            CheckpointError: an ingredient holds NaN, or changed since the pool was made, also while it was read;
                the network's weights are then of no use.
            IncompatibleError: integer tensors differ, or an average overflows.
        """
        recipe = as_recipe(self.pool, recipe)
        readers = {i: self._reader(i) for i in recipe.members}
        with mixer_of(self.pool, recipe, batchnorm=self.batchnorm, readers=readers) as mixer:
            steps = {step.name: step for step in mixer.steps}
            targets = [
                (steps[name], tensor) for name, tensor in _targets(tensors_in(self.network, self.pool), self.pool)
            ]
            stream(mixer, [(step, tensor) for step, tensor in targets if tensor.is_cuda])
            others = [(step, tensor) for step, tensor in targets if not tensor.is_cuda]
            share_out(list(_host_jobs(others)), _HostSink(mixer))
            mixer.check_unchanged()
        return self.network

    def close(self) -> None:
        """Closes the ingredients' files; the next `fill` opens them again."""
        while self._readers:
            self._readers.popitem()[1].close()

    def _reader(self, i: int) -> Reader:
        if i not in self._readers:
            self._readers[i] = self.pool.reader(i)
        return self._readers[i]


def soup_tensors(
    pool: Pool,
    recipe: Recipe | RecipeLike,
    *,
    batchnorm: str = "average",
    replace: Mapping[str, Any] | None = None,
) -> dict[str, Tensor]:
    """The soup's tensors in memory, bit for bit those that `average` writes.

    Arguments:
        pool: the ingredients.
        recipe: a recipe over the pool, or anything that `Recipe.of` takes.
        batchnorm, replace: as for [`average`][radin.weights.averaging.average].

    Returns:
        `{name: tensor}` by the pool's names; tied names share one tensor.

    Raises:
        InputError, CheckpointError, IncompatibleError: as `average` raises them.
    """
    with mixer_of(pool, as_recipe(pool, recipe), batchnorm=batchnorm, replace=replace) as mixer:
        made = {step.name: torch.empty(step.info.shape, dtype=getattr(torch, step.info.dtype)) for step in mixer.steps}
        share_out(list(_host_jobs([(step, made[step.name]) for step in mixer.steps])), _HostSink(mixer))
        mixer.check_unchanged()
    return made | {name: made[kept] for name, kept in pool.aliases.items()}


def _targets(tensors: dict[str, Tensor], pool: Pool) -> list[tuple[str, Tensor]]:
    """`(pool's name, network's tensor)`, each memory once; the last name wins, as in `load_state_dict`."""
    last = {}
    for name, tensor in tensors.items():
        kept = pool.aliases.get(name, name)
        if kept in pool.tensors:
            last[memory_of(name, tensor)] = kept, tensor
    return list(last.values())


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
