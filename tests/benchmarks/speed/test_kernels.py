"""The kernels' benchmark on tiny banks: every method runs, and gives the right samples."""

import json

import numpy as np
import pytest
import torch

from benchmarks.speed import kernels
from benchmarks.speed.kernel_methods import Peers, oracle
from benchmarks.speed.synthetic import ACCURACY, Fleet, character
from radin import Surrogate
from radin.scoring.logit_bank import LogitBank

KEYS = {"bench", "case", "method", "seconds", "ratio", "exact", "memory_mb", "error"}


def test_quick_run_writes_one_row_per_method(tmp_path, capsys):
    rows_file, picture = tmp_path / "rows.jsonl", tmp_path / "cost.png"
    assert kernels.main(["--quick", "--case", "float16", "--json", str(rows_file), "--plot", str(picture)]) == 0
    rows = [json.loads(line) for line in rows_file.read_text().splitlines()]
    assert len({row["method"] for row in rows}) == len(rows) >= 8
    for row in rows:
        assert set(row) >= KEYS
        assert row["error"] is None and row["seconds"] > 0
    assert next(row for row in rows if row["method"] == "radin")["exact"] is True
    assert picture.stat().st_size > 1000
    assert "radin, preparation" in capsys.readouterr().out


def test_a_method_that_fails_fails_the_run(monkeypatch, capsys):
    def broken(self, masks):
        raise RuntimeError("no such peer")

    monkeypatch.setattr(Peers, "numpy_mean", broken)
    assert kernels.main(["--quick", "--case", "float16"]) == 1
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


@pytest.mark.parametrize("disagreement", [0.15, 0.32, 0.6])
def test_synthetic_networks_are_as_accurate_as_asked(disagreement, tmp_path):
    bank = Fleet(4, 2000, 100, disagreement, "float16").bank(tmp_path)
    accuracy, agreement = character(bank)
    assert accuracy == pytest.approx(ACCURACY, abs=0.04)
    assert 0.6 < agreement < 0.95
    assert bank.read(0, 0, 1).dtype == np.float16
    assert len(list(tmp_path.glob("*.npy"))) == 4


def test_likelihoods_can_be_measured_alone(tmp_path):
    rows_file = tmp_path / "rows.jsonl"
    assert kernels.main(["--quick", "--likelihood", "--case", "synthetic", "--json", str(rows_file)]) == 0
    rows = {row["method"]: row for row in map(json.loads, rows_file.read_text().splitlines())}
    assert set(rows) == {
        "radin, nll",
        "radin, nll neighbours",
        "radin, nll refined",
        "dense torch, nll",
        "dense torch, nll float32",
    }
    assert all(row["ratio_to"] == "radin, nll" and row["bound"] < 1e-5 for row in rows.values())
