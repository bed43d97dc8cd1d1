"""What a diagnosis says of real pools, sound ones and ones with something broken in them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.small import Network, make_pool, task, train
from safetensors.torch import load_file, save_file

import radin
from radin.demo import digits
from radin.errors import InputError
from radin.evaluation.gram import Gram, weight_gram
from radin.report.diagnosis import diagnose
from radin.report.findings import home_group, search_findings, soup_findings, weight_findings
from radin.report.verified_soup import VerifiedSoup


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Five digits networks of one start, one of another, one with its classes reversed, one with NaN."""
    folder = tmp_path_factory.mktemp("broken")
    one, other = (digits.train_pool(folder / str(seed), n, seed) for seed, n in ((0, 5), (1, 1)))
    files = {path.stem: path for path in one} | {"foreign": folder / "foreign.safetensors"}
    save_file(load_file(other[0]), files["foreign"])
    state = load_file(one[0])
    head = list(state)[-2:]
    files["reversed"] = folder / "reversed.safetensors"
    save_file(state | {name: state[name].flip(0) for name in head}, files["reversed"])
    files["exploded"] = folder / "exploded.safetensors"
    save_file(state | {head[0]: state[head[0]] * torch.nan}, files["exploded"])
    return files


def without(files: dict[str, Path], *names: str) -> radin.Pool:
    return radin.Pool([path for name, path in files.items() if name not in names])


def test_one_of_another_start_is_named_from_weights_alone(broken: dict[str, Path]) -> None:
    found = diagnose(without(broken, "exploded", "reversed"))
    assert found.suspects == ("foreign",)
    assert [one.kind for one in found.findings] == ["elsewhere"]
    assert "foreign lies in another region" in found.reasons[0]
    assert found.verdict.startswith("Leave out foreign; whether the rest soups is not shown yet: give a task")
    rows = {row["name"]: row for row in found.ingredients()}
    assert rows["foreign"]["distance"] > 2 * rows["run-00"]["distance"]


def test_with_real_soups_the_sound_rest_is_told_from_it(broken: dict[str, Path], tmp_path: Path) -> None:
    found = diagnose(without(broken, "exploded"), digits.task(), run_dir=tmp_path, soups=3)
    assert found.suspects == ("foreign", "reversed")
    kinds = {(one.kind, one.ingredient) for one in found.findings}
    assert {("elsewhere", "foreign"), ("barrier", "foreign"), ("chance", "reversed")} <= kinds
    assert found.verdict.startswith("This pool soups once foreign and reversed are left out: 2 real soups keep ")
    assert found.soups == 3
    with radin.Ledger(tmp_path / "ledger.db") as ledger:
        assert (ledger.count("pass"), ledger.count("soup")) == (7, 3)
    again = diagnose(without(broken, "exploded"), digits.task(), run_dir=tmp_path)
    assert (again.soups, again.verdict) == (0, found.verdict)
    json.dumps(again.to_json(), allow_nan=False)


def test_a_run_warns_in_the_same_words(broken: dict[str, Path], tmp_path: Path) -> None:
    pool = without(broken, "exploded", "reversed")
    result = radin.make_soup(pool, digits.task(), run_dir=tmp_path)
    found = diagnose(pool, digits.task(), run_dir=tmp_path)
    assert list(result.warnings) == found.reasons
    assert any(text.startswith("foreign lies in another region") for text in result.warnings)
    assert json.loads((tmp_path / "leaderboard.json").read_text())["warnings"] == found.reasons


def test_one_that_diverged_is_named_and_nothing_is_run(broken: dict[str, Path], tmp_path: Path) -> None:
    found = diagnose(without(broken, "foreign", "reversed"), digits.task(), run_dir=tmp_path / "run")
    assert found.suspects == ("exploded",)
    assert "NaN" in found.reasons[0]
    assert not (tmp_path / "run").exists()


def test_networks_that_do_not_average_are_called_that(tmp_path: Path) -> None:
    """One function, its hidden units in another order each: near in no sense that averaging knows."""
    (first,) = make_pool(tmp_path / "pool", 1)
    weights = load_file(first)
    for shift in range(1, 6):
        turned = {name: value.roll(shift, 1 if name == "layers.3.weight" else 0) for name, value in weights.items()}
        turned["layers.3.bias"] = weights["layers.3.bias"]
        save_file(turned, tmp_path / "pool" / f"turned{shift}.safetensors")
    found = diagnose(radin.Pool(tmp_path / "pool"), task(), run_dir=tmp_path / "run", soups=3)
    assert "does not soup" in found.verdict
    assert found.suspects == tuple(f"turned{shift}" for shift in range(1, 6))


def test_a_sound_pool_has_nothing_against_it(checkpoints: list[Path], tmp_path: Path) -> None:
    pool = radin.Pool(checkpoints)
    alone = diagnose(pool)
    assert alone.verdict.startswith("Nothing in the weights speaks against souping this pool")
    found = diagnose(pool, task(), run_dir=tmp_path, soups=2)
    assert found.findings == ()
    assert found.verdict.startswith("This pool soups: 2 real soups keep ")
    assert found.reasons == ["No ingredient and no verified soup stands out."]


def test_the_start_makes_angles_those_of_updates(checkpoints: list[Path]) -> None:
    pool = radin.Pool(checkpoints[1:])
    found = diagnose(pool, pretrained=radin.Pool(checkpoints[:1]))
    start, *rest = (np.concatenate([t.numpy().ravel() for t in load_file(path).values()]) for path in checkpoints)
    one, two = (np.float64(weights) - start for weights in rest[:2])
    angle = np.degrees(np.arccos(one @ two / np.linalg.norm(one) / np.linalg.norm(two)))
    np.testing.assert_allclose(found.weights.angles[0, 1], angle, rtol=1e-5)
    assert found.to_json()["origin"] == "pretrained"


def test_an_ingredient_that_went_far_is_mentioned_but_kept() -> None:
    points = np.eye(8)[:6] * np.array([1, 1, 1, 1, 1, 9])[:, None] + 100.0
    far = Gram(tuple("abcdef"), points @ points.T, absolute=points @ points.T)
    (finding,) = weight_findings(far)
    assert (finding.kind, finding.ingredient) == ("far", "f")


def test_the_larger_of_two_groups_is_home(tmp_path: Path) -> None:
    paths = make_pool(tmp_path, 3)
    for seed in range(2):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(50 + seed)
            network = Network()
            train(network, seed=1, steps=60, rate=0.1)
        paths.append(tmp_path / f"x{seed}.safetensors")
        save_file(network.state_dict(), paths[-1])
    assert home_group(weight_gram(radin.Pool(paths))).tolist() == [True, True, True, False, False]


@pytest.mark.parametrize(
    ("stopped", "improved", "late"), [("budget", 95, True), ("budget", 80, False), ("finished", 95, False)]
)
def test_a_search_that_was_still_improving_is_mentioned(stopped: str, improved: int, late: bool) -> None:
    search = {"searcher": "monte-carlo", "charged": 100, "improved": improved, "stopped": stopped}
    assert bool(search_findings(search)) == late
    assert search_findings(None) == []


def test_soups_take_a_task(checkpoints: list[Path]) -> None:
    with pytest.raises(InputError, match="takes a task"):
        diagnose(radin.Pool(checkpoints), soups=2)


def test_soups_that_know_more_than_their_ensembles_point_to_batchnorm_statistics() -> None:
    recipes = [radin.Recipe.subset("abc", [0, i]) for i in (1, 2)]

    def verified(score: float, ensemble: float, error: float = 0.01) -> list[VerifiedSoup]:
        return [VerifiedSoup(one, score, ensemble, nll=1.0, gap_error=error, chance=0.2) for one in recipes]

    ahead = verified(0.96, 0.56)
    (found,) = soup_findings(ahead, statistics="recompute")
    assert found.kind == "statistics"
    assert "+0.4000 beside their averaged logits" in found.text
    assert not soup_findings(ahead, statistics="average")
    assert not soup_findings(verified(0.96, 0.95), statistics="recompute")
    behind = verified(0.5, 0.9)
    for policy, mend in (("average", {"batchnorm": "recompute"}), ("recompute", {}), (None, {})):
        (found,) = soup_findings(behind, statistics=policy)
        assert found.mend == mend
        assert ("Try batchnorm='recompute'." in found.text) == bool(mend)
        assert "--" not in found.text
