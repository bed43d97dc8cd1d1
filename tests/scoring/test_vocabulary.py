"""Logits of a whole vocabulary in files are reduced as those of networks are."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import radin
from radin.errors import DataError, InputError
from radin.scoring import vocabulary
from radin.scoring.kinds import Tokens
from radin.scoring.logit_files import open_bank

N, M, P, V, K = 3, 6, 5, 40, 8
RNG = np.random.default_rng(0)
LOGITS = (3 * RNG.normal(size=(N, M, P, V))).astype(np.float32)
LABELS = RNG.integers(V, size=(M, P))
LABELS[::2, 3:] = -100
LABELS[1, 0] = -100
COUNTS = LABELS != -100


def losses(logits: np.ndarray) -> np.ndarray:
    """Negative log-likelihoods of the labels that count, from all logits."""
    z = logits[COUNTS].astype(np.float64)
    return np.logaddexp.reduce(z, axis=1) - z[np.arange(len(z)), LABELS[COUNTS]]


def write(folder: Path, form: str) -> Path:
    """Writes the logits in some form, with their labels; gives what to open."""
    folder.mkdir()
    if form == "folder":
        for i, one in enumerate(LOGITS):
            np.save(folder / f"run{i}.npy", one)
        np.save(folder / "labels.npy", LABELS)
        return folder
    named = {f"run{i}": one for i, one in enumerate(LOGITS)} | {"labels": LABELS}
    if form == "npz":
        np.savez(folder / "all.npz", **named)
    elif form == "one array":
        np.savez_compressed(folder / "all.npz", logits=LOGITS, labels=LABELS)
    else:
        tensors = {name: torch.from_numpy(one).contiguous() for name, one in named.items()}
        torch.save(tensors, folder / "all.pt") if form == "pt" else save_file(tensors, folder / "all.safetensors")
    return next(folder.iterdir())


@pytest.mark.parametrize("form", ["folder", "npz", "one array", "pt", "safetensors"])
@pytest.mark.parametrize("values", [1 << 23, 4 * N * V])
def test_losses_of_models_are_exact_and_those_of_averages_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, values: int
) -> None:
    monkeypatch.setattr(vocabulary, "VALUES", values)
    bank = open_bank(write(tmp_path / "files", form), outputs="tokens", alternatives=K)
    assert (len(bank), bank.n_samples, bank.n_classes) == (N, COUNTS.sum(), K + 2)
    assert isinstance(bank.kind, Tokens) and bank.groups is not None
    assert np.array_equal(bank.groups, np.nonzero(COUNTS)[0])
    for i, one in enumerate(LOGITS):
        np.testing.assert_allclose(bank.kind.losses(bank.logits(i), bank.labels), losses(one), rtol=1e-5, atol=1e-6)
    average = np.mean([bank.logits(i) for i in range(N)], axis=0)
    too_high = bank.kind.losses(average, bank.labels) - losses(LOGITS.mean(axis=0))
    assert (too_high > -1e-6).all() and (too_high < bank.kind.excess(average) + 1e-6).all()
    assert too_high.max() > 1e-3


def test_the_tokens_are_the_largest_of_the_average_of_all_models(tmp_path: Path) -> None:
    bank = open_bank(write(tmp_path / "files", "folder"), outputs="tokens", alternatives=K)
    mean = LOGITS.mean(axis=0)[COUNTS]
    mean[np.arange(len(mean)), LABELS[COUNTS]] = -np.inf
    chosen = np.argsort(-mean, axis=1)[:, :K]
    expected = np.take_along_axis(LOGITS[1][COUNTS], chosen, axis=1)
    np.testing.assert_array_equal(bank.logits(1)[:, 1:-1], expected)


def test_each_position_may_be_a_sample_and_a_small_vocabulary_is_kept_whole() -> None:
    flat = {f"run{i}": one[COUNTS] for i, one in enumerate(LOGITS)}
    bank = bank_of(flat, LABELS[COUNTS], None)
    assert bank.n_classes == V - 1 + 2 and bank.groups is not None and len(set(bank.groups)) == COUNTS.sum()
    average = np.mean([bank.logits(i) for i in range(N)], axis=0)
    np.testing.assert_allclose(bank.kind.losses(average, bank.labels), losses(LOGITS.mean(axis=0)), rtol=1e-5)
    found = radin.rank(bank, "exhaustive", metric="perplexity", holdback=0.3)
    assert found.metric == "perplexity" and found.report is not None and found.excess < 1e-6


def bank_of(arrays: dict[str, np.ndarray], labels: np.ndarray, alternatives: int | None, **how) -> radin.LogitBank:
    rows = {name: vocabulary.StoredRows(one.shape, flat_of(one)) for name, one in arrays.items()}
    return vocabulary.bank_of_vocabulary(rows, labels, alternatives, **how)


def flat_of(array: np.ndarray):
    return lambda start, stop: array.reshape(-1)[start:stop]


def test_probabilities_are_refused_or_taken_as_logarithms() -> None:
    powers = np.exp(LOGITS.astype(np.float64))
    chances = {f"run{i}": one / one.sum(axis=-1, keepdims=True) for i, one in enumerate(powers)}
    with pytest.raises(DataError, match="run0: expected logits, got what look like probabilities"):
        bank_of(chances, LABELS, K)
    bank = bank_of(chances, LABELS, K, probabilities="log")
    np.testing.assert_allclose(bank.kind.losses(bank.logits(2), bank.labels), losses(LOGITS[2]), rtol=1e-4)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    arrays = {f"run{i}": one for i, one in enumerate(LOGITS)}
    with pytest.raises(DataError, match=r"run1: expected logits of shape \[6, 5, 40\], .* got \[6, 5, 39\]"):
        bank_of(arrays | {"run1": LOGITS[1, :, :, 1:]}, LABELS, K)
    with pytest.raises(
        DataError, match=r"label 40 of sample 1 .* logits of 40 tokens.*keeps of them the folder of the run"
    ):
        bank_of(arrays, np.where(np.arange(M)[:, None] == 1, V, LABELS), K)
    with pytest.raises(DataError, match="run2: its logits for sample 3 are not finite"):
        bank_of(arrays | {"run2": np.where(np.arange(M)[:, None, None] == 3, np.nan, LOGITS[2])}, LABELS, K)
    with pytest.raises(DataError, match="at least one ingredient"):
        bank_of({}, LABELS, K)
    with pytest.raises(DataError, match=r"run0: expected logits, a row over the vocabulary .* got a single number"):
        bank_of({"run0": np.float32(1)}, LABELS, K)
    with pytest.raises(DataError, match="at least one labelled sample, got no data"):
        bank_of({"run0": LOGITS[0, :0]}, LABELS[:0], K)
    np.savez(tmp_path / "classes.npz", a=LOGITS[0, :, 0], labels=np.arange(M))
    with pytest.raises(InputError, match="alternatives=3 are for files with logits of a whole vocabulary"):
        open_bank(tmp_path / "classes.npz", alternatives=3)


def test_banks_that_keep_other_tokens_are_not_joined() -> None:
    one, other = (bank_of({name: LOGITS[i]}, LABELS, K) for i, name in enumerate("ab"))
    with pytest.raises(DataError, match="a and b each keep tokens of their own"):
        radin.LogitBank.join({"a": one, "b": other})
