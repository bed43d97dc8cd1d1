"""Ways to score recipes: radin's, and what people do without it. Each takes masks and returns right samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
import torch

from radin.scoring.logit_bank import LogitBank
from radin.scoring.surrogate import Surrogate
from radin.scoring.surrogate.parallel import run, workers

Score = Callable[[np.ndarray], np.ndarray]

_BLOCK = 1 << 22  # averaged logits held at once by the dense methods


@dataclass
class Peers:
    """Methods that average all logits of a bank, in float32.

    Arguments:
        bank: the logits; those in other dtypes than float32 are converted in every call, block by block.
        device: where torch multiplies.
    """

    bank: LogitBank
    device: str = "cpu"

    @cached_property
    def _whole(self) -> np.ndarray:
        """All logits; converted beforehand, outside of what is timed."""
        return np.stack([self._read(i, 0, self.bank.n_samples) for i in range(len(self.bank))])

    def _read(self, i: int, start: int, stop: int) -> np.ndarray:
        return self.bank.read(i, start, stop).astype(np.float32, copy=False)

    @property
    def fits(self) -> bool:
        """Whether all logits fit the memory in float32."""
        return len(self.bank) * self.bank.n_samples * self.bank.n_classes * 4 < 3e9

    def numpy_mean(self, masks: np.ndarray) -> np.ndarray:
        """`L[S].mean(0).argmax`, which copies the members first."""
        return np.array([(self._whole[mask].mean(0).argmax(1) == self.bank.labels).sum() for mask in masks])

    def numpy_in_place(self, masks: np.ndarray) -> np.ndarray:
        """A careful loop: the members are added in place to one array that is used again."""
        total = np.empty((self.bank.n_samples, self.bank.n_classes), dtype=np.float32)
        found = []
        for mask in masks:
            first, *rest = np.flatnonzero(mask)
            np.copyto(total, self._whole[first])
            for i in rest:
                np.add(total, self._whole[i], out=total)
            found.append((total.argmax(axis=1) == self.bank.labels).sum())
        return np.array(found)

    def torch_dense(self, masks: np.ndarray, samples: int = 64, recipes: int = 256) -> np.ndarray:
        """One matrix product over all logits, then argmax, in blocks of samples and recipes, on radin's threads."""
        weights = torch.from_numpy(masks.astype(np.float32)).to(self.device)
        labels = torch.from_numpy(self.bank.labels).to(self.device)

        def score(start: int) -> torch.Tensor:
            found = torch.zeros(len(masks), dtype=torch.int64, device=self.device)
            stop = min(start + samples, self.bank.n_samples)
            block = self._block(start, stop)
            for first in range(0, len(masks), recipes):
                part = weights[first : first + recipes]
                averaged = (part @ block).view(len(part), stop - start, self.bank.n_classes)
                found[first : first + recipes] = (averaged.argmax(dim=2) == labels[start:stop]).sum(dim=1)
            return found

        blocks = range(0, self.bank.n_samples, samples)
        return torch.stack(run(score, blocks, workers(self.device))).sum(dim=0).cpu().numpy()

    def _block(self, start: int, stop: int) -> torch.Tensor:
        if self.fits:
            return torch.from_numpy(self._whole[:, start:stop]).to(self.device).flatten(1)
        stored = np.stack([self.bank.read(i, start, stop) for i in range(len(self.bank))])
        return torch.from_numpy(stored).to(self.device).float().flatten(1)

    def torch_losses(
        self, masks: np.ndarray, samples: int = 64, recipes: int = 32, dtype: torch.dtype = torch.float64
    ) -> np.ndarray:
        """Mean negative log-likelihoods from all averaged logits, in float64 or float32, on radin's threads."""
        shares = torch.from_numpy(masks / masks.sum(axis=1, keepdims=True)).to(self.device, dtype)
        labels = torch.from_numpy(self.bank.labels).to(self.device)

        def score(start: int) -> torch.Tensor:
            found = torch.zeros(len(masks), dtype=torch.float64, device=self.device)
            stop = min(start + samples, self.bank.n_samples)
            block = self._block(start, stop).to(dtype)
            for first in range(0, len(masks), recipes):
                part = shares[first : first + recipes]
                averaged = (part @ block).view(len(part), stop - start, self.bank.n_classes)
                own = averaged.gather(2, labels[start:stop].expand(len(part), -1)[:, :, None])[:, :, 0]
                found[first : first + recipes] = (averaged.logsumexp(dim=2) - own).sum(dim=1)
            return found

        blocks = range(0, self.bank.n_samples, samples)
        return torch.stack(run(score, blocks, workers(self.device))).sum(dim=0).cpu().numpy() / self.bank.n_samples

    def best_dense(self, masks: np.ndarray, clock: Callable[[], float]) -> tuple[int, int]:
        """The block sizes with which the dense product is fastest here."""
        c = self.bank.n_classes
        sizes = [(max(1, values // c), recipes) for recipes in (64, 256) for values in (1 << 10, 1 << 13, 1 << 16)]
        timed = {}
        for size in dict.fromkeys(sizes):
            few = masks[: size[1]]
            start = clock()
            self.torch_dense(few, *size)
            timed[size] = (clock() - start) / len(few)
        return min(timed, key=lambda size: timed[size])


def bare_product(surrogate: Surrogate) -> Callable[[np.ndarray], None]:
    """The matrix product of the live margins and nothing else: the floor, on as many threads as the kernel."""
    tiles = surrogate.kernel.tiles
    device = surrogate.kernel.device

    def multiply(masks: np.ndarray) -> None:
        weights = torch.from_numpy(masks.astype(np.float32)).to(device)
        recipes = 256 if device.type == "cpu" else 4096

        def product(start: int) -> None:
            block = weights[start : start + recipes].T.contiguous()
            out = torch.empty(max(tile.rows for tile in tiles) * block.shape[1], device=device)
            for tile in tiles:
                torch.mm(tile.matrix, block, out=out[: tile.rows * block.shape[1]].view(tile.rows, -1))

        run(product, range(0, len(masks), recipes), workers(device))

    return multiply


def oracle(bank: LogitBank, masks: np.ndarray) -> np.ndarray:
    """Right samples in real arithmetic: sums in float64, and rational ones where two classes are too near to tell."""
    found = np.zeros(len(masks), dtype=np.int64)
    weights = masks.astype(np.float64)
    step = max(1, _BLOCK // (bank.n_classes * max(len(bank), 64)))
    for start in range(0, bank.n_samples, step):
        stop = min(start + step, bank.n_samples)
        stored = np.stack([bank.read(i, start, stop) for i in range(len(bank))]).astype(np.float64)
        labels = bank.labels[start:stop]
        slack = len(bank) * 2.0**-52 * np.abs(stored).max(axis=(0, 2)) * len(bank)
        for first in range(0, len(masks), 64):
            sums = (weights[first : first + 64] @ stored.reshape(len(bank), -1)).reshape(-1, *stored.shape[1:])
            own = np.take_along_axis(sums, np.broadcast_to(labels[:, None], (*sums.shape[:2], 1)), axis=2)[:, :, 0]
            np.put_along_axis(sums, np.broadcast_to(labels[:, None], (*sums.shape[:2], 1)), -np.inf, axis=2)
            lead = own - sums.max(axis=2)
            right = lead > 0
            for k, s in np.argwhere(np.abs(lead) <= 2 * slack):
                right[k, s] = _wins(stored[masks[first + k], s], int(labels[s]))
            found[first : first + 64] += right.sum(axis=1)
    return found


def _wins(logits: np.ndarray, label: int) -> bool:
    sums = [sum((Fraction(v) for v in column), Fraction(0)) for column in logits.T.tolist()]
    return all(v < sums[label] or (v == sums[label] and j >= label) for j, v in enumerate(sums))


def autogluon_selection(chances: np.ndarray, labels: np.ndarray, size: int, seed: int) -> list[int]:
    """Indices that AutoGluon's greedy ensemble selection takes, with its random tie-breaker."""
    from autogluon.core.metrics import accuracy
    from autogluon.core.models.greedy_ensemble.ensemble_selection import EnsembleSelection

    selection = EnsembleSelection(size, "multiclass", accuracy, random_state=np.random.RandomState(seed))
    selection.fit(list(chances), labels)
    return [int(i) for i in selection.indices_]


def same_selection(chances: np.ndarray, labels: np.ndarray, size: int, seed: int) -> list[int]:
    """The same selection by radin's kernel, preparation included: AutoGluon's rounding, tie-breaker and stopping."""
    surrogate = Surrogate(LogitBank.from_arrays(chances, labels, probabilities="average"))
    random: Any = np.random.RandomState(seed)
    counts = np.zeros(len(chances), dtype=np.int64)
    order: list[int] = []
    path: list[float] = []
    rounded = False
    for _ in range(size):
        regrets = 1 - surrogate.additions(counts)
        if rounded:
            regrets = regrets.round(6)
        least = regrets.min()
        ties = np.flatnonzero(regrets - least <= 1e-12 * abs(least))
        used = ties[counts[ties] > 0]
        best = int(random.choice(used if len(ties) > 1 and len(used) else ties))
        if not order and regrets[best] > 1e-4:
            rounded = True
            regrets = regrets.round(6)
        counts[best] += 1
        order.append(best)
        path.append(float(regrets[best]))
    return order[: path.index(min(path)) + 1]
