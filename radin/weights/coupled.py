"""Tensors that are no weights by themselves: what a soup makes of norms' factors, unit vectors and masks.

`torch.nn.utils` and its `parametrizations` store some weights as functions of several tensors. The average of each
tensor then is not what the average of the weights needs:

- spectral norm divides a weight by u·Wv, where u and v are its first singular vectors. The averages of unit vectors are
  no unit vectors, so those of the averaged weight are computed anew.
- weight norm stores g·v/|v|. The averages of g and v do not give the average of the products, so the products are
  averaged, and g and v made of these.
- a codebook that is learned by moving averages is a sum of vectors divided by their number. The averages of sums and
  numbers do not give the average of the codebooks, so the sums are those of the averaged codebook.
- pruning multiplies a weight by a mask of zeros and ones; different masks are refused. So are different bases of
  orthogonal parametrizations, extra state, signs and places stored as numbers, and parametrizations of several tensors
  that radin does not know.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from radin.checkpoints import Reader, TensorInfo
from radin.checkpoints.dtypes import widen
from radin.checkpoints.names import is_extra_state
from radin.common.wording import shown
from radin.errors import IncompatibleError
from radin.recipe import Recipe
from radin.weights.tiling import tiles

if TYPE_CHECKING:
    from radin.weights.pool import Pool

#: Steps of the power iteration at most; chosen by hand: each takes two products with the weight.
MOST_STEPS = 1_000

#: The power iteration ends when no component of u moves by more than this.
STILL = 1e-9

_ORIGINAL = re.compile(r"^(.*\.|)parametrizations\.[^.]+\.original$")
_SEVERAL = re.compile(r"^(.*\.|)parametrizations\.[^.]+\.original\d+$")
_BASE = re.compile(r"^(.*\.|)parametrizations\.[^.]+\.\d+\.base$")
_MASK = re.compile(r"(^|[._])masks?([._]|$)")
_SIGNS = re.compile(r"(^|[._])(rademacher|random_)?signs?$")
_PLACES = re.compile(r"(^|[._])(perm|permutation|index|indices|idx|inds|ptr|pointer|assignments?|zero_points?)$")

_DISCRETE = re.compile("|".join(one.pattern for one in (_MASK, _SIGNS, _PLACES)))

#: How the parts of codebooks are called: the sums, the numbers and the codebook itself.
CODEBOOKS = (("embed_avg", "cluster_size", "embed"), ("ema_w", "ema_cluster_size", "embedding.weight"))


@dataclass(frozen=True)
class SpectralNorm:
    """Names of a weight and of its first singular vectors; `v` is empty in files of very old versions."""

    weight: str
    u: str
    v: str


@dataclass(frozen=True)
class WeightNorm:
    """Names of a weight's norms and of its direction."""

    g: str
    v: str


@dataclass(frozen=True)
class Codebook:
    """Names of a codebook, of the sums that its vectors are means of, and of the numbers of terms."""

    vectors: str
    sums: str
    counts: str


Coupling = SpectralNorm | WeightNorm | Codebook


def couplings(tensors: Mapping[str, TensorInfo]) -> Iterator[Coupling]:
    """The tensors that belong together, by the names that PyTorch gives them, and scripts before it (`weight_bar`)."""
    singular = _singular(tensors)
    for name in tensors:
        if name.endswith("_orig") and f"{name[:-5]}_u" in tensors:
            v = f"{name[:-5]}_v"
            yield SpectralNorm(name, f"{name[:-5]}_u", v if v in tensors else "")
        elif name.endswith("_bar") and {f"{name[:-4]}_u", f"{name[:-4]}_v"} <= tensors.keys():
            yield SpectralNorm(name, f"{name[:-4]}_u", f"{name[:-4]}_v")
        elif _ORIGINAL.match(name):
            for u in singular.get(name.removesuffix(".original"), ()):
                yield SpectralNorm(name, u, f"{u[:-1]}v")
        elif codebook := _codebook_of(name, tensors):
            yield codebook
        elif direction := _direction_of(name, tensors):
            yield WeightNorm(name, direction)


def _singular(tensors: Mapping[str, TensorInfo]) -> dict[str, list[str]]:
    """Names of left singular vectors by the parametrization that they belong to, without its number."""
    found: dict[str, list[str]] = {}
    for name in tensors:
        if name.endswith("._u") and f"{name[:-1]}v" in tensors:
            found.setdefault(name.rpartition("._u")[0].rpartition(".")[0], []).append(name)
    return found


def _codebook_of(name: str, tensors: Mapping[str, TensorInfo]) -> Codebook | None:
    """The codebook that sums belong to; None for every other tensor."""
    for sums, counts, vectors in CODEBOOKS:
        stem = name.removesuffix(sums)
        if name in (sums, f"{stem.rstrip('.')}.{sums}") and {stem + counts, stem + vectors} <= tensors.keys():
            shape, number = tensors[name].shape, tensors[stem + counts].shape
            if shape == tensors[stem + vectors].shape and (shape[:-1] == number or shape[1:] == number):
                return Codebook(stem + vectors, name, stem + counts)
    return None


def _direction_of(name: str, tensors: Mapping[str, TensorInfo]) -> str:
    """The v of a weight norm's g; empty text for every other tensor."""
    v = ""
    if name.endswith("_g") and f"{name[:-2]}_orig" not in tensors:
        v = f"{name[:-2]}_v"
    elif name.endswith(".original0") and _SEVERAL.match(name) and f"{name[:-1]}2" not in tensors:
        v = f"{name[:-1]}1"
    return v if v in tensors and _are_norms(tensors[name], tensors[v]) else ""


def _are_norms(g: TensorInfo, v: TensorInfo) -> bool:
    if "float" not in g.dtype or "float" not in v.dtype or not v.shape:
        return False
    return not g.shape or (
        len(g.shape) == len(v.shape) and all(a in (1, b) for a, b in zip(g.shape, v.shape, strict=True))
    )


def renewed(pool: Pool, recipe: Recipe, readers: Mapping[int, Reader], given: Collection[str]) -> dict[str, np.ndarray]:
    """Values of the coupled tensors of a soup, by name.

    Arguments:
        pool: the ingredients.
        recipe: over the pool's names; with one member nothing has to be renewed.
        readers: open readers of at least the members.
        given: tensors whose values are given, so those that are coupled with them are left alone.
    """
    values: dict[str, np.ndarray] = {}
    if len(recipe.members) == 1:
        return values
    members = [_Member(pool, readers[i], weight) for i, weight in recipe.parts]
    for coupling in couplings(pool.tensors):
        names = [name for name in vars(coupling).values() if name]
        if any(name in given for name in names) or all(_alike(members, name) for name in names):
            continue
        made = _MAKERS[type(coupling)](coupling, members)
        if all(np.isfinite(array).all() for array in made.values()):  # else the mixing itself says what is wrong
            values |= made
    return values


@dataclass(frozen=True)
class _Member:
    pool: Pool
    reader: Reader
    weight: float

    def __call__(self, name: str) -> np.ndarray:
        """One whole tensor, in float64."""
        info = self.pool.tensors[name]
        raw = np.empty(info.nbytes, dtype=np.uint8)
        stored = self.reader.read(name, 0, info.nbytes, raw)
        wide = widen(stored, info.kind, np.empty(info.numel, dtype=info.kind.accumulator))
        return wide.astype(np.float64).reshape(info.shape)


def _alike(members: list[_Member], name: str) -> bool:
    first = members[0](name)
    return all(np.array_equal(first, member(name)) for member in members[1:])


def _spectral(coupling: SpectralNorm, members: list[_Member]) -> dict[str, np.ndarray]:
    heaviest = max(members, key=lambda member: member.weight)
    weight = sum(member.weight * member(coupling.weight) for member in members)
    u, v = heaviest(coupling.u), heaviest(coupling.v) if coupling.v else None
    matrix = _as_matrix(np.asarray(weight), heaviest(coupling.weight), u, v)
    if matrix is None:
        return {}
    u, v = first_singular_vectors(matrix, u)
    return {coupling.u: u} | ({coupling.v: v} if coupling.v else {})


def _as_matrix(weight: np.ndarray, known: np.ndarray, u: np.ndarray, v: np.ndarray | None) -> np.ndarray | None:
    """The averaged weight with the dimension of u in front: of equal sizes, the one that fits a member's u and v."""
    if u.ndim != 1 or not weight.size:
        return None
    fitting = [axis for axis, size in enumerate(weight.shape) if size == u.size]
    if v is not None:
        fitting = [axis for axis in fitting if weight.size // u.size == v.size]
    if not fitting:
        return None

    def folded(array: np.ndarray, axis: int) -> np.ndarray:
        return np.moveaxis(array, axis, 0).reshape(u.size, -1)

    def stretch(axis: int) -> float:
        row = u @ folded(known, axis)
        return float(abs(row @ v)) if v is not None else float(np.linalg.norm(row))

    return folded(weight, max(fitting, key=stretch))


def first_singular_vectors(matrix: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Left and right singular vectors of the largest singular value, by power iteration to convergence.

    Arguments:
        matrix: `[h, w]`.
        start: `[h]`, a guess of the left one.
    """
    u = start / max(float(np.linalg.norm(start)), 1e-300)
    v = matrix.T @ u
    for _ in range(MOST_STEPS):
        before = u
        v = _unit(matrix.T @ u)
        u = _unit(matrix @ v)
        if np.abs(u - before).max() < STILL:
            break
    return u, v


def _unit(vector: np.ndarray) -> np.ndarray:
    length = float(np.linalg.norm(vector))
    return vector / length if length > 0 else vector


def _weight_norm(coupling: WeightNorm, members: list[_Member]) -> dict[str, np.ndarray]:
    shape = members[0](coupling.g).shape

    def norm(array: np.ndarray) -> np.ndarray:
        axes = tuple(i for i in range(array.ndim) if not shape or shape[i] == 1)
        return np.asarray(np.sqrt(np.square(array).sum(axis=axes, keepdims=bool(shape))))

    with np.errstate(invalid="ignore", divide="ignore"):
        products = (member.weight * member(coupling.g) * (one := member(coupling.v)) / norm(one) for member in members)
        weight = np.asarray(sum(products))
    g = norm(weight)
    direction = np.where(np.broadcast_to(g == 0, weight.shape), members[0](coupling.v), weight)
    return {coupling.g: g, coupling.v: direction}


def _codebook(coupling: Codebook, members: list[_Member]) -> dict[str, np.ndarray]:
    vectors, counts = (
        np.asarray(sum(member.weight * member(name) for member in members))
        for name in (coupling.vectors, coupling.counts)
    )
    ways = [counts[..., None]] * (counts.shape == vectors.shape[:-1]) + [counts] * (counts.shape == vectors.shape[1:])
    first = members[0]
    held, stored, number = first(coupling.vectors), first(coupling.sums), first(coupling.counts)

    def strangeness(way: int) -> float:
        by = number[..., None] if ways[way].ndim == vectors.ndim else number
        return float(np.abs(stored - held * by).sum())

    return {coupling.sums: vectors * ways[min(range(len(ways)), key=strangeness)]}


_MAKERS: dict[type, Callable[..., dict[str, np.ndarray]]] = {
    SpectralNorm: _spectral,
    WeightNorm: _weight_norm,
    Codebook: _codebook,
}


#: The remedy for parts of reparametrizations.
REMOVE = (
    "Or remove the reparametrization before saving: torch.nn.utils.prune.remove, "
    "torch.nn.utils.parametrize.remove_parametrizations."
)


def refuse_difference(pool: Pool, name: str, one: int, other: int, readers: Mapping[int, Reader]) -> None:
    """Refuses to average tensors that differ between two members and are no weights; integers only if they are masks.

    Raises:
        IncompatibleError: a mask, the base of an orthogonal parametrization, or a part of an unknown one.
    """
    info = pool.tensors[name]
    if info.kind.family == "opaque" or (info.kind.family == "whole" and not _MASK.search(name)):
        return
    reason, remedy = "", REMOVE
    held = _values(info, name, [readers[i] for i in (one, other)]) if _DISCRETE.search(name) else None
    if held is not None and _MASK.search(name) and held <= {0.0, 1.0}:
        reason = "the average of two masks of zeros and ones is none; prune all ingredients alike"
    elif held is not None and _SIGNS.search(name) and held <= {-1.0, 1.0}:
        reason = "the average of two signs is none; keep the ingredients' signs alike"
    elif held is not None and _PLACES.search(name):
        remedy = "What nothing is computed from can be that of the heaviest member."
        reason = "it holds whole numbers that stand for places or codes, and the average of two places is another one"
    elif is_extra_state(name):
        reason = "it is a module's extra state, of which only the module knows what it means"
    elif _BASE.match(name):
        reason = "it is the base of an orthogonal matrix, and the average of two is not orthogonal"
    elif _SEVERAL.match(name) and not any(name in vars(known).values() for known in couplings(pool.tensors)):
        reason = "it is one of several tensors that a parametrization makes a weight of, which radin does not know"
    if reason:
        error = IncompatibleError(
            f"tensor {shown(name)} ({info}) differs between {pool.paths[one]} and {pool.paths[other]}, and cannot be "
            f"averaged: {reason}. {remedy}"
        )
        raise error if remedy == REMOVE else error.mended_by(keep=(name,))


#: Different values of a tensor that are looked at before it counts as one of numbers.
MOST_VALUES = 100_000


def _values(info: TensorInfo, name: str, readers: list[Reader]) -> set[float] | None:
    """The values of a tensor in some files, if all are whole numbers; None for any other tensor."""
    kind, found = info.kind, set[float]()
    for reader in readers:
        for start, stop in tiles(info.numel):
            raw = reader.read(name, start * kind.itemsize, stop * kind.itemsize, np.empty((stop - start) * 8, np.uint8))
            whole = kind.family == "whole"
            values = raw.view(kind.storage) if whole else widen(raw, kind, np.empty(stop - start, kind.accumulator))
            if not (np.isfinite(values) & (values == np.round(values))).all() or len(found) > MOST_VALUES:
                return None
            found |= set(map(float, np.unique(values)))
    return found
