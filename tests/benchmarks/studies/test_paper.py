"""The paper's experiment, on tiny files in the formats of its data and a small CLIP."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import layouts
from helpers.clip_lab import CONFIG
from safetensors.torch import save_file

import radin
from benchmarks.studies.paper import main
from radin.tasks.clip import Architecture
from radin.tasks.load import load_task
from radin.tasks.open_clip import Classifier
from radin.tasks.readers import open_data

SHIFTED = ["imagenet-v2", "imagenet-r", "imagenet-sketch", "imagenet-a", "objectnet"]


def make_checkpoints(folder: Path, outputs: int) -> tuple[str, Path]:
    """Five small classifiers near one another, in the layout of model-soups; the task's argument, and their folder."""
    (folder / "tiny.json").write_text(json.dumps(CONFIG))
    torch.manual_seed(0)
    start = Classifier(Architecture.read(folder / "tiny.json").build(), 32, outputs).state_dict()
    (folder / "soups").mkdir()
    for i in range(5):
        state = {name: tensor + 0.05 * torch.randn(tensor.shape) for name, tensor in start.items()}
        save_file(state, folder / "soups" / f"model_{i}.safetensors")
    return f"arch={folder / 'tiny.json'}", folder / "soups"


def run(folder: Path, data: str, outputs: int, *options: str) -> int:
    """The experiment with B = 1 and 2; the checkpoints are made the first time."""
    made = (folder / "soups").exists()
    arch = f"arch={folder / 'tiny.json'}" if made else make_checkpoints(folder, outputs)[0]
    fixed = ["--task-arg", arch, "--device", "cpu", "--out", str(folder / "out"), "--soups", "1", "2"]
    return main([data, str(folder / "data"), str(folder / "soups"), *fixed, *options])


def rows_of(folder: Path, data: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "out" / f"{data}.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def cifar10(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run on CIFAR-10."""
    folder = tmp_path_factory.mktemp("paper")
    layouts.cifar10(folder / "data", n=300)
    assert run(folder, "cifar10", 10) == 0
    return folder


def test_cifar10_gives_every_row_once(cifar10: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = rows_of(cifar10, "cifar10")
    expected = [("best single", None, None), ("uniform", None, None)]
    expected += [("greedy soup", None, cap) for cap in (1, 2, None)]
    expected += [("RADIN, exhaustive", lam, cap) for lam in (0.0, 1.0) for cap in (1, 2)]
    expected += [("make_soup, defaults", 0.0, cap) for cap in (1, 2)]
    assert [(row["method"], row["lam"], row["soups"]) for row in rows] == expected
    assert [row["soups_charged"] for row in rows] == [0, 1, 1, 2, 4, 1, 2, 1, 2, 1, 2]
    assert all(row["samples_selecting"] == 30 and row["samples_reporting"] == {"cifar10": 60} for row in rows)

    assert run(cifar10, "cifar10", 10) == 0
    assert rows_of(cifar10, "cifar10") == rows
    assert "RADIN, exhaustive" in capsys.readouterr().out
    assert run(cifar10, "cifar10", 10, "--lam", "0.5") == 0
    assert [row["lam"] for row in rows_of(cifar10, "cifar10")[len(rows) :]] == [0.5, 0.5]


def test_scores_are_those_of_the_soup_in_plain_torch(cifar10: Path) -> None:
    (row,) = [row for row in rows_of(cifar10, "cifar10") if row["method"] == "uniform"]
    pool = radin.Pool(cifar10 / "soups")
    architecture = Architecture.read(cifar10 / "tiny.json")
    network = Classifier(architecture.build(), 32, 10).eval()
    states = [pool.state_dict(i) for i in range(len(pool))]
    network.load_state_dict({name: sum(state[name] for state in states) / len(states) for name in states[0]})
    test = open_data(f"cifar10/test:{cifar10 / 'data'}", architecture.transform())
    with torch.inference_mode():
        found = network(torch.stack([test[i][0] for i in range(len(test))])).argmax(1).numpy()
    assert row["tests"]["cifar10"] == pytest.approx((found == test.labels).mean(), abs=1e-12)
    assert row["recipe"] == {f"model_{i}": pytest.approx(0.2) for i in range(5)}


def test_imagenet_has_a_column_for_every_shifted_set(tmp_path: Path) -> None:
    data = tmp_path / "data"
    layouts.imagenet(data)
    layouts.imagenet_v2(data)
    for name, places in {"imagenet-r": (1, 10), "sketch": layouts.PLACES, "imagenet-a": (2, 999)}.items():
        layouts.by_wnid(data, name, places)
    layouts.objectnet(data)
    np.save(tmp_path / "minival.npy", np.arange(0, 60, 2))
    assert run(tmp_path, "imagenet", 1000, "--split", str(tmp_path / "minival.npy"), "--lam", "1") == 0
    rows = rows_of(tmp_path, "imagenet")
    assert len(rows) == 9
    for row in rows:
        assert list(row["tests"]) == ["imagenet", *SHIFTED]
        assert row["samples_selecting"] == 30
        assert row["mean"] == pytest.approx(np.mean(list(row["tests"].values())))


def test_the_defaults_are_those_of_make_soup(cifar10: Path, tmp_path: Path) -> None:
    found = {row["soups"]: row for row in rows_of(cifar10, "cifar10") if row["method"] == "make_soup, defaults"}
    data = f"cifar10:{cifar10 / 'data'}"
    named = {"arch": str(cifar10 / "tiny.json"), "data": data, "split": "heldout", "test": data.replace(":", "/test:")}
    task = load_task("open_clip", named, device="cpu")
    assert sorted(found) == [1, 2]
    result = radin.make_soup(
        radin.Pool(cifar10 / "soups"), task, budget=radin.Budget(soups=2), run_dir=tmp_path / "run", baselines=()
    )
    assert result.best.recipe.to_json() == found[2]["recipe"]
    assert result.report.winner.value == found[2]["mean"]


def test_domainnet_selects_on_one_domain_and_reports_on_all(tmp_path: Path) -> None:
    layouts.domainnet(tmp_path / "data")
    options = ["--domain", "painting", "--lam", "1", "--searcher", "greedy"]
    assert run(tmp_path, "domainnet", 3, *options) == 0
    assert {tuple(row["tests"]) for row in rows_of(tmp_path, "domainnet")} == {("painting", "clipart")}


def test_a_method_that_fails_costs_its_own_rows_and_the_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layouts.cifar10(tmp_path / "data", n=300)
    assert run(tmp_path, "cifar10", 10, "--lam", "0", "--searcher", "greedly") == 1
    failed = [row["method"] for row in rows_of(tmp_path, "cifar10") if row["error"]]
    assert failed == ["RADIN, greedly"] * 2
    assert "2 rows failed" in capsys.readouterr().err
    assert run(tmp_path, "cifar10", 10, "--lam", "0", "--searcher", "greedy") == 0


def test_data_that_are_not_there_are_a_row_with_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layouts.domainnet(tmp_path / "data")
    assert run(tmp_path, "domainnet", 3, "--domain", "sketches") == 1
    assert "no list sketches_test.txt" in rows_of(tmp_path, "domainnet")[0]["error"]
    assert "the domains there are ['clipart', 'painting']" in capsys.readouterr().err
