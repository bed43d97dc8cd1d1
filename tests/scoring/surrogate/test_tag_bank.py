"""A bank of tags as one of positions, for losses, and so for searches that need them."""

import numpy as np
import pytest

import radin
from radin.scoring.surrogate.tag_bank import TagBank

N, M, WIDTH, C = 4, 30, 6, 3
METRIC = radin.SpanF1(["O", "B", "I"])


def tags() -> radin.LogitBank:
    """Logits of sequences of several lengths; one has no tags at all."""
    rng = np.random.default_rng(0)
    labels = rng.integers(C, size=(M, WIDTH))
    labels[np.arange(WIDTH) >= rng.integers(1, WIDTH + 1, size=M)[:, None]] = -100
    labels[7] = -100
    logits = np.eye(C)[np.maximum(labels, 0)] + rng.normal(size=(N, M, WIDTH, C))
    return radin.LogitBank.from_arrays(logits, labels, outputs="tags")


def test_losses_are_means_over_positions_with_a_tag() -> None:
    given = tags()
    surrogate, count = radin.Surrogate(given, METRIC), (given.labels != -100).sum()
    average = np.mean([given.logits(i) for i in range(N)], axis=0)
    expected = given.kind.losses(average, given.labels).sum() / count
    assert surrogate.tie_break(np.ones((1, N), dtype=bool))[0] == pytest.approx(expected, abs=1e-5)
    assert surrogate.loss_and_gradient(np.full(N, 1 / N))[0] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("searcher", ["mixing", "caruana"])
def test_searches_that_need_losses_take_tags(searcher: str) -> None:
    surrogate = radin.Surrogate(tags(), METRIC, lam=0.0)
    found = radin.search(searcher, surrogate, radin.Budget(candidates=200), top=1)[0]
    assert found.score >= max(surrogate(np.eye(N, dtype=bool)))


def test_equal_scores_are_decided_by_the_loss() -> None:
    given = tags()
    scaled = [scale * given.logits(0).reshape(M, WIDTH, C) for scale in (4.0, 1.0, 2.0)]
    bank = radin.LogitBank.from_arrays(scaled, given.labels, outputs="tags")
    found = radin.search("exhaustive", radin.Surrogate(bank, METRIC, lam=0.0), top=4)
    averages = [np.mean([bank.logits(i) for i in one.recipe.members], axis=0) for one in found]
    losses = [bank.kind.losses(average, bank.labels).sum() for average in averages]
    assert len(found) == 4 and len({one.score for one in found}) == 1
    assert losses == sorted(losses)


@pytest.mark.parametrize(("start", "stop"), [(0, 1_000), (3, 9), (5, 5), (20, 41)])
def test_rows_are_positions_in_the_order_of_samples(start: int, stop: int) -> None:
    given = tags()
    view, there = TagBank(given), given.labels != -100
    np.testing.assert_array_equal(view.labels, given.labels[there])
    expected = given.logits(2).reshape(M, WIDTH, C)[there]
    np.testing.assert_array_equal(view.read(2, start, stop), expected[start:stop])
    assert (view.n_samples, view.n_classes, len(view)) == (len(expected), C, N)
