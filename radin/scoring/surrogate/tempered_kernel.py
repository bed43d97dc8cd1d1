"""Log-likelihood of averaged logits after one temperature, fitted to each recipe by itself.

A recipe's mean loss at the inverse temperature β is `f(β) = E[log Σ_c exp βd(c)]`, d being the averaged logits minus
that of the label. One look at all logits gives f with its first two derivatives, so Newton's method needs one look a
step; from the temperature of the uniform soup, most recipes need two. The fit ends where the loss can fall by no more
than `FITTED`, and the fall that is expected there, `½ f′² / f″`, is taken off.

Everything is computed in float64, in blocks of samples and recipes, and no score depends on the recipes beside it.
"""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64

from radin.scoring.metrics.tempered import TemperatureFit
from radin.scoring.surrogate.dense_kernel import Bank, piece_values, read_block, recipe_blocks, sample_blocks
from radin.scoring.surrogate.parallel import run, workers

if TYPE_CHECKING:
    import torch

#: By how much a loss may still fall where the fit of its temperature ends, in nats.
FITTED = 1e-6


class TemperedKernel:
    """Mean losses of recipes after the temperature that fits each best.

    Arguments:
        bank: the stored logits.
        device: where losses are computed.
    """

    def __init__(self, bank: Bank, device: str | torch.device = "cpu") -> None:
        self.bank = bank
        self.device = device

    def means(self, coefficients: Float64[np.ndarray, "k n"]) -> Float64[np.ndarray, " k"]:
        """Mean negative log-likelihood of averaged logits after the temperature."""
        weights = coefficients / coefficients.sum(axis=1, keepdims=True)
        blocks = [self._fitted(block, self.usual)[0] for _, block in recipe_blocks(weights)]
        return np.concatenate([np.zeros(0), *blocks])[: len(coefficients)]

    @cached_property
    def usual(self) -> float:
        """The inverse temperature of the uniform soup's averaged logits."""
        everything = np.full((1, len(self.bank)), 1 / len(self.bank))
        (_, block) = next(recipe_blocks(everything))
        return float(self._fitted(block, 1.0)[1][0])

    def _fitted(
        self, block: Float64[np.ndarray, "kb n"], start: float
    ) -> tuple[Float64[np.ndarray, " kb"], Float64[np.ndarray, " kb"]]:
        """Losses and inverse temperatures of a block of recipes; rows of zeros, which fill it up, have any."""
        fit, found = TemperatureFit(len(block), start, FITTED), np.zeros(len(block))
        fit.open &= block.any(axis=1)
        pieces = list(sample_blocks(self.bank, piece_values(self.bank, self.device)))
        while fit.open.any():
            looked, look = fit.open.copy(), partial(self._look, block=block, beta=fit.beta)
            parts = run(look, pieces, workers(self.device))
            loss, slope, curvature = np.stack(parts).sum(axis=0) / self.bank.n_samples
            fit.step(slope, curvature)
            ended = looked & ~fit.open
            found[ended] = (loss - expected_fall(slope, curvature))[ended]
        return found, fit.beta

    def _look(
        self, piece: tuple[int, int], block: Float64[np.ndarray, "kb n"], beta: Float64[np.ndarray, " kb"]
    ) -> Float64[np.ndarray, "3 kb"]:
        """Sums over some samples of the loss and its first two derivatives in β."""
        import torch

        stored = torch.as_tensor(np.asarray(read_block(self.bank, *piece), dtype=np.float64), device=self.device)
        labels = torch.as_tensor(self.bank.labels[slice(*piece)], device=self.device)
        with torch.inference_mode(), torch.autocast(torch.device(self.device).type, enabled=False):
            stored -= stored.gather(2, labels.expand(len(stored), -1).unsqueeze(2))
            weights = torch.as_tensor(block, device=self.device)
            ahead = (weights @ stored.flatten(1)).view(len(block), *stored.shape[1:])
            top = ahead.amax(dim=2, keepdim=True)
            inverse = torch.as_tensor(beta, device=self.device)[:, None]
            exponentials = ahead.sub(top).mul_(inverse[:, :, None]).exp_()
            partition = exponentials.sum(dim=2)
            losses = partition.log().add_(top[:, :, 0] * inverse)
            moments = exponentials.mul_(ahead)
            mean = moments.sum(dim=2) / partition
            variance = moments.mul_(ahead).sum(dim=2) / partition - mean.square()
            sums = torch.stack([losses.sum(dim=1), mean.sum(dim=1), variance.clamp_(min=0).sum(dim=1)])
            return np.asarray(sums.cpu().numpy())


def expected_fall(slope: Float64[np.ndarray, " k"], curvature: Float64[np.ndarray, " k"]) -> Float64[np.ndarray, " k"]:
    """By how much losses would fall in a last step of Newton's method; never more than `FITTED`."""
    return np.minimum(0.5 * np.square(slope) / np.maximum(curvature, 1e-12), FITTED)
