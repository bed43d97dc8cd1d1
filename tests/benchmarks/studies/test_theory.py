"""What the method rests on: exact where a model is linear in its parameters, second order elsewhere."""

import json
import re
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import nn

import radin
from benchmarks.studies import theory
from radin.scoring.metrics import get_metric
from radin.weights.filler import Filler

DEVICES = ["cpu"] + (["cuda"] if torch.cuda.is_available() else [])


class RandomFeatures(nn.Module):
    """Fixed nonlinear features, the same in all ingredients, and a head that differs: linear in what is trained."""

    def __init__(self, inputs: int, features: int, outputs: int) -> None:
        super().__init__()
        self.register_buffer("directions", torch.randn(inputs, features, generator=torch.Generator().manual_seed(0)))
        self.head = nn.Linear(features, outputs)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.head(torch.cos(inputs @ self.directions))


def build(kind: str, inputs: int, outputs: int, dtype: torch.dtype = torch.float64) -> nn.Module:
    network = nn.Linear(inputs, outputs) if kind == "linear" else RandomFeatures(inputs, 7, outputs)
    return network.to(dtype).requires_grad_(False)


def pool_of(folder: Path, network: nn.Module, n: int, rng: np.random.Generator) -> radin.Pool:
    """`n` files of this network with random weights in its last layer."""
    state = network.state_dict()
    for i in range(n):
        random = {
            name: torch.from_numpy(rng.normal(size=tuple(tensor.shape))).to(tensor.dtype)
            for name, tensor in state.items()
            if name != "directions"
        }
        save_file(state | random, folder / f"{i}.safetensors")
    return radin.Pool([folder / f"{i}.safetensors" for i in range(n)])


def soup_logits(network: nn.Module, filler: Filler, recipe: radin.Recipe, inputs: torch.Tensor) -> np.ndarray:
    filler.fill(recipe)
    return network(inputs).cpu().numpy()


def bank_of(pool: radin.Pool, network: nn.Module, inputs: torch.Tensor, labels: np.ndarray) -> radin.LogitBank:
    filler = Filler(network, pool)
    singles = [radin.Recipe.subset(pool.names, [i]) for i in range(len(pool))]
    logits = [soup_logits(network, filler, one, inputs) for one in singles]
    filler.close()
    return radin.LogitBank.from_arrays(logits, labels, pool.names)


def ratios(n: int) -> st.SearchStrategy[list[float]]:
    """Mixing ratios of every shape: some ingredients left out, some nearly."""
    part = st.one_of(st.just(0.0), st.floats(0.0, 1.0), st.floats(1e-9, 1e-6))
    parts = st.lists(part, min_size=n, max_size=n).filter(lambda row: sum(row) > 1e-12)
    return parts.map(lambda row: (np.array(row) / sum(row)).tolist())


@st.composite
def problems(draw: st.DrawFn) -> tuple[str, int, int, int, list[list[float]]]:
    n = draw(st.integers(1, 5))
    recipes = draw(st.lists(ratios(n), min_size=1, max_size=4))
    return (
        draw(st.sampled_from(["linear", "random features"])),
        draw(st.integers(1, 6)),
        draw(st.integers(2, 5)),
        n,
        recipes,
    )


@pytest.mark.parametrize("device", DEVICES)
@given(problem=problems(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=12)
def test_surrogate_is_the_soup_where_a_classifier_is_linear_in_its_parameters(device, problem, seed):
    kind, d, classes, n, weights = problem
    rng = np.random.default_rng(seed)
    inputs = torch.from_numpy(rng.normal(size=(40, d))).to(device)
    labels = rng.integers(classes, size=40)
    network = build(kind, d, classes).to(device)
    with tempfile.TemporaryDirectory() as folder:
        pool = pool_of(Path(folder), network, n, rng)
        bank = bank_of(pool, network, inputs, labels)
        filler = Filler(network, pool)
        for row in weights:
            recipe = radin.Recipe.of(pool.names, row)
            real = soup_logits(network, filler, recipe, inputs)
            for metric, tolerance in (("nll", 1e-12), ("accuracy", 0.0)):
                surrogate = radin.Surrogate(bank, metric, device=device)
                predicted = surrogate(np.array([recipe.weights]))[0]
                assert predicted == pytest.approx(get_metric(metric).score(real, labels), rel=tolerance, abs=tolerance)
        filler.close()


@pytest.mark.parametrize("kind", ["linear", "random features"])
def test_files_of_soups_have_the_averaged_logits_in_single_precision(tmp_path, kind):
    rng = np.random.default_rng(1)
    network = build(kind, 6, 4, torch.float32)
    inputs, labels = torch.from_numpy(rng.normal(size=(50, 6))).float(), rng.integers(4, size=50)
    pool = pool_of(tmp_path, network, 5, rng)
    bank = bank_of(pool, network, inputs, labels)
    for weights in rng.dirichlet(np.ones(5), 10):
        network.load_state_dict(load_file(radin.average(pool, weights, tmp_path / "soup.safetensors")))
        averaged = np.tensordot(weights, [bank.read(i, 0, 50) for i in range(5)], axes=1)
        np.testing.assert_allclose(network(inputs).numpy(), averaged, rtol=0, atol=2e-5)


@given(weights=ratios(4), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=12)
def test_surrogate_is_the_soup_in_linear_regression(weights, seed):
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(60, 3))
    targets = inputs @ rng.normal(size=3) + 0.5 + rng.normal(size=60)
    network = build("linear", 3, 1)

    def minus_squared_error(outputs, _labels):
        return -np.square(outputs[:, 0] - targets)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for i in range(4):  # least squares on four parts of the data
            rows = rng.choice(60, 20, replace=False)
            fitted = np.linalg.lstsq(np.c_[inputs[rows], np.ones(20)], targets[rows], rcond=None)[0]
            state = {"weight": torch.from_numpy(fitted[None, :3].copy()), "bias": torch.from_numpy(fitted[3:].copy())}
            save_file(state, folder / f"{i}.safetensors")
        pool = radin.Pool(str(folder / "*.safetensors"))
        bank = bank_of(pool, network, torch.from_numpy(inputs), np.zeros(60, dtype=np.int64))
        surrogate = radin.Surrogate(bank, minus_squared_error)
        recipe = radin.Recipe.of(pool.names, weights)
        soup = load_file(radin.average(pool, recipe, folder / "soup.safetensors"))
    errors = np.square(inputs @ soup["weight"].numpy()[0] + soup["bias"].item() - targets)
    assert surrogate(np.array([recipe.weights]))[0] == pytest.approx(-errors.mean(), rel=1e-12)


def test_surrogate_and_verifier_order_all_subsets_of_a_linear_pool_alike(tmp_path):
    rng = np.random.default_rng(2)
    pool = pool_of(tmp_path, build("random features", 5, 3, torch.float32), 5, rng)
    data = torch.from_numpy(rng.normal(size=(300, 5))).float(), torch.from_numpy(rng.integers(3, size=300))
    task = radin.Task(lambda: build("random features", 5, 3, torch.float32), data, metric="nll")
    masks = (np.arange(1, 2**5)[:, None] >> np.arange(5) & 1).astype(bool)
    with radin.Verifier(pool, task, tmp_path / "run") as verifier:
        real = verifier(masks)
        predicted = radin.Surrogate(verifier.bank, "nll")(masks)
    np.testing.assert_allclose(predicted, real, rtol=1e-5)
    assert (np.argsort(predicted) == np.argsort(real)).all()


@pytest.fixture(scope="module")
def rows():
    return theory.measure([1.0, 2**-5, 2**-6, 2**-7], n=4, k=12)


def test_the_change_of_each_loss_halves_with_the_distance(rows):
    for far, near in pairwise(rows[1:]):
        assert 1.9 < far.soup_change / near.soup_change < 2.1
        assert 1.9 < far.ensemble_change / near.ensemble_change < 2.1


def test_the_gap_between_soup_and_ensemble_shrinks_fourfold(rows):
    for far, near in pairwise(rows[1:]):
        assert 3.7 < far.gap / near.gap < 4.3
    assert rows[0].gap > 1e-4, "the fine-tuned networks themselves are far enough apart to be told from their ensemble"


def test_the_command_draws_prints_and_keeps_its_numbers(tmp_path, capsys):
    picture, numbers = tmp_path / "theory.png", tmp_path / "theory.json"
    command = f"--halvings 1 --doublings 0 --ingredients 2 --recipes 3 --out {picture} --json {numbers}"
    theory.main(command.split())
    assert picture.read_bytes().startswith(b"\x89PNG")
    rows = json.loads(numbers.read_text())["rows"]
    assert [row["distance"] for row in rows] == [1.0, 0.5]
    printed = capsys.readouterr().out
    assert f"{rows[1]['gap']:.3e} | {rows[0]['gap'] / rows[1]['gap']:.2f}" in printed


def test_the_numbers_in_the_docs_are_those_of_the_code(capsys):
    text = (Path(__file__).parents[3] / "docs" / "method.md").read_text()
    (snippet,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    exec(compile(snippet, "docs/method.md", "exec"), {})
    assert capsys.readouterr().out.splitlines() == re.findall(r"# (?!450)(.*)", snippet)
