"""The methods of the kernels' benchmark count the same samples."""

import numpy as np
import torch

from benchmarks.speed import kernels
from benchmarks.speed.kernel_methods import Peers, oracle, same_selection
from benchmarks.speed.synthetic import Fleet
from radin import Surrogate
from radin.scoring.logit_bank import LogitBank


def test_a_method_that_fails_fails_the_run(monkeypatch, capsys):
    def broken(self, masks, *, dtype=None):
        raise RuntimeError("no such peer")

    monkeypatch.setattr(Peers, "torch_losses", broken)
    assert kernels.main(["--quick", "--likelihood", "--case", "float16"]) == 1
    assert "no such peer" in capsys.readouterr().out


def test_all_methods_count_the_same_samples():
    bank = Fleet(7, 80, 6).bank()
    masks = kernels.random_subsets(30, 7)
    truth = oracle(bank, masks)
    peers = Peers(bank)
    assert np.rint(Surrogate(bank)(masks) * 80).tolist() == truth.tolist()
    for method in (peers.torch_dense, peers.numpy_in_place, peers.numpy_mean):
        assert method(masks).tolist() == truth.tolist()
    refined = Surrogate(bank).tie_break(masks)
    np.testing.assert_allclose(peers.torch_losses(masks), refined, atol=2e-6)
    np.testing.assert_allclose(peers.torch_losses(masks, dtype=torch.float32), refined, atol=2e-5)


def test_oracle_decides_ties_as_the_lower_class():
    logits = np.zeros((2, 4, 3), dtype=np.float16)
    logits[0, 1] = [0.1, 0.1, 0.0]
    logits[1, 1] = [0.2, 0.2, 0.3]
    bank = LogitBank.from_arrays(logits, [0, 0, 1, 2])
    assert oracle(bank, np.array([[True, True], [True, False]])).tolist() == [1, 2]


def test_the_selection_averages_probabilities_as_a_plain_loop_does():
    rng = np.random.default_rng(0)
    labels = rng.integers(4, size=200)
    logits = rng.normal(size=(6, 200, 4)) + 1.2 * np.eye(4)[labels]
    chances = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    chosen: list[int] = []
    for _ in range(2):
        scores = [np.mean(np.sum(chances[[*chosen, i]], axis=0).argmax(1) == labels) for i in range(6)]
        assert scores.count(max(scores)) == 1, "no tie, which chance would break"
        chosen.append(int(np.argmax(scores)))
    assert same_selection(chances, labels, 2, 0) == chosen
