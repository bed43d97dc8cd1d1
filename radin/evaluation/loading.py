"""The network of each recipe, as a user would load it: the fast way of filling one has to prove itself."""

from __future__ import annotations

import copy
import gc
import sys
import weakref
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from types import MappingProxyType
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float32
from torch import nn

from radin.adapters.network import AdapterFiller, with_adapter
from radin.adapters.pool import AdapterPool
from radin.common.out_of_memory import is_out_of_memory
from radin.errors import CheckpointError, IncompatibleError, TaskError
from radin.evaluation.batchnorm import restore_statistics
from radin.evaluation.finite_outputs import last_layer_of, refuse_probabilities
from radin.evaluation.loading_facts import AFRESH, IN_PLACE, PROBABILITIES, SAME, Facts, LoadingFacts
from radin.evaluation.same_outputs import difference, tolerance
from radin.recipe import Recipe
from radin.scoring.kinds import Choices
from radin.tasks.data import Batch
from radin.tasks.outputs import Fetch
from radin.tasks.task import Task
from radin.weights.filler import Filler, soup_tensors
from radin.weights.loader import check_fit, load_strictly, named_for, names_in
from radin.weights.merge_plan import same_weights
from radin.weights.pool import Pool

#: Times the difference of two passes of one network at which another network counts as equal. Chosen by hand: of two
#: differences of one distribution, one is seldom four times the other, and a wrong guess costs time alone.
ALLOWANCE = 4.0

#: Samples from all over the data that are run where the outputs of the first batch look like probabilities.
SPREAD = 256

T = TypeVar("T")

EMPTY: Mapping[str, np.ndarray] = MappingProxyType({})


@runtime_checkable
class Halving(Protocol):
    """Finds the batch size that fits in memory, see `radin.evaluation.batch_size.BatchSize`."""

    def halving(self, what: str, run: Callable[[int], T]) -> T:
        """Calls a function with a batch size, again with a smaller one where memory runs out."""


class Networks:
    """Gives the task's network the weights of one recipe after another; there is one network at a time.

    Loading is right by definition: a new network of `build_model`, given the soup's tensors by the task's `load`, by
    default `load_state_dict(strict=True)`. Filling one network in place, again and again, is faster. It is done where
    `prove` saw that an ingredient, filled after another one was run, gives the outputs that it gives when loaded.

    Arguments:
        task: builds, loads and runs networks.
        pool: the ingredients.
        batchnorm: policy for BatchNorm statistics of soups, see `radin.weights.averaging.average`.
        batch: finds the batch size that fits in memory.
        facts: remember the proof for later processes: a ledger.
        averages: gives a pool and a recipe over it whose soup is that of a recipe; another process may have averaged it
            already. By default the pool and the recipe themselves.
    """

    def __init__(
        self,
        task: Task,
        pool: Pool,
        *,
        batchnorm: str,
        batch: Halving,
        facts: Facts,
        averages: Callable[[Recipe], tuple[Pool, Recipe]] | None = None,
    ) -> None:
        self.task, self.pool, self.batchnorm = task, pool, batchnorm
        self._batch, self._averages, self._facts = batch, averages, LoadingFacts(facts, task)
        self._network: nn.Module | None = None
        self._handed_out: nn.Module | None = None
        self._built = False
        self._filler: Filler | AdapterFiller | None = None
        self._proven: bool | None = None

    @property
    def network(self) -> nn.Module:
        """The network as it is now; before the first recipe, that of the first ingredient.

        Raises:
            IncompatibleError: the network does not take the pool's tensors.
        """
        if self._network is None:
            self._network = self._loaded(self._single(0))
        return self._network

    def build(self) -> None:
        """Makes the network of the first ingredient, if there is none yet.

        Raises:
            IncompatibleError: the network does not take the pool's tensors.
        """
        _ = self.network

    @property
    def in_place(self) -> bool:
        """Whether networks are filled in place; decided by `prove`."""
        self.prove()
        return bool(self._proven)

    @property
    def remarks(self) -> tuple[str, ...]:
        """Facts about loading that a reader of the results should know."""
        said = self.pool.notes if isinstance(self.pool, AdapterPool) else ()
        said += self._facts.remarks
        return (*said, AFRESH) if self._proven is False and len(self.pool) > 1 else said

    def filled(self, recipe: Recipe, statistics: Mapping[str, np.ndarray] | None = None) -> nn.Module:
        """The network of a recipe, on the task's device.

        Arguments:
            recipe: over the pool.
            statistics: BatchNorm statistics by the network's names, in place of the soup's own.
        """
        self.prove()
        if self._filler is None:
            given = {} if statistics is None else self.by_pool_names(statistics)
            self._drop()
            self._network = self._loaded(recipe, given)
            return self._network
        self._network = self._filled_in_place(self._filler, recipe)
        if statistics is not None:
            restore_statistics(self.network, statistics)
        return self.network

    def _filled_in_place(self, filler: Filler | AdapterFiller, recipe: Recipe) -> nn.Module:
        source, mixed = self._source(recipe)
        if source is not self.pool:
            other = Filler(self.network, source, batchnorm=self.batchnorm)
            with suppress(CheckpointError, OSError), closing(other):  # removed just now, for newer soups
                return other.fill(mixed)
        return filler.fill(recipe)

    def _tensors(self, recipe: Recipe, replace: Mapping[str, Any] | None) -> dict[str, torch.Tensor]:
        """The tensors of a soup, on the CPU."""
        source, mixed = self._source(recipe)
        if source is not self.pool:
            with suppress(CheckpointError, OSError):  # likewise
                return soup_tensors(source, mixed, batchnorm=self.batchnorm, replace=replace)
        return soup_tensors(self.pool, recipe, batchnorm=self.batchnorm, replace=replace)

    def _source(self, recipe: Recipe) -> tuple[Pool, Recipe]:
        """The pool that a soup is read from, and the recipe over it."""
        return (self.pool, recipe) if self._averages is None else self._averages(recipe)

    def with_statistics(self, recipe: Recipe, statistics: Mapping[str, np.ndarray]) -> nn.Module:
        """The network that `filled` just gave, with other BatchNorm statistics."""
        if self._filler is None:
            return self.filled(recipe, statistics)
        restore_statistics(self.network, statistics)
        return self.network

    def prove(self) -> None:
        """Decides, once for the task's code, whether networks may be filled in place. Charged nowhere.

        It costs one more network than the run needs, and four passes over the first batch. Labels are compared with the
        number of classes on the way.

        Raises:
            IncompatibleError: the network does not take the pool's tensors.
            TaskError: the network is not deterministic, or `build_model` returns another network each time.
            DataError: labels out of range.
        """
        if self._proven is not None:
            return
        proven = self._facts.known(IN_PLACE)
        if len(self.pool) == 1:
            proven = self._tried()
        elif proven is None:
            proven = self._tried()
            self._facts.note(IN_PLACE, proven)
        if proven:
            self._filler = self._as_filler()
        self._proven = self._filler is not None

    def _tried(self) -> bool:
        """Whether an ingredient filled after another one was run gives the outputs that it gives when loaded."""
        inputs = self._first_batch()
        first, again = self._run(self.network, inputs), self._run(self.network, inputs)
        noise = difference(first, again)
        self._refuse_noise(first, noise)
        self._check_labels(first.shape[1:])
        self._refuse_probabilities(first)
        if len(self.pool) == 1:
            return False
        other, filler, filled = self._single(1), self._as_filler(), None
        if filler is not None:
            try:
                self._network = filler.fill(other)
                filled = self._run(self.network, inputs)
            except (RuntimeError, ValueError) as error:  # memory that cannot be written to in place
                if is_out_of_memory(error):
                    raise
        del filler
        self._drop()
        self._network = self._loaded(other)
        loaded = self._run(self.network, inputs)
        self._facts.note(SAME, np.array_equal(first, loaded) and not same_weights(self.pool, 0, 1))
        if filled is not None and difference(filled, loaded) <= ALLOWANCE * noise:
            return True
        self._drop()
        self._network = self._loaded(other)
        self._refuse_another_network(loaded, self._run(self.network, inputs))
        return False

    def _as_filler(self) -> Filler | AdapterFiller | None:
        try:
            if isinstance(self.pool, AdapterPool) and not self.pool.merge:
                return AdapterFiller(self.network, self.pool, batchnorm=self.batchnorm)
            return Filler(self.network, self.pool, batchnorm=self.batchnorm)
        except IncompatibleError:  # other names than the state dict's, which its hooks took when it was loaded
            return None

    def _loaded(self, recipe: Recipe, replace: Mapping[str, np.ndarray] = EMPTY) -> nn.Module:
        """A new network with the weights of a recipe, loaded as the task loads them."""
        if isinstance(self.pool, AdapterPool) and not self.pool.merge:
            how: dict[str, Any] = {"batchnorm": self.batchnorm, "replace": replace}
            return self.task.ready(with_adapter(self._base(self.pool), self.pool, recipe, **how))
        tensors = self._tensors(recipe, replace)

        def load(network: nn.Module) -> None:
            if self.task.load is None:
                load_strictly(network, self.pool, tensors)
            else:
                self._by_hook(network, named_for(network, self.pool, tensors))

        network = self._fresh()
        load(network)
        return self.task.ready(network)

    def _base(self, pool: AdapterPool) -> nn.Module:
        """A new network with the weights of the adapters' base.

        A task that builds networks with any weights has a `load`, by which it gets those of the base's files.
        """
        network = self._fresh()
        if self.task.load is not None and pool.base.place is not None:
            base = pool.base.pool()
            try:
                self.task.load_into(network, named_for(network, base, base.state_dict(0)))
            except IncompatibleError as error:
                raise IncompatibleError(f"{base.paths[0]}: {error.message}").mended_by(**error.mend) from error
        return network

    def _by_hook(self, network: nn.Module, tensors: dict[str, Any]) -> None:
        try:
            self.task.load_into(network, tensors)
        except IncompatibleError as error:
            raise IncompatibleError(f"{self.pool.paths[0]}: {error.message}").mended_by(**error.mend) from error
        except TaskError:
            check_fit(network, self.pool)  # where names or shapes are at fault, it says which
            raise

    def by_pool_names(self, statistics: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """BatchNorm statistics by the names that the pool's files give them.

        Raises:
            IncompatibleError: the files have other names for them, so recomputed ones could not be written.
        """
        names = names_in(self.pool, self.network)
        strange = [name for name in statistics if names.get(name) not in self.pool.tensors]
        if strange:
            raise IncompatibleError(
                f"the BatchNorm statistics {strange[0]!r} of the network have another name in the files, or none, so "
                "recomputed ones cannot be written to the soup."
            ).mended_by(batchnorm="average")
        return {names[name]: values for name, values in statistics.items()}

    def _fresh(self) -> nn.Module:
        """A network that was never run here; a copy of it where `build_model` hands out one and the same each time."""
        if self._handed_out is None:
            network, holders = _with_holders(self.task.build)
            if self._built or holders <= _with_holders(nn.Module)[1] or self.task.build() is not network:
                self._built = True
                return network
            self._handed_out = network
        try:
            return copy.deepcopy(self._handed_out)
        except Exception as error:  # modules copy themselves as they like
            raise TaskError(
                "build_model returns one and the same network each time, and it cannot be copied "
                f"({type(error).__name__}: {error}); return a new network each time"
            ) from error

    def _drop(self) -> None:
        """Lets go of the network, so that the next one finds its memory free."""
        alive = None if self._network is None else weakref.ref(self._network)
        self._network = self._filler = None
        if alive is not None and alive() is not None:  # a network in a circle of references; collecting takes long
            gc.collect()

    def _single(self, i: int) -> Recipe:
        return Recipe.subset(self.pool.names, [i])

    def _first_batch(self) -> Batch:
        with closing(self.task.rows.labelled()) as batches:
            return next(batches)

    def _run(self, network: nn.Module, inputs: Batch) -> Float32[np.ndarray, "b ..."]:
        """Outputs on the first batch."""

        def run(size: int) -> Float32[np.ndarray, "b ..."]:
            self.task.prepare_network(network)
            return Fetch(self.task.outputs_of(network, inputs, 0, size)).wait()

        return self._batch.halving("the first batch", run)

    def _refuse_noise(self, logits: Float32[np.ndarray, "b ..."], noise: float) -> None:
        if noise > tolerance(self.network, self.task) * max(1.0, float(np.abs(logits).max())):
            raise TaskError(
                f"the network is not deterministic: two passes over the first batch differ by {noise:.3g}, so scores "
                "would be chance. Switch off what is random or changes from call to call: functional dropout, noise, "
                "running averages"
            )

    def _refuse_probabilities(self, first: Float32[np.ndarray, "b ..."]) -> None:
        """Refuses outputs that must be probabilities, and notes that they may be.

        The first batch may be of one class, so others are run where it looks like probabilities.
        """
        rows, outputs = self.task.rows, first
        if last_layer_of(rows.kind, first) and rows.can_choose:
            places = np.unique(np.linspace(0, len(rows) - 1, SPREAD, dtype=np.int64))

            def run(size: int) -> Float32[np.ndarray, "b ..."]:
                return rows.kind.join(list(self.task.logits(self.network, rows, size, places)))

            outputs = self._batch.halving("samples of the data", run)
        refuse_probabilities(rows.kind, outputs)
        self._facts.note(PROBABILITIES, bool(last_layer_of(rows.kind, outputs)))

    def _refuse_another_network(self, one: Float32[np.ndarray, "b ..."], other: Float32[np.ndarray, "d ..."]) -> None:
        apart = difference(one, other)
        if apart > tolerance(self.network, self.task) * max(1.0, float(np.abs(one).max())):
            raise TaskError(
                "build_model returns another network each time: two of them, loaded with the same weights, differ by "
                f"{apart:.3g} on the first batch. Something that the files do not hold is random or changes "
                "between networks: save it with the weights, or seed it in build_model"
            )

    def _check_labels(self, shape: tuple[int, ...]) -> None:
        """Refuses labels that the network has no output for, before anything is charged."""
        for rows in (self.task.rows, *self.task.tests.values()):
            # Batches of choices may have different numbers of these, so each is checked when it is run.
            if rows.columns is None and not isinstance(rows.kind, Choices):
                rows.kind.check_labels(rows.labels, shape, "the network")


def _with_holders(build: Callable[[], nn.Module]) -> tuple[nn.Module, int]:
    """A network, and how many references to it there are: more than to a new module where someone keeps it."""
    network = build()
    return network, sys.getrefcount(network)
