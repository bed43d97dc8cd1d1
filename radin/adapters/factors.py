"""Sums of products of two factors, Σ wᵢsᵢBᵢAᵢ: stacked, or cut to a smaller rank without forming the sum.

Stacked, A' holds the rows of all Aᵢ and B' the columns of all wᵢsᵢBᵢ, so that B'A' is the sum, exactly; its rank is
Σ rᵢ. The best approximation of rank K (Eckart and Young 1936) comes from the singular values of B'A'. With B' = Q R
and A'ᵀ = P S they are those of R Sᵀ, which is as small as the sum of ranks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

Matrix = Float[np.ndarray, "rows columns"]


@dataclass(frozen=True)
class Factors:
    """A matrix as the product of two.

    Attributes:
        b: `[outputs, rank]`.
        a: `[rank, inputs]`.
    """

    b: Float[np.ndarray, "outputs rank"]
    a: Float[np.ndarray, "rank inputs"]

    @property
    def rank(self) -> int:
        """The number of columns of B, which are the rows of A."""
        return self.a.shape[0]


@dataclass(frozen=True)
class Energy:
    """Sums of squares of a matrix's elements: `total`, and `lost` by cutting its rank."""

    total: float = 0.0
    lost: float = 0.0

    def __add__(self, other: Energy) -> Energy:
        return Energy(self.total + other.total, self.lost + other.lost)

    @property
    def share(self) -> float:
        """The part that is lost, 0 to 1."""
        return self.lost / self.total if self.total > 0 else 0.0


def stacked(parts: Sequence[tuple[float, Factors]]) -> Factors:
    """The weighted sum of products, as one product.

    Arguments:
        parts: weight and factors of each term, all of one shape but for the rank; at least one.
    """
    a = np.concatenate([one.a for _, one in parts], axis=0)
    b = np.concatenate([one.b * one.b.dtype.type(weight) for weight, one in parts], axis=1)
    return Factors(b, a)


def truncated(product: Factors, rank: int) -> tuple[Factors, Energy]:
    """The nearest matrix of at most this rank, and what is lost.

    Each singular value is shared by both factors in equal parts. Where the matrix has fewer rows or columns than
    `rank`, factors are filled up with zeros.

    Arguments:
        product: float32 or float64; computed in float64.
        rank: of the result, at least 1; a product of no larger rank is returned as it is.
    """
    if product.rank <= rank:
        b, a = product.b.astype(np.float64), product.a.astype(np.float64)
        return product, Energy(float(((b.T @ b) * (a @ a.T)).sum()))
    left, right = np.linalg.qr(product.b.astype(np.float64)), np.linalg.qr(product.a.T.astype(np.float64))
    u, values, v = np.linalg.svd(left.R @ right.R.T, full_matrices=False)
    squares: Float64[np.ndarray, " r"] = values**2
    roots = np.sqrt(values[:rank])
    b, a = left.Q @ (u[:, :rank] * roots), (roots[:, None] * v[:rank]) @ right.Q.T
    missing = rank - len(roots)
    if missing > 0:
        b, a = np.pad(b, ((0, 0), (0, missing))), np.pad(a, ((0, missing), (0, 0)))
    energy = Energy(float(squares.sum()), float(squares[rank:].sum()))
    return Factors(b.astype(product.b.dtype), a.astype(product.a.dtype)), energy
