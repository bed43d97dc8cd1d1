"""Kernels that average all logits: reference kernels, and kernels for metrics that need every class.

Costs `K · N · M · C` multiplications, in float64, in blocks of samples and recipes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64, Int64, Shaped

from radin.scoring.surrogate.exact_arithmetic import U64, exact_argmax, float64_is_exact, gamma
from radin.scoring.surrogate.parallel import run, workers

if TYPE_CHECKING:
    import torch

#: Recipes that are scored together. Blocks are always filled up to this size: matrix products of another shape may
#: round otherwise, and a score must not depend on the recipes beside it.
RECIPE_BLOCK = 32

_BLOCK_VALUES = 1 << 22  # float64 logits held at once: 32 MiB
_PIECE_VALUES = 1 << 18  # averaged logits of a block of recipes, by each of several threads: 2 MiB
_PIECE_VALUES_ELSEWHERE = 1 << 23  # the same on devices that work on more at once: 64 MiB, beside copies of as many


@runtime_checkable
class Bank(Protocol):
    """The source of logits for a surrogate: a `radin.LogitBank`."""

    @property
    def names(self) -> tuple[str, ...]:
        """The ingredients' names, in pool order."""

    @property
    def labels(self) -> np.ndarray:
        """The class of every sample, `int64[M]`."""

    @property
    def n_classes(self) -> int:
        """C, the columns of the logits."""

    @property
    def n_samples(self) -> int:
        """M, the rows of the logits."""

    def __len__(self) -> int: ...

    def read(self, i: int, start: int, stop: int, /) -> np.ndarray:
        """Rows `[start, stop)` of ingredient `i`."""


def sample_blocks(
    bank: Bank, values: int = _BLOCK_VALUES, span: tuple[int, int] | None = None
) -> Iterator[tuple[int, int]]:
    """Consecutive ranges of samples (all, or those of a span) whose logits, of all ingredients, are about `values`."""
    step = max(1, values // (len(bank) * bank.n_classes))
    first, last = span or (0, bank.n_samples)
    for start in range(first, last, step):
        yield start, min(start + step, last)


def piece_values(bank: Bank, device: str | torch.device) -> int:
    """Stored logits, of all ingredients, whose averages for a block of recipes are worked on together."""
    on_cpu = str(device).partition(":")[0] == "cpu"
    return (_PIECE_VALUES if on_cpu else _PIECE_VALUES_ELSEWHERE) * len(bank) // RECIPE_BLOCK


def read_block(bank: Bank, start: int, stop: int) -> Shaped[np.ndarray, "n b c"]:
    """The stored logits of every ingredient on samples [start, stop)."""
    return np.stack([np.asarray(bank.read(i, start, stop)) for i in range(len(bank))])


def recipe_blocks(
    coefficients: Float64[np.ndarray, "k n"], size: int = RECIPE_BLOCK
) -> Iterator[tuple[slice, Float64[np.ndarray, "kb n"]]]:
    """Blocks of exactly `size` recipes, the last one filled up with zeros, and the rows that they stand for."""
    for start in range(0, len(coefficients), size):
        part = coefficients[start : start + size]
        block = np.zeros((size, coefficients.shape[1]))
        block[: len(part)] = part
        yield slice(start, start + len(part)), block


class DenseKernel:
    """Statistics of recipes from their averaged logits over all classes.

    Arguments:
        bank: the stored logits.
        device: where products are computed.
    """

    def __init__(self, bank: Bank, device: str | torch.device = "cpu") -> None:
        self.bank = bank
        self.device = device

    def predictions(self, coefficients: Float64[np.ndarray, "k n"]) -> Int64[np.ndarray, "k m"]:
        """The predicted class of each sample, exactly.

        With `A = Σ cᵢ Lᵢ` computed in float64, `|A − truth| ≤ B = γ_{n+1} Σ cᵢ max_c |Lᵢ(c)|`. A class that is
        more than 2B below the largest has lost; where another is left, real arithmetic decides.
        """
        out = np.empty((len(coefficients), self.bank.n_samples), dtype=np.int64)
        for start, stop in sample_blocks(self.bank):
            stored = read_block(self.bank, start, stop)
            exact = float64_is_exact(stored.dtype, coefficients)
            logits = self._tensor(stored)
            largest = logits.abs().amax(dim=2)
            for rows, block in recipe_blocks(coefficients):
                weights = self._tensor(block)
                totals = (weights @ logits.flatten(1)).view(len(weights), *logits.shape[1:])
                predicted = totals.argmax(dim=2)  # torch and numpy: the first of equal ones
                if not exact:
                    bound = gamma(len(self.bank) + 2, U64) * (weights @ largest) + 1e-300
                    near = totals >= (totals.amax(dim=2) - 2 * bound).unsqueeze(2)
                    doubtful = ~(near.sum(dim=2) == 1)
                    predicted = predicted.cpu()
                    for k, m in doubtful.nonzero().tolist():
                        if k < rows.stop - rows.start:
                            predicted[k, m] = exact_argmax(block[k], stored[:, m])
                out[rows, start:stop] = predicted.cpu().numpy()[: rows.stop - rows.start]
        return out

    def average(self, coefficients: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, "m c"]:
        """The averaged logits of one recipe, summed in float64 in pool order."""
        out = np.zeros((self.bank.n_samples, self.bank.n_classes))
        for i in np.flatnonzero(coefficients):
            out += coefficients[i] * np.asarray(self.bank.read(int(i), 0, self.bank.n_samples), dtype=np.float64)
        return out / coefficients.sum()

    def mean_losses(self, coefficients: Float64[np.ndarray, "k n"]) -> Float64[np.ndarray, " k"]:
        """Mean negative log-likelihood of averaged logits."""
        weights = coefficients / coefficients.sum(axis=1, keepdims=True)
        pieces = list(sample_blocks(self.bank, piece_values(self.bank, self.device)))
        parts = run(lambda piece: self._summed_losses(piece, weights), pieces, workers(self.device))
        return np.stack(parts).sum(axis=0) / self.bank.n_samples

    def _summed_losses(self, piece: tuple[int, int], weights: Float64[np.ndarray, "k n"]) -> Float64[np.ndarray, " k"]:
        import torch

        logits = self._tensor(read_block(self.bank, *piece))
        labels = torch.as_tensor(self.bank.labels[slice(*piece)], device=self.device)
        logits -= logits.gather(2, labels.expand(len(logits), -1).unsqueeze(2))
        out = np.empty(len(weights))
        with torch.inference_mode(), torch.autocast(torch.device(self.device).type, enabled=False):
            for rows, block in recipe_blocks(weights):
                means = (self._tensor(block) @ logits.flatten(1)).view(len(block), *logits.shape[1:])
                top = means.amax(dim=2, keepdim=True)
                losses = means.sub_(top).exp_().sum(dim=2).log_().add_(top[:, :, 0])
                out[rows] = losses.sum(dim=1).cpu().numpy()[: rows.stop - rows.start]
        return out

    def gradient(self, weights: Float64[np.ndarray, " n"]) -> tuple[float, Float64[np.ndarray, " n"]]:
        """Mean loss at mixing weights, and its derivatives `mean (Σ_c p(c) Lᵢ(c) − Lᵢ(label))`, p being the softmax."""
        pieces = list(sample_blocks(self.bank, _PIECE_VALUES * 8))
        parts = run(lambda piece: self._summed_gradient(piece, weights), pieces, workers(self.device))
        losses, slopes = zip(*parts, strict=True)
        return sum(losses) / self.bank.n_samples, np.stack(slopes).sum(axis=0) / self.bank.n_samples

    def _summed_gradient(
        self, piece: tuple[int, int], weights: Float64[np.ndarray, " n"]
    ) -> tuple[float, Float64[np.ndarray, " n"]]:
        import torch

        logits = self._tensor(read_block(self.bank, *piece))
        labels = torch.as_tensor(self.bank.labels[slice(*piece)], device=self.device)[:, None]
        with torch.inference_mode(), torch.autocast(torch.device(self.device).type, enabled=False):
            mean = (self._tensor(weights) @ logits.flatten(1)).view(logits.shape[1:])
            ahead = mean.log_softmax(dim=1)
            residual = ahead.exp().scatter_add_(1, labels, -torch.ones_like(labels, dtype=torch.float64))
            slope = logits.flatten(1) @ residual.flatten()
            return -float(ahead.gather(1, labels).sum()), slope.cpu().numpy()

    def _tensor(self, array: Any) -> torch.Tensor:
        import torch

        return torch.as_tensor(np.asarray(array, dtype=np.float64), device=self.device)
