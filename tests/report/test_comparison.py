"""What a winner is compared with: the best ingredient, and where statistics were recomputed, the like of it."""

from pathlib import Path

import pytest
import torch
from helpers.small import Network, clouds, make_pool, task
from safetensors.torch import load_file, save_file
from torch.optim.swa_utils import update_bn

import radin
from radin.evaluation.planning import plan


@pytest.fixture(scope="module")
def stale(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Ingredients whose BatchNorm statistics do not fit the data."""
    paths = make_pool(tmp_path_factory.mktemp("stale"), 3, batchnorm=True)
    for path in paths:
        state = load_file(path)
        state["layers.1.running_mean"] += 2.0
        save_file(state, path)
    return paths


def test_what_recomputed_statistics_gain_is_not_taken_for_averaging(stale: list[Path], tmp_path: Path) -> None:
    x, y = clouds(500, 7)
    one = task(batchnorm=True, test=(x, y))
    result = radin.make_soup(radin.Pool(stale), one, run_dir=tmp_path)
    report = result.report
    assert result.soup_won
    assert report.control is not None

    network = Network(batchnorm=True)
    network.load_state_dict(load_file(stale[int(report.ingredient[-1])]))
    inputs, labels = clouds(len(one.rows), 1)
    selecting = one.split[0]
    update_bn([inputs[selecting]], network)
    network.eval()
    with torch.inference_mode():
        assert report.control.value == pytest.approx(float((network(x).argmax(1) == y).double().mean()), abs=1 / 500)
        known = float((network(inputs[selecting]).argmax(1) == labels[selecting]).double().mean())
    assert result.control == pytest.approx(known, abs=1.5 / len(selecting))

    assert report.control.value > report.best_ingredient.high
    assert report.rival == (report.control, report.control_p_value)
    assert report.p_value is not None and report.control_p_value is not None
    assert report.p_value < 0.001 < report.control_p_value
    assert f"{result.control:.4f} with its BatchNorm statistics recomputed" in result.verdict
    assert result.to_json()["tests"]["test"]["control"]["value"] == report.control.value


def test_the_like_is_planned_for(stale: list[Path], tmp_path: Path) -> None:
    pool, one = radin.Pool(stale), task(batchnorm=True, test=clouds(100, 7))
    assert plan(pool, one, run_dir=tmp_path).controls == 2
    assert plan(pool, one, run_dir=tmp_path, batchnorm="average").controls == 0


def test_the_like_is_evaluated_once(stale: list[Path], tmp_path: Path) -> None:
    one = task(batchnorm=True)
    results = [radin.make_soup(radin.Pool(stale), one, run_dir=tmp_path) for _ in range(2)]
    assert results[0].spent == results[1].spent
    assert results[0].spent.controls == 2  # on the selecting samples, and on those that are held back
    with radin.Ledger(tmp_path / "ledger.db") as ledger:
        assert ledger.count("control") == 2
        assert ledger.count("soup") == results[0].spent.soups


@pytest.mark.parametrize("policy", ["average", "keep"])
def test_other_policies_need_no_control(stale: list[Path], tmp_path: Path, policy: str) -> None:
    result = radin.make_soup(radin.Pool(stale), task(batchnorm=True), run_dir=tmp_path, batchnorm=policy)
    assert result.control is result.report.control is None
    assert result.report.rival == (result.report.best_ingredient, result.report.p_value)
    assert result.spent.controls == 0


def test_the_control_is_bound_to_what_it_is_of(stale: list[Path], tmp_path: Path) -> None:
    """Two samplings of the selecting rows give two sets of statistics, and neither may be served for the other."""
    pool, single = radin.Pool(stale), radin.Recipe.subset([f"run{i}" for i in range(3)], [0])
    found = []
    for seed in (0, 1, 0):
        with radin.Verifier(pool, task(batchnorm=True, split_seed=seed), tmp_path) as verifier:
            found.append(verifier.logits(single, statistics="recomputed").copy())
            assert not (verifier.logits(single) == found[-1]).all()
    assert (found[0] == found[2]).all()
    assert not (found[0] == found[1]).all()
