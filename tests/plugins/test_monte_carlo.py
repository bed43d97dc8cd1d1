"""Monte-Carlo search: the distribution of the subsets that it proposes."""

import numpy as np
from helpers.objectives import Additive

import radin


def batches_of(name, n, count, **options):
    """The first batches that a searcher proposes."""
    seen = []

    class Watch(Additive):
        def __call__(self, weights):
            seen.append(np.array(weights))
            return super().__call__(weights)

    radin.search(name, Watch(np.arange(n)), radin.Budget(candidates=count), options=options)
    return np.concatenate(seen)


def test_monte_carlo_follows_its_inclusion_probability():
    masks = batches_of("monte-carlo", 60, 4000, p=0.2, batch=500)
    assert abs(masks.mean() - 0.2) < 0.01


def test_monte_carlo_with_uniform_sizes():
    sizes = batches_of("monte-carlo", 60, 4000, sizes="uniform", batch=500).sum(axis=1)
    counts = np.histogram(sizes, bins=np.arange(0.5, 61, 6))[0]
    assert sizes.min() >= 1 and np.abs(counts / 400 - 1).max() < 0.35
