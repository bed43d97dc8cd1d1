"""Tokens: the kept part of the logits gives each network's loss exactly, and bounds that of averages."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from radin.errors import DataError, InputError, NonFiniteError
from radin.scoring.kinds import Tokens

V = 12
LABELS = np.array([[3, 0, 11, -100], [5, 5, -100, -100], [1, 2, 3, 4]])
PLACES = np.arange(3)


def logits(seed: int) -> torch.Tensor:
    return 2 * torch.randn(3, 4, V, generator=torch.Generator().manual_seed(seed))


def tokens(k: int, reference: torch.Tensor | None = None) -> Tokens:
    kind = Tokens(alternatives=k).sized([LABELS], "data")
    assert isinstance(kind, Tokens)
    if reference is None:
        return kind
    return kind.fixed(kind.choosing.outputs(reference, LABELS, PLACES).numpy().astype(np.int32))


def losses(kind: Tokens, kept: np.ndarray) -> np.ndarray:
    labels = kind.keep(LABELS, "data", PLACES)
    rows = kind.rows(labels)
    return kind.losses(kept.reshape(-1, kept.shape[-1])[rows], kind.scored(labels).reshape(-1)[rows])


def true_losses(given: torch.Tensor) -> np.ndarray:
    found = cross_entropy(given.double().flatten(0, 1), torch.tensor(LABELS).flatten(), reduction="none")
    return found.numpy()[LABELS.ravel() != -100]


@pytest.mark.parametrize("k", [1, 4, V - 2, V - 1, 100])
def test_each_networks_loss_is_exact(k: int) -> None:
    kind = tokens(k, logits(0))
    kept = kind.outputs(logits(1), LABELS, PLACES).numpy()
    assert kept.shape == (3, 4, min(k, V - 1) + 2)
    np.testing.assert_allclose(losses(kind, kept), true_losses(logits(1)), rtol=1e-5)


@pytest.mark.parametrize("k", [1, 4, V - 1])
def test_the_loss_of_an_average_is_too_high_by_at_most_the_excess(k: int) -> None:
    members, weights = [logits(i) for i in range(3)], [0.5, 0.3, 0.2]
    average = sum(w * one for w, one in zip(weights, members, strict=True))
    kind = tokens(k, sum(members) / 3)
    parts = [kind.outputs(one, LABELS, PLACES).numpy().astype(np.float64) for one in members]
    kept = sum(w * one for w, one in zip(weights, parts, strict=True))
    excess = kind.excess(kept.reshape(-1, kept.shape[-1])[kind.rows(kind.keep(LABELS, "data", PLACES))])
    over = losses(kind, kept) - true_losses(average)
    assert (over >= -1e-6).all() and (over <= excess + 1e-6).all()
    if k == V - 1:
        np.testing.assert_allclose(excess, 0, atol=1e-12)
        np.testing.assert_allclose(over, 0, atol=1e-6)
    else:
        assert over.max() > 1e-4, "the bank is reduced"


def test_alternatives_are_the_largest_of_the_reference_beside_the_label() -> None:
    reference = logits(0)
    chosen = tokens(3).choosing.outputs(reference, LABELS, PLACES).numpy()
    for i, j in np.argwhere(LABELS != -100):
        order = [one for one in reference[i, j].argsort(descending=True).tolist() if one != LABELS[i, j]]
        assert chosen[i, j].tolist() == order[:3]


def test_a_part_knows_the_alternatives_of_its_samples() -> None:
    kind, rows = tokens(3, logits(0)), np.array([0, 2])
    whole = kind.outputs(logits(1), LABELS, PLACES)[rows]
    part = kind.part(rows)
    assert part.chosen is not None and len(part.chosen) == 2
    torch.testing.assert_close(part.outputs(logits(1)[rows], LABELS[rows], rows), whole)
    torch.testing.assert_close(part.part(rows[1:]).outputs(logits(1)[2:], LABELS[2:], rows[1:]), whole[1:])


def test_masked_tokens_are_absent_and_masked_labels_refused() -> None:
    given = logits(1)
    given[:, :, 7:11] = -float("inf")
    kind = tokens(V - 1, logits(0))
    kept = kind.outputs(given, LABELS, PLACES).numpy()
    assert np.isfinite(kept).all()
    np.testing.assert_allclose(losses(kind, kept), true_losses(given), rtol=1e-5)
    given[0, 0, 3] = -float("inf")
    with pytest.raises(NonFiniteError, match=r"run0: its logits for sample 0 .*the label of a position has -inf"):
        kind.check_outputs(kind.outputs(given, LABELS, PLACES).numpy(), "run0")


def test_what_is_no_such_task_is_refused() -> None:
    with pytest.raises(DataError, match="label 11 of sample 0 is out of range: the network gives logits of 11 tokens"):
        tokens(3).outputs(logits(0)[..., :11], LABELS, PLACES)
    with pytest.raises(InputError, match="alternatives must be at least 1"):
        Tokens(alternatives=0)
    diverged = logits(0)
    diverged[1, 0, 2] = float("nan")
    assert np.isnan(tokens(3).choosing.outputs(diverged, LABELS, PLACES).numpy()[1, 0]).all()
    with pytest.raises(NonFiniteError, match=r"run0: its logits for sample 1 are not finite \(NaN or infinite\)"):
        tokens(3).check_outputs(tokens(3).outputs(diverged, LABELS, PLACES).numpy(), "run0")
