"""The kernels of one bank: each is prepared when it is first used, and all scorers share them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from radin.scoring.kinds import CLASSES, Kind, Probabilities, SeveralLabels, Tags, Values
from radin.scoring.surrogate.decision_bank import DecisionBank
from radin.scoring.surrogate.dense_kernel import Bank, DenseKernel
from radin.scoring.surrogate.likelihood_kernel import LikelihoodKernel
from radin.scoring.surrogate.moments_kernel import MomentsKernel
from radin.scoring.surrogate.partition_kernel import FEWEST_LOGITS, PartitionKernel
from radin.scoring.surrogate.probability_kernel import ProbabilityKernel
from radin.scoring.surrogate.tag_bank import TagBank
from radin.scoring.surrogate.tempered_kernel import TemperedKernel
from radin.scoring.surrogate.tempered_moments import TemperedMoments

if TYPE_CHECKING:
    import torch


class Kernels:
    """The kernels of one bank on one device, each prepared when it is first used.

    Arguments:
        bank: the stored logits.
        device: where products are computed.
    """

    def __init__(self, bank: Bank, device: str | torch.device = "cpu") -> None:
        self.bank = bank
        self.device = device
        self.labels = np.asarray(bank.labels)
        self.kind: Kind = getattr(bank, "kind", CLASSES)

    @cached_property
    def dense(self) -> DenseKernel:
        """Averages all logits."""
        return DenseKernel(self.bank, self.device)

    @cached_property
    def partitions(self) -> PartitionKernel | None:
        """Mean negative log-likelihoods of subsets, within 1e-5; None where this kernel is not available, or the logits
        are too few to load it.

        The choice depends on the bank, the device and the installation alone, so it is the same for all recipes of a
        search.
        """
        few = self.bank.n_samples * self.bank.n_classes < FEWEST_LOGITS
        return None if few or str(self.device) != "cpu" else PartitionKernel.of(self.bank)

    @cached_property
    def losses(self) -> LikelihoodKernel | MomentsKernel | ProbabilityKernel:
        """Means of the kind's smooth loss: negative log-likelihoods, too low by at most 1e-6, or squared errors.

        Those of tags are means over positions, not over samples: the same but for a factor.
        """
        if isinstance(self.kind, Values):
            return self.moments
        if isinstance(self.kind, Probabilities):
            return ProbabilityKernel(self.bank)
        if isinstance(self.kind, SeveralLabels):
            return LikelihoodKernel(DecisionBank(self.bank), self.device)
        if isinstance(self.kind, Tags):
            return LikelihoodKernel(TagBank(self.bank), self.device)
        return LikelihoodKernel(self.bank, self.device)

    @cached_property
    def tempered(self) -> TemperedKernel:
        """Mean negative log-likelihoods after the temperature that fits each recipe best, within 1e-6."""
        return TemperedKernel(self.bank, self.device)

    @cached_property
    def tempered_moments(self) -> TemperedMoments | None:
        """The same for subsets, fast; None where this kernel is not available, or the logits are too few to load it."""
        few = self.bank.n_samples * self.bank.n_classes < FEWEST_LOGITS
        return None if few or str(self.device) != "cpu" else TemperedMoments.of(self.bank, self.tempered.usual)

    @cached_property
    def moments(self) -> MomentsKernel:
        """Moments of the errors of averaged values."""
        return MomentsKernel(self.bank)
