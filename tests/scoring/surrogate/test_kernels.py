"""The kernels of a bank: the smooth loss is that of the kind of outputs, and fast ones are for many logits alone."""

import numpy as np
import pytest

from radin.scoring.logit_bank import LogitBank
from radin.scoring.surrogate.kernels import Kernels
from radin.scoring.surrogate.partition_kernel import FEWEST_LOGITS

RNG = np.random.default_rng(0)
CLASSES = RNG.integers(3, size=40)
BANKS = {
    "classes": LogitBank.from_arrays(RNG.normal(size=(3, 40, 3)), CLASSES),
    "probabilities": LogitBank.from_arrays(RNG.normal(size=(3, 40, 3)), CLASSES, probabilities="average"),
    "several-labels": LogitBank.from_arrays(
        RNG.normal(size=(3, 40, 3)), RNG.integers(2, size=(40, 3)), outputs="several-labels"
    ),
    "values": LogitBank.from_arrays(RNG.normal(size=(3, 40, 2)), RNG.normal(size=(40, 2))),
    "tokens": LogitBank.from_arrays(RNG.normal(size=(3, 10, 4, 6)), np.full((10, 4), 5), outputs="tokens"),
}


@pytest.mark.parametrize("name", BANKS)
def test_losses_are_those_of_the_kind(name: str) -> None:
    bank, weights = BANKS[name], RNG.dirichlet(np.ones(3), size=4)
    assert bank.kind.name == name
    averages = [sum(w * bank.logits(i) for i, w in enumerate(row)) for row in weights]
    expected = [bank.kind.losses(one, bank.labels).mean() for one in averages]
    kernels = Kernels(bank)
    np.testing.assert_allclose(kernels.losses.means(weights), expected, rtol=1e-6, atol=kernels.losses.bound)
    assert kernels.losses is kernels.losses


def test_fast_kernels_are_for_many_logits() -> None:
    assert Kernels(BANKS["classes"]).partitions is None and Kernels(BANKS["classes"]).tempered_moments is None
    many = RNG.normal(size=(3, FEWEST_LOGITS // 4, 4))
    kernels = Kernels(LogitBank.from_arrays(many, RNG.integers(4, size=len(many[0]))))
    assert kernels.partitions is not None and kernels.partitions is kernels.partitions
