"""The verifier builds real soups: its scores are those of a plain network with the averaged weights."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.small import CLASSES, FEATURES, SAMPLES, Network, clouds, make_pool, task, train
from safetensors.torch import load_file, save_file

import radin
from radin.errors import DataError, IncompatibleError, InputError
from radin.scoring.objective import Objective


@pytest.fixture
def verifier(checkpoints: list[Path], tmp_path: Path, device: str):
    with radin.Verifier(radin.Pool(checkpoints), task(device=device), tmp_path / "run") as one:
        yield one


def plain_accuracy(paths: list[Path], members: list[int], rows: np.ndarray) -> float:
    """The obvious way: average state dicts, load them, count."""
    states = [load_file(paths[i]) for i in members]
    network = Network()
    network.load_state_dict({name: sum(state[name] for state in states) / len(states) for name in states[0]})
    x, y = clouds(SAMPLES, 1)
    with torch.inference_mode():
        return float((network(x[rows]).argmax(1) == y[rows]).double().mean())


def test_it_is_an_objective(verifier: radin.Verifier) -> None:
    assert isinstance(verifier, Objective)
    assert callable(verifier.tie_break)
    assert verifier.unit == "soup"


def test_scores_are_those_of_the_plain_way(verifier: radin.Verifier, checkpoints: list[Path]) -> None:
    masks = np.array([[1, 1, 0, 0, 0], [1, 0, 1, 1, 0], [1, 1, 1, 1, 1], [0, 0, 0, 1, 0]], dtype=bool)
    expected = [plain_accuracy(checkpoints, np.flatnonzero(mask).tolist(), verifier.selection_rows) for mask in masks]
    assert verifier(masks).tolist() == expected
    assert verifier.solo[3] == expected[3]


def test_a_soup_is_evaluated_once_and_a_single_never(verifier: radin.Verifier) -> None:
    masks = np.eye(5, dtype=bool)
    verifier(masks)
    assert verifier.ledger.count("soup") == 0
    pair = masks[:1] | masks[1:2]
    first = verifier(pair)
    assert verifier(np.array([[0.5, 0.5, 0, 0, 0]])) == first
    assert verifier.ledger.count("soup") == 1
    verifier(np.array([[0.25, 0.75, 0, 0, 0]]))
    assert verifier.ledger.count("soup") == 2


def test_the_tie_break_is_the_negative_log_likelihood(verifier: radin.Verifier) -> None:
    pair = np.array([[1, 1, 0, 0, 0]], dtype=bool)
    logits = verifier.logits(radin.Recipe.of(verifier.names, pair[0]))[verifier.selection_rows]
    labels = torch.from_numpy(verifier.bank.labels)
    expected = torch.nn.functional.cross_entropy(torch.tensor(logits).double(), labels)
    np.testing.assert_allclose(verifier.tie_break(pair), float(expected), rtol=1e-12)


def test_held_back_rows_do_not_select(verifier: radin.Verifier) -> None:
    data, labels, logits = verifier.unseen_logits(radin.Recipe.uniform(verifier.names))
    assert data == "held-back"
    assert len(labels) == len(logits) == 60
    assert not set(verifier.selection_rows) & set(verifier.held_back_rows)


def test_a_test_set_is_run_once_for_each_network(checkpoints: list[Path], tmp_path: Path) -> None:
    with radin.Verifier(radin.Pool(checkpoints), task(test=clouds(70, 9)), tmp_path / "run") as verifier:
        for _ in range(2):
            data, labels, logits = verifier.unseen_logits(radin.Recipe.subset(verifier.names, [1]))
        assert (data, len(labels), logits.shape) == ("test", 70, (70, 3))
        assert verifier.ledger.count("test") == 1


def test_without_anything_held_back_the_selection_data_report(checkpoints: list[Path], tmp_path: Path) -> None:
    with radin.Verifier(radin.Pool(checkpoints), task(holdback=0.0), tmp_path / "run") as verifier:
        data, labels, _ = verifier.unseen_logits(radin.Recipe.uniform(verifier.names))
    assert (data, len(labels)) == ("selection", SAMPLES)


@pytest.mark.parametrize("policy", ["average", "keep", "recompute"])
def test_batchnorm_policies_reach_network_and_file(policy: str, tmp_path: Path, device: str) -> None:
    """Whatever the policy, the file that is written and the network that was scored are the same."""
    paths = make_pool(tmp_path / "pool", 4, batchnorm=True)
    one, pool = task(batchnorm=True, device=device), radin.Pool(paths)
    with radin.Verifier(pool, one, tmp_path / "run", batchnorm=policy) as verifier:
        recipe = radin.Recipe.subset(pool.names, [0, 1, 3])
        logits = verifier.logits(recipe)
        statistics = verifier.recomputed(recipe)
    assert bool(statistics) == (policy == "recompute")
    radin.average(pool, recipe, tmp_path / "soup.safetensors", batchnorm=policy, replace=statistics)
    network = Network(batchnorm=True).eval()
    network.load_state_dict(load_file(tmp_path / "soup.safetensors"))
    with torch.inference_mode():
        np.testing.assert_allclose(network(one.data[0]).numpy(), logits, rtol=1e-4, atol=1e-5)


class Auxiliary(Network):
    """Has a second head, which training alone uses, as Inception has."""

    def __init__(self) -> None:
        super().__init__(batchnorm=True)
        self.head = torch.nn.Sequential(torch.nn.BatchNorm1d(FEATURES), torch.nn.Linear(FEATURES, CLASSES))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) + (self.head(x) if self.training else 0.0)


def test_a_layer_that_inference_does_not_reach_keeps_its_average(tmp_path: Path) -> None:
    paths = [tmp_path / f"{seed}.safetensors" for seed in range(2)]
    for seed, path in enumerate(paths):
        network = Auxiliary()
        train(network, seed, steps=5, rate=0.1)
        save_file(network.state_dict(), path)
    pool, one = radin.Pool(paths), radin.Task(Auxiliary, clouds(SAMPLES, 1), device="cpu")
    recipe = radin.Recipe.uniform(pool.names)
    with radin.Verifier(pool, one, tmp_path / "run") as verifier:
        statistics = verifier.recomputed(recipe)
    averaged, recomputed = (
        load_file(radin.average(pool, recipe, tmp_path / "soup.safetensors", replace=given))
        for given in ({}, statistics)
    )
    for statistic in ("running_mean", "running_var"):
        assert torch.equal(recomputed[f"head.0.{statistic}"], averaged[f"head.0.{statistic}"])
        assert not torch.equal(recomputed[f"layers.1.{statistic}"], averaged[f"layers.1.{statistic}"])


class Twice(torch.nn.Module):
    """Uses one BatchNorm layer under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = torch.nn.BatchNorm1d(FEATURES)
        self.again = self.norm
        self.head = torch.nn.Linear(FEATURES, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.again(self.norm(x).relu()))


def test_a_layer_under_two_names_has_its_statistics_recomputed_under_both(tmp_path: Path) -> None:
    paths = [tmp_path / f"{seed}.safetensors" for seed in range(2)]
    for seed, path in enumerate(paths):
        torch.manual_seed(seed)
        network = Twice()
        train(network, seed, steps=5, rate=0.1)
        save_file({name: tensor.clone() for name, tensor in network.state_dict().items()}, path)  # tied no more
    pool, one = radin.Pool(paths), radin.Task(Twice, clouds(SAMPLES, 1), device="cpu")
    with radin.Verifier(pool, one, tmp_path / "run") as verifier:
        recipe = radin.Recipe.uniform(pool.names)
        logits, statistics = verifier.logits(recipe), verifier.recomputed(recipe)
    radin.average(pool, recipe, tmp_path / "soup.safetensors", batchnorm="recompute", replace=statistics)
    network = Twice().eval()
    network.load_state_dict(load_file(tmp_path / "soup.safetensors"))
    with torch.inference_mode():
        np.testing.assert_allclose(network(one.data[0]).numpy(), logits, rtol=1e-4, atol=1e-5)


def test_recomputed_statistics_are_those_of_the_activations(tmp_path: Path) -> None:
    paths = make_pool(tmp_path / "pool", 3, batchnorm=True)
    one = task(batchnorm=True, batch_size=1000, holdback=0.0)
    with radin.Verifier(radin.Pool(paths), one, tmp_path / "run", batchnorm="recompute") as verifier:
        statistics = verifier.recomputed(radin.Recipe.uniform(verifier.names))
        network = verifier.network(radin.Recipe.uniform(verifier.names))
    with torch.inference_mode():
        hidden = network.layers[0](one.data[0])
    np.testing.assert_allclose(statistics["layers.1.running_mean"], hidden.mean(0).numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(statistics["layers.1.running_var"], hidden.var(0).numpy(), rtol=1e-4)


def test_recomputed_statistics_do_not_depend_on_how_data_are_sorted(tmp_path: Path) -> None:
    """Batches of one class alone would miss the variance between classes; a last batch of one has no variance."""
    paths = make_pool(tmp_path / "pool", 3, batchnorm=True)
    x, y = clouds(SAMPLES, 1)
    by_class = torch.argsort(y, stable=True)
    found = []
    for name, order in (("mixed", torch.arange(SAMPLES)), ("sorted", by_class)):
        one = radin.Task(
            partial(Network, True), (x[order], y[order]), holdback=0.0, batch_size=SAMPLES - 1, device="cpu"
        )
        with radin.Verifier(radin.Pool(paths), one, tmp_path / name, batchnorm="recompute") as verifier:
            found.append(verifier.recomputed(radin.Recipe.uniform(verifier.names)))
    for statistic in ("running_mean", "running_var"):
        np.testing.assert_allclose(
            found[0][f"layers.1.{statistic}"], found[1][f"layers.1.{statistic}"], rtol=0.05, atol=0.05
        )


def test_another_split_recomputes_from_other_samples(tmp_path: Path) -> None:
    """Statistics of rows that are held back now must not come from a soup that was stored before."""
    pool = radin.Pool(make_pool(tmp_path / "pool", 3, batchnorm=True))
    pair = np.array([[True, True, False]])
    for seed, soups in ((0, 1), (1, 2), (0, 2)):
        one = task(batchnorm=True, split_seed=seed)
        with radin.Verifier(pool, one, tmp_path / "run", batchnorm="recompute") as verifier:
            verifier(pair)
            assert verifier.ledger.count("soup") == soups


def test_an_unknown_policy_is_refused(checkpoints: list[Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown BatchNorm policy 'guess'"):
        radin.Verifier(radin.Pool(checkpoints), task(), tmp_path / "run", batchnorm="guess")
    with radin.Ledger(tmp_path / "run" / "ledger.db") as ledger:
        assert ledger.count("pass", "lost") == 0


def test_a_run_whose_network_is_refused_leaves_no_folder_that_it_made(checkpoints: list[Path], tmp_path: Path) -> None:
    pool = radin.Pool(checkpoints)
    (tmp_path / "mine").mkdir()
    for folder in (tmp_path / "run", tmp_path / "mine"):
        with pytest.raises(IncompatibleError):
            radin.Verifier(pool, task(batchnorm=True), folder)
    assert [one.name for one in tmp_path.iterdir()] == ["mine"] and not any((tmp_path / "mine").iterdir())


def test_what_was_read_of_checkpoints_outlives_a_refusal(checkpoints: list[Path], tmp_path: Path) -> None:
    """Fingerprints of large files take minutes."""
    with pytest.raises(DataError):
        radin.Verifier(radin.Pool(checkpoints), task(test=clouds(SAMPLES, seed=1)), tmp_path / "run")
    with radin.Ledger(tmp_path / "run" / "ledger.db") as ledger:
        assert len(ledger.fact("digests")) >= len(checkpoints)


def test_recomputed_statistics_are_charged_with_their_samples(tmp_path: Path) -> None:
    paths = make_pool(tmp_path / "pool", 3, batchnorm=True)
    with radin.Verifier(radin.Pool(paths), task(batchnorm=True), tmp_path / "run", batchnorm="recompute") as verifier:
        assert verifier.ledger.count("statistics") == 0  # single ingredients keep their own
        for members in ([0, 1], [0, 2], [0, 1]):
            verifier.logits(radin.Recipe.subset(verifier.names, members))
        assert verifier.ledger.count("statistics") == 2
        assert verifier.ledger.rows("statistics") == 2 * len(task().split[0])
        assert verifier.ledger.count("soup") == 2


def test_statistics_are_recomputed_once_for_verification_tests_and_file_and_kept(tmp_path: Path) -> None:
    paths = make_pool(tmp_path / "pool", 3, batchnorm=True)
    one = task(batchnorm=True, test={"near": clouds(40, 5), "far": clouds(30, 6)})
    budget = radin.Budget(soups=2)
    settings = {"run_dir": tmp_path / "run", "budget": budget, "batchnorm": "recompute", "lam": 5.0, "baselines": ()}
    result = radin.make_soup(radin.Pool(paths), one, **settings)
    assert result.soup_won
    assert result.spent.soups == 2
    assert result.spent.statistics == 3  # of two soups, and of the ingredient that they are compared with
    assert result.spent.statistics_samples == 3 * SAMPLES
    assert result.spent.controls == 3  # over the data and two test sets
    with radin.Ledger(tmp_path / "run" / "ledger.db") as ledger:
        assert ledger.count("statistics") == result.spent.statistics
    network = Network(batchnorm=True).eval()
    network.load_state_dict(load_file(tmp_path / "run" / "soup.safetensors"))
    x, y = clouds(30, 6)
    assert result.tests["far"].winner.value == float((network(x).argmax(1) == y).double().mean())
    again = radin.make_soup(radin.Pool(paths), one, **settings)
    assert again.spent == result.spent
    assert again.leaderboard == result.leaderboard


def test_damaged_statistics_are_computed_again_though_every_logit_is_known(tmp_path: Path) -> None:
    paths = make_pool(tmp_path / "pool", 3, batchnorm=True)
    settings = {"run_dir": tmp_path / "run", "budget": radin.Budget(soups=2), "batchnorm": "recompute"}
    radin.make_soup(radin.Pool(paths), task(batchnorm=True), **settings)
    folder = tmp_path / "run" / "statistics"
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    for file in sorted(folder.iterdir()):
        file.write_bytes(before[file.name][:-9])
        again = radin.make_soup(radin.Pool(paths), task(batchnorm=True), **settings)
        assert any(file.name in note for note in again.spent.notes)
        assert {file.name for file in folder.iterdir()} == set(before)
        assert all((folder / name).read_bytes() == content for name, content in before.items() if name != "index.json")
        assert radin.make_soup(radin.Pool(paths), task(batchnorm=True), **settings).spent.notes == ()


def test_a_network_without_batchnorm_has_no_statistics_to_charge(checkpoints: list[Path], tmp_path: Path) -> None:
    pool = radin.Pool(checkpoints)
    with radin.Verifier(pool, task(), tmp_path / "run", batchnorm="recompute") as verifier:
        recipe = radin.Recipe.uniform(pool.names)
        assert verifier.recomputed(recipe) == {}
        assert verifier.ledger.count("statistics") == 0


class Held(torch.nn.Module):
    """As a LightningModule holds its network, with a prefix before every name."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Network(batchnorm=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x)


def test_a_network_within_another_is_filled_and_written(tmp_path: Path) -> None:
    paths = make_pool(tmp_path / "pool", 3, batchnorm=True)
    held = radin.Task(Held, clouds(SAMPLES, 1), device="cpu")
    with radin.Verifier(radin.Pool(paths), held, tmp_path / "run", batchnorm="recompute") as verifier:
        recipe = radin.Recipe.uniform(verifier.names)
        logits, statistics = verifier.logits(recipe), verifier.recomputed(recipe)
    assert set(statistics) == {"layers.1.running_mean", "layers.1.running_var"}
    soup = radin.average(radin.Pool(paths), recipe, tmp_path / "soup.safetensors", replace=statistics)
    network = Network(batchnorm=True).eval()
    network.load_state_dict(load_file(soup))
    with torch.inference_mode():
        np.testing.assert_allclose(network(clouds(SAMPLES, 1)[0]).numpy(), logits, atol=1e-5)


def test_a_network_that_does_not_fit_leaves_the_folder_free(tmp_path: Path) -> None:
    paths = make_pool(tmp_path / "pool", 2, batchnorm=True)
    with pytest.raises(IncompatibleError, match="Build the network as it was for fine-tuning"):
        radin.Verifier(radin.Pool(paths), task(), tmp_path / "run")
    radin.Verifier(radin.Pool(paths), task(batchnorm=True), tmp_path / "run").close()
