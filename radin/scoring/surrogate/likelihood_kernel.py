"""Negative log-likelihood of averaged logits, without the classes that cannot matter.

With margins `Dᵢ(c) = Lᵢ(label) − Lᵢ(c)` and their average `D̄`, the loss of a sample is `log Z`, `Z = 1 + Σ_c exp −D̄(c)`
over the rivals c of the label. Let a set of rivals be dropped, `E` of Z. For every recipe, as its weights sum to 1,

    E ≤ Σ_dropped exp(−minᵢ Dᵢ(c))    and    Z ≥ 1 + Σ_all exp(−maxᵢ Dᵢ(c)) =: Z₀,

so the loss falls by `log Z − log(Z − E) = −log(1 − E/Z) ≤ x / (1 − x)` with `x = Σ_dropped exp(−minᵢ Dᵢ(c)) / Z₀`.
Rivals are dropped, smallest `exp(−min D)/Z₀` first, while the x of a block of samples sum to at most ε per sample: the
mean loss is low by at most ε, and never high. What was really dropped is reported as the bound. The rest is computed in
float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64, Int64, Shaped

from radin.scoring.surrogate.dense_kernel import (
    RECIPE_BLOCK,
    Bank,
    DenseKernel,
    read_block,
    recipe_blocks,
    sample_blocks,
)
from radin.scoring.surrogate.margin_tiles import cut
from radin.scoring.surrogate.parallel import run, workers

if TYPE_CHECKING:
    import torch

#: The largest error of a mean negative log-likelihood, which is never too high; chosen by hand.
NLL_EPSILON = 1e-6

#: Bytes of logits that are kept; with more, the logits are read again for every call. Chosen by hand.
MEMORY = 1 << 29

_BLOCK_VALUES = 1 << 20  # logits looked at together
_ROWS = {"cpu": 2048}  # rows of a tile
_ROWS_ELSEWHERE = 1 << 16  # the same on devices that work on more at once
_MARGINS = 1 << 24  # margins of a tile in float64 at most: 128 MiB, beside copies of as many
_MOST = 0.6  # of all rivals; with more than this left, the dense computation is as fast


@dataclass(frozen=True)
class _LossTile:
    """Stored logits of some samples: the label's, and those of its rivals, first rivals first."""

    own: torch.Tensor  # [samples, n]
    rivals: torch.Tensor  # [depth · samples, n]
    missing: torch.Tensor  # rows that stand for no rival

    def margins(self) -> torch.Tensor:
        """`D`, float64[depth · samples, n]."""
        depth = len(self.rivals) // len(self.own)
        return self.own.double().repeat(depth, 1) - self.rivals.double()


@dataclass(frozen=True)
class _Kept:
    """Rivals of a block of samples that are not dropped, or None where they are too many to keep."""

    total: int
    dropped: float
    counts: Int64[np.ndarray, " b"]
    own: Shaped[np.ndarray, "b n"]
    rivals: Shaped[np.ndarray, "r n"]


class LikelihoodKernel:
    """Mean losses of recipes; the logits are read when first asked for.

    Arguments:
        bank: the stored logits.
        device: where losses are computed.
        epsilon: by how much a mean loss may be too low, in nats.
        memory: bytes of logits that may be kept; with more, the logits are read again for every call.
    """

    def __init__(
        self, bank: Bank, device: str | torch.device = "cpu", epsilon: float = NLL_EPSILON, memory: int = MEMORY
    ) -> None:
        import torch

        self.bank = bank
        self.device = torch.device(device)
        self.epsilon = epsilon
        self.memory = memory

    @property
    def bound(self) -> float:
        """The largest error of a mean loss, which is never too high; 0 where no class was dropped."""
        return self._prepared[1]

    @property
    def rows(self) -> int:
        """Rivals that are kept; all, where the dense computation is as fast."""
        tiles = self._prepared[0]
        if tiles is None:
            return self.bank.n_samples * (self.bank.n_classes - 1)
        return sum(len(tile.rivals) - len(tile.missing) for tile in tiles)

    def means(self, coefficients: Float64[np.ndarray, "k n"]) -> Float64[np.ndarray, " k"]:
        """Mean negative log-likelihood of averaged logits."""
        tiles = self._prepared[0]
        if tiles is None:
            return DenseKernel(self.bank, self.device).mean_losses(coefficients)
        import torch

        weights = coefficients / coefficients.sum(axis=1, keepdims=True)

        def losses(piece: tuple[Float64[np.ndarray, "kb n"], _LossTile]) -> Float64[np.ndarray, " kb"]:
            block, tile = piece
            with torch.inference_mode(), torch.autocast(self.device.type, enabled=False):
                return _losses(tile, torch.from_numpy(block.T.copy()).to(self.device))[0].sum(dim=0).cpu().numpy()

        blocks = list(recipe_blocks(weights))
        pieces = [(block, tile) for _, block in blocks for tile in tiles]
        sums = np.zeros((len(tiles), len(blocks) * RECIPE_BLOCK))
        threads = workers(self.device) if len(pieces) > 4 else 1
        for i, found in enumerate(run(losses, pieces, threads)):
            block, tile = divmod(i, len(tiles))
            sums[tile, block * RECIPE_BLOCK : (block + 1) * RECIPE_BLOCK] = found
        return sums.sum(axis=0)[: len(coefficients)] / self.bank.n_samples

    def gradient(self, weights: Float64[np.ndarray, " n"]) -> tuple[float, Float64[np.ndarray, " n"]]:
        """Mean loss at mixing weights, and its derivatives `−mean Σ_c p(c) Dᵢ(c)`, p being the softmax."""
        tiles = self._prepared[0]
        if tiles is None:
            return DenseKernel(self.bank, self.device).gradient(weights)
        import torch

        loss, slope = 0.0, np.zeros(len(weights))
        column = torch.from_numpy(np.ascontiguousarray(weights, dtype=np.float64))[:, None].to(self.device)
        with torch.inference_mode(), torch.autocast(self.device.type, enabled=False):
            for tile in tiles:
                losses, shares = _losses(tile, column)
                loss += float(losses.sum())
                slope -= (tile.margins().T @ shares)[:, 0].cpu().numpy()
        return loss / self.bank.n_samples, slope / self.bank.n_samples

    @cached_property
    def _prepared(self) -> tuple[list[_LossTile] | None, float]:
        """The tiles, None if the dense computation is as fast; and the bound."""
        pieces = list(sample_blocks(self.bank, _BLOCK_VALUES))
        first = self._keep(pieces[len(pieces) // 2], self.epsilon)
        probe = first.total / max(1, len(first.counts) * (self.bank.n_classes - 1))
        expected = probe * self.bank.n_samples * (self.bank.n_classes - 1) * len(self.bank) * first.own.itemsize
        if probe > _MOST or expected > self.memory:
            return None, 0.0
        kept = run(lambda piece: self._keep(piece, self.epsilon), pieces, workers(self.device))
        if sum(one.total for one in kept) > _MOST * self.bank.n_samples * (self.bank.n_classes - 1):
            return None, 0.0
        return self._tiles(kept), sum(one.dropped for one in kept) / self.bank.n_samples

    def _keep(self, piece: tuple[int, int], epsilon: float) -> _Kept:
        import torch

        start, stop = piece
        stored = torch.from_numpy(read_block(self.bank, start, stop)).to(self.device)
        values = stored.float() if stored.dtype == torch.float16 else stored
        label = torch.from_numpy(np.asarray(self.bank.labels[start:stop], dtype=np.int64)).to(self.device)[:, None]
        margins = values.gather(2, label.expand(len(values), -1, 1)) - values
        rival = torch.arange(self.bank.n_classes, device=self.device) != label
        # Taken a little larger and smaller than computed, for the rounding of margins and exponentials.
        floor = 0.999 * (-margins.amax(dim=0).double()).exp().where(rival, 0.0).sum(dim=1, keepdim=True) + 1
        shares = 1.001 * (-margins.amin(dim=0).double()).exp().where(rival, 0.0) / floor
        # What overflows is kept.
        shares = torch.where(torch.isfinite(shares) & torch.isfinite(floor), shares, torch.inf)
        ranked, order = shares.flatten().sort(stable=True)
        total = ranked.cpu().cumsum(dim=0)  # on CUDA its last bits differ from call to call
        bounds = total / (1 - total.clamp(max=0.5))
        dropped = int((bounds <= epsilon * (stop - start)).logical_and(total < 0.5).sum()) if epsilon else 0
        keep = rival.flatten().clone()
        keep[order[:dropped]] = False
        rows, columns = keep.view_as(rival).nonzero(as_tuple=True)
        flat = stored.flatten(1)
        width = self.bank.n_classes
        return _Kept(
            total=len(rows),
            dropped=float(bounds[dropped - 1]) if dropped else 0.0,
            counts=torch.bincount(rows, minlength=stop - start).cpu().numpy(),
            own=flat[:, torch.arange(stop - start, device=self.device) * width + label[:, 0]].T.cpu().numpy(),
            rivals=flat[:, rows * width + columns].T.cpu().numpy(),
        )

    def _tiles(self, kept: list[_Kept]) -> list[_LossTile]:
        import torch

        counts = np.concatenate([one.counts for one in kept])
        own = np.concatenate([one.own for one in kept])
        rivals = np.concatenate([one.rivals for one in kept])
        starts = np.cumsum(counts) - counts
        order = np.argsort(counts, kind="stable")
        tiles = []
        most = _ROWS.get(self.device.type, max(1, min(_ROWS_ELSEWHERE, _MARGINS // len(self.bank))))
        for members in cut(order[counts[order] > 0], counts, most):
            depth = int(counts[members].max())
            turn = np.arange(depth)[:, None]
            there = turn < counts[members]
            rows = np.where(there, starts[members] + turn, starts[members]).ravel()
            tiles.append(
                _LossTile(
                    own=torch.from_numpy(own[members]).to(self.device),
                    rivals=torch.from_numpy(rivals[rows]).to(self.device),
                    missing=torch.from_numpy(np.flatnonzero(~there)).to(self.device),
                )
            )
        return tiles


def _losses(tile: _LossTile, weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Losses `[samples, k]`, and the probabilities of the rivals, `[depth · samples, k]`."""
    scores = (tile.margins() @ weights).neg_().index_fill_(0, tile.missing, -float("inf"))
    by_rival = scores.view(-1, len(tile.own), weights.shape[1])
    top = by_rival.amax(dim=0).clamp_(min=0)
    exponentials = by_rival.sub_(top).exp_()
    partition = exponentials.sum(dim=0).add_(top.neg().exp_())
    losses = partition.log().add_(top)
    return losses, exponentials.div_(partition).view(len(tile.rivals), -1)
