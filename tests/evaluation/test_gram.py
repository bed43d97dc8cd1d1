"""Dispersions from the Gram matrices against their definitions, tensor by tensor."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.small import make_pool, task
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file, save_model

import radin
from radin.errors import IncompatibleError
from radin.evaluation import gram as gram_module
from radin.evaluation.calibration import dispersions
from radin.evaluation.gram import Gram, compared, logit_gram, stored_logit_gram, stored_weight_gram, weight_gram


def flat(file: Path) -> np.ndarray:
    """All trained values of a file in float64."""
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    tensors = [t for name, t in sorted(load_file(file).items()) if not name.endswith(statistics)]
    return torch.cat([t.reshape(-1).double() for t in tensors]).numpy()


def naive(points: np.ndarray, weights: np.ndarray) -> float:
    """Σ wᵢ‖xᵢ − x̄‖² as it is written."""
    mean = weights @ points
    return float(sum(w * np.square(x - mean).sum() for w, x in zip(weights, points, strict=True)))


def recipes(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.concatenate([np.eye(n), np.full((1, n), 1 / n), rng.dirichlet(np.ones(n), 5)])


@pytest.mark.parametrize("values", [1 << 22, 1500], ids=["one block", "many blocks"])
@pytest.mark.parametrize("origin", ["mean", "pretrained"])
def test_dispersion_is_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: int, origin: str) -> None:
    paths = make_pool(tmp_path, 5, batchnorm=True)
    monkeypatch.setattr(gram_module, "VALUES", values)
    pretrained = radin.Pool(paths[:1]) if origin == "pretrained" else None
    gram = weight_gram(radin.Pool(paths), pretrained)
    points = np.stack([flat(path) for path in paths])
    rows = recipes(5)
    np.testing.assert_allclose(gram.dispersion(rows), [naive(points, row) for row in rows], rtol=1e-9, atol=1e-15)
    assert (gram.dispersion(rows)[:5] == 0).all()
    moved = points - (points[0] if pretrained else points.mean(axis=0))
    np.testing.assert_allclose(gram.norms, np.linalg.norm(moved, axis=1), rtol=1e-9, atol=1e-12)
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.testing.assert_allclose(gram.distances, apart, rtol=1e-9, atol=1e-9)


@settings(max_examples=30)
@given(st.integers(1, 6), st.integers(0, 10**6))
def test_dispersion_of_any_points(n: int, seed: int) -> None:
    points = np.random.default_rng(seed).normal(size=(n, 9))
    gram = Gram(tuple("abcdef"[:n]), points @ points.T)
    rows = recipes(n, seed)
    np.testing.assert_allclose(gram.dispersion(rows), [naive(points, row) for row in rows], atol=1e-12)
    masks = rows > 0
    uniform = masks / masks.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(gram.dispersion(masks), [naive(points, row) for row in uniform], atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_logit_dispersion_is_the_mean_over_samples(dtype: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gram_module, "VALUES", 100)
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(4, 23, 3)).astype(dtype)
    bank = radin.LogitBank.from_arrays(logits, rng.integers(3, size=23))
    exact = logits.astype(np.float64)
    centred = exact - exact.mean(axis=2, keepdims=True)
    rows = recipes(4)
    expected = [np.mean([naive(centred[:, s], row) for s in range(23)]) for row in rows]
    np.testing.assert_allclose(logit_gram(bank).dispersion(rows), expected, rtol=1e-9, atol=1e-15)


def test_a_constant_for_all_classes_is_no_disagreement() -> None:
    logits = np.random.default_rng(0).normal(size=(1, 20, 3))
    bank = radin.LogitBank.from_arrays(np.concatenate([logits, logits + 5]), np.zeros(20, dtype=int))
    assert logit_gram(bank).dispersion(np.full((1, 2), 0.5))[0] < 1e-25


def test_tied_integer_and_low_precision_tensors(tmp_path: Path) -> None:
    class Tied(torch.nn.Module):
        def __init__(self, seed: int) -> None:
            super().__init__()
            torch.manual_seed(seed)
            self.one = torch.nn.Linear(4, 4, bias=False).bfloat16()
            self.two = torch.nn.Linear(4, 4, bias=False).bfloat16()
            self.two.weight = self.one.weight
            self.register_buffer("steps", torch.tensor(seed))

    with torch.random.fork_rng(devices=[]):
        networks = [Tied(seed) for seed in range(2)]
    paths = [tmp_path / f"{seed}.safetensors" for seed in range(2)]
    for network, path in zip(networks, paths, strict=True):
        save_model(network, str(path))
    one, two = (network.one.weight.detach().double().numpy().ravel() for network in networks)
    gram = weight_gram(radin.Pool(paths))
    np.testing.assert_allclose(gram.distances[0, 1], np.linalg.norm(one - two), rtol=1e-12)


def test_what_is_not_finite_is_nan_and_spoils_nothing_else(tmp_path: Path) -> None:
    paths = make_pool(tmp_path, 4)
    states = [load_file(path) for path in paths]
    for state in states:
        state["mask"] = torch.tensor([0.0, -torch.inf])  # shared: no difference
    states[2]["layers.0.weight"][0, 0] = torch.nan
    for state, path in zip(states, paths, strict=True):
        save_file(state, path)
    gram = weight_gram(radin.Pool(paths))
    assert gram.finite.tolist() == [True, True, False, True]
    good = weight_gram(radin.Pool([paths[i] for i in (0, 1, 3)]))
    keep = np.ix_([0, 1, 3], [0, 1, 3])
    np.testing.assert_allclose(gram.matrix[keep], good.matrix, rtol=1e-9, atol=1e-12)
    spread = gram.dispersion(np.array([[True, True, False, True], [True, False, True, False]]))
    assert spread[0] > 0
    assert np.isnan(spread[1])


def test_a_mask_of_infinities_is_no_difference_from_the_start(tmp_path: Path) -> None:
    """As in the causal masks that some transformers keep as a buffer."""
    mask = torch.full((3, 3), -torch.inf).triu(1)
    points = [torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 2.0]])]
    for i, point in enumerate(points):
        save_file({"weight": point, "mask": mask}, tmp_path / f"{i}.safetensors")
    start, *paths = sorted(tmp_path.glob("*"))
    gram = weight_gram(radin.Pool(paths), radin.Pool(start))
    assert gram.matrix.tolist() == [[1.0, 1.0], [1.0, 5.0]]


def test_another_architecture_is_no_start_of_these(tmp_path: Path) -> None:
    paths = make_pool(tmp_path / "pool", 2)
    save_file({"layers.0.weight": torch.zeros(3, 3)}, tmp_path / "other.safetensors")
    with pytest.raises(IncompatibleError, match="cannot be what the ingredients were fine-tuned from"):
        weight_gram(radin.Pool(paths), radin.Pool([tmp_path / "other.safetensors"]))


def test_a_run_folder_keeps_what_was_computed(
    checkpoints: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = radin.Pool(checkpoints)
    with radin.Verifier(pool, task(), tmp_path) as verifier:
        first = stored_weight_gram(verifier), stored_logit_gram(verifier)

    def again_computed(*_: object, **__: object) -> None:
        raise RuntimeError("computed again")

    monkeypatch.setattr(gram_module, "weight_gram", again_computed)
    monkeypatch.setattr(gram_module, "logit_gram", again_computed)
    with radin.Verifier(pool, task(), tmp_path) as verifier:
        again = stored_weight_gram(verifier), stored_logit_gram(verifier)
    with (
        radin.Verifier(pool, task(split_seed=1), tmp_path) as other,
        pytest.raises(RuntimeError, match="computed again"),
    ):
        stored_logit_gram(other)  # other samples select, so the logits' matrix is another
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.matrix, two.matrix)


def test_of_a_large_pool_only_members_of_the_recipes_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = radin.Pool(make_pool(tmp_path, 6))
    with radin.Verifier(pool, task(), tmp_path / "run") as verifier:
        whole = stored_weight_gram(verifier), stored_logit_gram(verifier)
        rows = np.zeros((2, 6), dtype=bool)
        rows[0, [1, 2]] = rows[1, [2, 4]] = True
        assert compared(verifier, rows) == tuple(range(6))  # few enough
        monkeypatch.setattr(gram_module, "MOST", 3)
        members = compared(verifier, rows)
        assert members == (1, 2, 4)
        part = stored_weight_gram(verifier, members), stored_logit_gram(verifier, members)
        for all_of_them, some in zip(whole, part, strict=True):
            assert some.names == tuple(pool.names[i] for i in members)
            np.testing.assert_allclose(some.dispersion(rows[:, list(members)]), all_of_them.dispersion(rows))
        again = stored_weight_gram(verifier, members)
        np.testing.assert_array_equal(again.matrix, part[0].matrix)
        assert np.isfinite(dispersions(verifier)(rows)).all()
        rows[:] = True
        assert compared(verifier, rows) is None
        assert np.isnan(dispersions(verifier)(rows)).all()


def test_a_run_on_a_large_pool_compares_its_soups_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gram_module, "MOST", 4)
    result = radin.make_soup(radin.Pool(make_pool(tmp_path, 6)), task(), run_dir=tmp_path / "run", baselines=())
    stored = [np.load(file).shape for file in (tmp_path / "run" / "grams").glob("*.npy")]
    assert result.verified
    assert all(shape[-1] <= 4 for shape in stored)
