"""Logits like those of fine-tunings of one pretrained network: the same samples are hard for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from radin.scoring.logit_bank import LogitBank

#: Accuracy that a single network is given.
ACCURACY = 0.77

_SCALE = 3.0
_PROBE = 2000


@dataclass(frozen=True)
class Fleet:
    """Fine-tunings whose logits are `3 (common + lift·[label] + disagreement · own)`, all of them Gaussian.

    The lift of a sample is Gaussian, too, around a mean that makes a single network right on 77 % of the samples. With
    100 classes, a disagreement of 0.32 makes two networks predict the same class on about 84 % of them.

    Attributes:
        n: networks.
        m: samples.
        c: classes.
        disagreement: size of each network's own part, relative to the common part.
        dtype: of the stored logits.
    """

    n: int
    m: int
    c: int
    disagreement: float = 0.32
    dtype: str = "float32"

    def bank(self, folder: Path | None = None, seed: int = 0) -> LogitBank:
        """The logits, in memory or, given a folder, as memory-mapped files in it."""
        rng = np.random.default_rng(seed)
        labels = rng.integers(self.c, size=self.m)
        common = self._common(labels, rng)
        arrays = []
        for i in range(self.n):
            own = rng.standard_normal((self.m, self.c), dtype=np.float32)
            own *= self.disagreement
            own += common
            own *= _SCALE
            stored = own.astype(self.dtype)
            if folder is not None:
                np.save(folder / f"{i:04}.npy", stored)
                stored = np.load(folder / f"{i:04}.npy", mmap_mode="r")
            arrays.append(stored)
        return LogitBank.from_arrays(arrays, labels)

    def bank_in(self, folder: Path) -> LogitBank:
        """The logits, in files in this folder if they are more than a gigabyte."""
        size = self.n * self.m * self.c * np.dtype(self.dtype).itemsize
        return self.bank(folder if size > 1e9 else None)

    def _common(self, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        low, high = 0.0, 12.0
        while high - low > 0.01:
            lift = (low + high) / 2
            probe, draws = labels[:_PROBE], np.random.default_rng(1)
            logits = self._draw(probe, lift, draws)
            logits += self.disagreement * draws.standard_normal(logits.shape, dtype=np.float32)
            right = (logits.argmax(axis=1) == probe).mean()
            low, high = (lift, high) if right < ACCURACY else (low, lift)
        return self._draw(labels, low, rng)

    def _draw(self, labels: np.ndarray, lift: float, rng: np.random.Generator) -> np.ndarray:
        logits = rng.standard_normal((len(labels), self.c), dtype=np.float32)
        logits[np.arange(len(labels)), labels] += lift + 1.5 * rng.standard_normal(len(labels), dtype=np.float32)
        return logits


def character(bank: LogitBank, pairs: int = 10) -> tuple[float, float]:
    """Mean accuracy of single networks, and mean share of samples on which two predict the same class."""
    few = min(len(bank), pairs)
    predicted = [bank.read(i, 0, bank.n_samples).argmax(axis=1) for i in range(few)]
    accuracy = float(np.mean([(one == bank.labels).mean() for one in predicted]))
    if few == 1:
        return accuracy, 1.0
    agreement = float(np.mean([(a == b).mean() for i, a in enumerate(predicted) for b in predicted[:i]]))
    return accuracy, agreement
