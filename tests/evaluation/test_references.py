"""References: run once before all else, charged apart, and fixed in the run folder."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.language import Language, loss, make_pool, task, validation
from safetensors.torch import load_file

import radin
from radin.errors import NonFiniteError
from radin.evaluation.run_folder import RunFolder
from radin.evaluation.verifier import Verifier


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_pool(tmp_path_factory.mktemp("language"))


def network_of(*paths: Path) -> Language:
    """The network with the average of some files' weights."""
    states = [load_file(one) for one in paths]
    network = Language()
    network.load_state_dict({name: torch.stack([one[name] for one in states]).mean(0) for name in states[0]})
    return network


def true_loss(network: Language, rows: np.ndarray) -> float:
    tokens, following = validation()
    with torch.inference_mode():
        return float(loss(network, tokens[rows], following[rows]))


def test_a_run_gives_the_numbers_of_whole_logits(files: list[Path], tmp_path: Path) -> None:
    given, budget = task(metric="perplexity"), radin.Budget(soups=1)
    result = radin.make_soup(radin.Pool(files), given, run_dir=tmp_path, budget=budget)
    selecting, held = given.split
    soup = network_of(tmp_path / "soup.safetensors")
    assert result.best.value == pytest.approx(np.exp(true_loss(soup, selecting)), rel=1e-5)
    assert result.report.winner.value == pytest.approx(np.exp(true_loss(soup, held)), rel=1e-5)
    assert result.report.winner.low < result.report.winner.value < result.report.winner.high
    for one in result.leaderboard:
        members = [files[i] for i in one.recipe.members]
        assert one.value == pytest.approx(np.exp(true_loss(network_of(*members), selecting)), rel=1e-5)
    assert (result.spent.references, result.spent.passes, result.spent.soups) == (1, 4, 1)
    assert not result.findings
    assert f"too high by at most {result.verified[0].excess:.2g} nats" in str(result.surrogate_gap)
    again = radin.make_soup(radin.Pool(files), task(metric="perplexity"), run_dir=tmp_path, budget=budget)
    assert again.best.score == result.best.score
    assert (again.spent.references, again.spent.passes, again.spent.lost) == (1, 4, 0)
    ranked = radin.rank(radin.LogitBank.from_folder(tmp_path / "logits"), metric="perplexity")
    assert ranked.best_ingredient.value == pytest.approx(result.best_ingredient.value, rel=1e-9)
    assert ranked.excess > 0


@pytest.mark.parametrize("alternatives", [3, 12])
def test_averages_of_kept_logits_bound_those_of_whole_ones(
    files: list[Path], tmp_path: Path, alternatives: int
) -> None:
    whole = torch.stack([network_of(one)(validation()[0]).detach().double() for one in files])
    mixed = np.random.default_rng(0).dirichlet(np.ones(4), size=5)
    with Verifier(radin.Pool(files), task(alternatives, holdback=0.0), tmp_path) as verifier:
        scores = radin.Surrogate(verifier.bank)(mixed)
        kept = np.stack([verifier.bank.logits(i) for i in range(4)]).astype(np.float64)
    following = validation()[1]
    for weights, score in zip(mixed, scores, strict=True):
        average = torch.einsum("n,nmtv->mtv", torch.tensor(weights), whole)
        true = float(torch.nn.functional.cross_entropy(average.flatten(0, 1), following.flatten()))
        excess = verifier.bank.kind.excess(np.einsum("n,nrc->rc", weights, kept)).mean()
        assert true - 1e-6 <= -score <= true + excess + 1e-6
        assert excess < 1e-12 if alternatives == 12 else 1e-4 < excess < 0.5


def test_what_was_chosen_stays_when_ingredients_come_and_go(files: list[Path], tmp_path: Path) -> None:
    radin.collect_logits(radin.Pool(files[:3]), task(), run_dir=tmp_path)
    with RunFolder(tmp_path) as folder:
        (first,) = folder.references.entries()
    for some in (files, files[1:]):
        radin.collect_logits(radin.Pool(some), task(), run_dir=tmp_path)
    with RunFolder(tmp_path) as folder:
        assert list(folder.references.entries()) == [first]
        assert folder.ledger.count("reference") == 1 and folder.ledger.count("pass") == 4
        folder.references.remove(first)
    with Verifier(radin.Pool(files), task(), tmp_path) as verifier:  # chosen again by the same soup: nothing else runs
        assert list(verifier.folder.references.entries()) == [first]
        assert verifier.ledger.count("pass") == 4 and verifier.ledger.count("pass", "lost") == 0
        verifier.folder.references.remove(first)
    with Verifier(radin.Pool(files[1:]), task(), tmp_path) as verifier:  # that soup cannot be made any more
        assert list(verifier.folder.references.entries()) != [first]
        assert verifier.ledger.count("pass") == 7


def test_each_test_set_has_a_reference_of_its_own(files: list[Path], tmp_path: Path) -> None:
    tokens, following = validation()
    given = task(test=(tokens[40:], following[40:]))
    with Verifier(radin.Pool(files), given, tmp_path) as verifier:
        recipe = radin.Recipe.uniform(verifier.names)
        _, labels, kept = verifier.unseen_logits(recipe)
        assert verifier.ledger.count("reference") == 2
    losses = given.kind.losses(kept, labels)
    assert losses.mean() == pytest.approx(true_loss(network_of(*files), np.arange(40, 60)), rel=1e-5)


def test_a_plan_tells_the_size_and_runs_no_reference(files: list[Path], tmp_path: Path) -> None:
    small, large = (radin.plan(radin.Pool(files), task(k), run_dir=tmp_path) for k in (3, 8))
    assert (small.references, small.outputs, small.classes) == (1, "tokens", 8 * 5)
    samples = (4 + 4 + 1) * 48 + 3 * 12  # ingredients, soups, the uniform soup; held back for three
    assert large.disk_bytes - small.disk_bytes == 5 * 8 * 4 * (samples + 60)
    assert not (tmp_path / "references").exists()


def test_a_reference_whose_outputs_are_no_numbers_is_the_cause_that_is_named(files: list[Path], tmp_path: Path) -> None:
    given = task(forward=lambda network, tokens: network(tokens).log())
    with pytest.raises(NonFiniteError, match=r"chooses which tokens are kept: one of them has diverged"):
        Verifier(radin.Pool(files), given, tmp_path)
