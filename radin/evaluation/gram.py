"""Dispersion: the distance between the members of a recipe, in weights and in logits, from one Gram matrix.

To second order a soup differs from its ensemble by a term in `Σ wᵢ‖θᵢ − θ̄‖²` (see `docs/method.md`). All pairs of
ingredients are read once; then any recipe costs N² operations, whatever the size of the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float64

from radin.adapters.pool import AdapterPool
from radin.adapters.similarity import update_products
from radin.checkpoints.dtypes import TensorInfo, widen
from radin.common.array_folder import ArrayFolder
from radin.common.progress import SILENT, Progress
from radin.errors import IncompatibleError, InputError
from radin.recipe import as_proposals, mixing_weights
from radin.weights.merge_plan import STATISTICS
from radin.weights.tiling import TILE

if TYPE_CHECKING:
    from radin.evaluation.keys import Keys
    from radin.evaluation.verifier import Verifier
    from radin.scoring.logit_bank import LogitBank
    from radin.weights.pool import Pool

#: Values of all ingredients that are held at once: 32 MiB of float64. Tiles get shorter as pools get larger.
VALUES = 1 << 22

#: Ingredients that a run compares pair by pair, at most, since matrices and time grow with the square; of larger pools
#: it compares the members of the recipes in question. Chosen by hand: matrices of 8 MB.
MOST = 1_000


@dataclass(frozen=True)
class Gram:
    """Inner products `G[i, j] = ⟨xᵢ − c, xⱼ − c⟩` of ingredients' weights or logits, with one origin `c` for all.

    Distances and dispersions are the same for every origin; cosines are not.

    Attributes:
        names: the ingredients' names, in pool order.
        matrix: `float64[n, n]`. Rows and columns of ingredients that are not finite are NaN.
        origin: the meaning of `c`: `mean` of finite ingredients, or `pretrained`.
        absolute: of weights, `⟨xᵢ, xⱼ⟩` itself, over the tensors that tell whether two networks had one start:
            matrices, without the values that all share. Vectors are left out, as gains of normalisation start at 1 in
            every network.
    """

    names: tuple[str, ...]
    matrix: Float64[np.ndarray, "n n"]
    origin: str = "mean"
    absolute: Float64[np.ndarray, "n n"] | None = None

    def dispersion(self, weights: Any) -> Float64[np.ndarray, " k"]:
        """`Σᵢ wᵢ‖xᵢ − x̄‖²` with `x̄ = Σᵢ wᵢxᵢ`, which is `diag(G)·w − wᵀGw`.

        Arguments:
            weights: `k` recipes, `bool[k, n]` masks or `float[k, n]` mixing weights.

        Returns:
            one value for each recipe, ≥ 0; 0 for a single ingredient, NaN if a member is not finite.
        """
        rows = mixing_weights(as_proposals(weights, len(self.names)))
        broken = ~self.finite
        matrix = np.where(broken[:, None] | broken[None, :], 0.0, self.matrix)
        spread = np.maximum(rows @ np.diag(matrix) - ((rows @ matrix) * rows).sum(axis=1), 0.0)
        spread[(rows > 0).sum(axis=1) == 1] = 0.0  # without the rounding error of the difference
        spread[(rows[:, broken] > 0).any(axis=1)] = np.nan
        return spread

    def seen_from(self, group: Bool[np.ndarray, " n"]) -> Gram:
        """The same with the mean of some finite ingredients as origin."""
        centring = np.eye(len(self.names)) - group / group.sum()
        known = np.where(self.finite[:, None] & self.finite[None, :], self.matrix, 0.0)
        matrix = centring @ known @ centring.T
        matrix[~self.finite, :] = matrix[:, ~self.finite] = np.nan
        return Gram(self.names, matrix, "mean", self.absolute)

    @property
    def finite(self) -> Bool[np.ndarray, " n"]:
        """Mask of the ingredients that are finite."""
        return np.isfinite(np.diag(self.matrix))

    @cached_property
    def norms(self) -> Float64[np.ndarray, " n"]:
        """`‖xᵢ − c‖`: the length of each ingredient's update, seen from the origin."""
        return np.sqrt(np.maximum(np.diag(self.matrix), 0.0))

    @cached_property
    def distances(self) -> Float64[np.ndarray, "n n"]:
        """`‖xᵢ − xⱼ‖`."""
        squares = np.diag(self.matrix)
        apart = np.sqrt(np.maximum(squares[:, None] + squares[None, :] - 2 * self.matrix, 0.0))
        np.fill_diagonal(apart, np.where(self.finite, 0.0, np.nan))
        return apart

    @property
    def angles(self) -> Float64[np.ndarray, "n n"]:
        """Angles between updates, in degrees."""
        return np.degrees(np.arccos(self.cosines))

    @cached_property
    def cosines(self) -> Float64[np.ndarray, "n n"]:
        """Cosines of the angles between updates; NaN where one has no length."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.clip(self.matrix / np.outer(self.norms, self.norms), -1.0, 1.0)


def weight_gram(pool: Pool, pretrained: Pool | None = None, *, progress: Progress = SILENT) -> Gram:
    """The Gram matrix of the ingredients' weights, streamed once, in float64.

    Floating tensors count, each tied one once; BatchNorm's running statistics and integers do not. A value that all
    ingredients share counts as no difference, infinities in masks among them. Memory is that of one block of values,
    whatever the size of pool and network.

    Arguments:
        pool: the ingredients; of adapters their updates are compared, which are differences from the base.
        pretrained: a pool of one, the model they were fine-tuned from. The origin then; by default their mean is.
        progress: told the bytes that were compared.

    Raises:
        IncompatibleError: the pretrained model has other tensors.
        CheckpointError: a file changed while it was read.
    """
    n = len(pool)
    if isinstance(pool, AdapterPool):
        return _gram_of_updates(pool, pretrained, progress)
    total, absolute, finite = np.zeros((n, n)), np.zeros((n, n)), np.ones(n, dtype=bool)
    with progress.stage("comparing weights", pool.nbytes * n, "byte") as advance:
        for info, values, origin in _blocks(pool, pretrained):
            with np.errstate(invalid="ignore", over="ignore"):
                shared = (values == values[0]).all(axis=0)
                values[:, shared & ~np.isfinite(values[0])] = 0.0
                good = np.isfinite(values).all(axis=1)
                finite &= good
                values[~good] = 0.0
                if len(info.shape) > 1:
                    moving = values[:, ~shared]
                    absolute += moving @ moving.T
                if origin is None:
                    origin = values.sum(axis=0) / max(good.sum(), 1)
                values -= np.nan_to_num(origin, posinf=0.0, neginf=0.0)  # else a mask's would outweigh all
                values[~good] = 0.0
                total += values @ values.T
            advance(values.size * info.kind.itemsize)
    absolute[~finite, :] = absolute[:, ~finite] = np.nan
    return _gram(pool.names, total, finite, "mean" if pretrained is None else "pretrained", absolute)


def _gram_of_updates(pool: AdapterPool, pretrained: Pool | None, progress: Progress) -> Gram:
    """The Gram matrix of adapters' updates; that they had one start is known, as all are of one base."""
    if pretrained is not None:
        raise InputError("adapters are updates of their base, which is the origin already: leave pretrained out")
    n = len(pool)
    return _gram(pool.names, update_products(pool, progress), np.ones(n, dtype=bool), "mean", np.ones((n, n)))


def logit_gram(bank: LogitBank, members: Sequence[int] | None = None) -> Gram:
    """The Gram matrix of the ingredients' logits, as a mean over samples, in float64.

    A constant added to all logits of a row changes no prediction, so it counts as no difference: each row's logits are
    centred over the classes, and then over the ingredients. Other outputs are centred over the ingredients alone.

    Arguments:
        bank: the logits, finite; read in blocks of samples.
        members: indices of the ingredients that are compared; all by default.
    """
    chosen = range(len(bank)) if members is None else members
    n = len(chosen)
    total = np.zeros((n, n))
    step = max(1, VALUES // (n * bank.n_classes))
    for start in range(0, bank.n_samples, step):
        stop = min(start + step, bank.n_samples)
        block = np.stack([np.asarray(bank.read(i, start, stop), dtype=np.float64) for i in chosen])
        if bank.kind.softmax:
            block -= block.mean(axis=2, keepdims=True)
        block -= block.mean(axis=0)
        flat = block.reshape(n, -1)
        total += flat @ flat.T
    return _gram(tuple(bank.names[i] for i in chosen), total / bank.n_samples, np.ones(n, dtype=bool), "mean")


def compared(verifier: Verifier, rows: Bool[np.ndarray, "k n"]) -> tuple[int, ...] | None:
    """The ingredients whose pairs are compared for some recipes, as indices; None where they are too many.

    Arguments:
        verifier: has the pool.
        rows: masks of the recipes' members.

    Returns:
        all of a pool of up to `MOST`; of a larger one the members of these recipes, if they are no more.
    """
    n = len(verifier.names)
    used = range(n) if n <= MOST else np.flatnonzero(rows.any(axis=0)).tolist()
    return tuple(used) if len(used) <= MOST else None


def stored_weight_gram(verifier: Verifier, members: Sequence[int] | None = None) -> Gram:
    """The Gram matrix of a verifier's weights, from the run folder; computed for it the first time.

    It is kept by the fingerprints of the ingredients.

    Arguments:
        verifier: has the pool and the run folder.
        members: indices of the ingredients that are compared, ascending; all by default.
    """
    pool, keys = _part(verifier, members)
    compute = partial(weight_gram, pool, progress=verifier.progress)
    matrix, absolute = _stored(verifier.folder.grams, keys.weight_gram, compute, len(pool), 2)
    return Gram(pool.names, matrix, "mean", absolute)


def stored_logit_gram(verifier: Verifier, members: Sequence[int] | None = None) -> Gram:
    """The Gram matrix of the logits that select, likewise; kept by the fingerprints of pool, data and task code."""
    pool, keys = _part(verifier, members)
    compute = partial(logit_gram, verifier.bank, members)
    stored = _stored(verifier.folder.grams, keys.logit_gram, compute, len(pool), 1)
    return Gram(pool.names, stored[0])


def _part(verifier: Verifier, members: Sequence[int] | None) -> tuple[Pool, Keys]:
    """The pool of some ingredients, and what makes its keys."""
    if members is None or len(members) == len(verifier.names):
        return verifier.pool, verifier.keys
    return verifier.pool.only(members), verifier.keys_of(members)


def _stored(
    folder: ArrayFolder, key: str, compute: Callable[[], Gram], n: int, matrices: int
) -> Float64[np.ndarray, "g n n"]:
    """The matrices of a Gram, from the folder or computed and written to it."""
    known = folder.get(key, key)
    if known is not None and known.shape == (matrices, n, n):
        return np.array(known, dtype=np.float64)
    gram = compute()
    found = np.stack([gram.matrix] if gram.absolute is None else [gram.matrix, gram.absolute])
    folder.store(key, key, found)
    return found


def _gram(
    names: tuple[str, ...], total: np.ndarray, finite: np.ndarray, origin: str, absolute: np.ndarray | None = None
) -> Gram:
    matrix = (total + total.T) / 2
    matrix[~finite, :] = matrix[:, ~finite] = np.nan
    gram = Gram(names, matrix, origin, absolute)
    # Blocks in which one was not finite had another mean than the rest.
    return gram.seen_from(finite) if origin == "mean" and finite.any() else gram


def _blocks(pool: Pool, pretrained: Pool | None) -> Iterator[tuple[TensorInfo, np.ndarray, np.ndarray | None]]:
    """Tensor, values of all ingredients, `float64[n, elements]`, and of the origin if it is given, block by block."""
    pools = [(pool, i) for i in range(len(pool))] + ([(pretrained, 0)] if pretrained is not None else [])
    length = min(TILE, max(256, VALUES // len(pools)))
    block = np.empty((len(pools), length))
    buffers = np.empty((2, 8 * length), dtype=np.uint8)
    with ExitStack() as stack:
        readers = [stack.enter_context(source.reader(i)) for source, i in pools]
        for name, info in pool.tensors.items():
            # Running statistics are averages over activations, in units of their own, and no steps of training.
            if info.kind.family != "float" or name.rpartition(".")[2] in STATISTICS:
                continue
            kinds = [info.kind] * len(pool)
            if pretrained is not None:
                kinds.append(_kind_of(pretrained, name, info.shape))
            for start in range(0, info.numel, length):
                stop = min(start + length, info.numel)
                for row, reader, kind in zip(block, readers, kinds, strict=True):
                    space = buffers[0][: (stop - start) * kind.accumulator.itemsize].view(kind.accumulator)
                    raw = reader.read(name, start * kind.itemsize, stop * kind.itemsize, buffers[1])
                    row[: stop - start] = widen(raw, kind, space)
                values = block[:, : stop - start]
                yield info, values[: len(pool)], values[-1] if pretrained is not None else None
        for reader in readers:
            reader.check_unchanged()


def _kind_of(pretrained: Pool, name: str, shape: tuple[int, ...]) -> Any:
    info = pretrained.tensors.get(pretrained.aliases.get(name, name))
    if info is None or info.shape != shape:
        found = "it has no such tensor" if info is None else f"there it has shape {list(info.shape)}"
        raise IncompatibleError(
            f"{pretrained.paths[0]} cannot be what the ingredients were fine-tuned from: tensor {name!r} has shape "
            f"{list(shape)} in them, and {found}"
        )
    return info.kind
