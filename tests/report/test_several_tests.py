"""Several test sets in one run: each is run once, resumed alone, reported in a column of its own."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.layouts import paint
from helpers.small import clouds, task
from safetensors.torch import save_file
from torch import nn

import radin
from radin.cli.planned import show_plan
from radin.cli.soup import show_result
from radin.errors import DataError, InputError
from radin.evaluation.planning import plan
from radin.tasks.readers import open_sets


@pytest.fixture
def pool(checkpoints: list[Path]) -> radin.Pool:
    return radin.Pool(checkpoints)


def accuracy(result: radin.Result, x, y) -> float:
    network = task().build_model().eval()
    network.load_state_dict(load(result))
    return float((network(x).argmax(1) == y).double().mean())


def load(result: radin.Result) -> dict:
    from safetensors.torch import load_file

    return load_file(result.run_dir / "soup.safetensors")


def test_each_set_is_a_column_and_their_mean_another(pool: radin.Pool, tmp_path: Path, capsys) -> None:
    sets = {"near": clouds(90, 5), "far": clouds(60, 6)}
    result = radin.make_soup(pool, task(test=sets), run_dir=tmp_path / "run", budget=radin.Budget(soups=2))
    assert list(result.tests) == ["near", "far"]
    assert result.report == result.tests["near"]
    values = result.on_tests(result.best.recipe)
    for name, (x, y) in sets.items():
        assert values[name] == accuracy(result, x, y) == result.tests[name].winner.value
        assert result.tests[name].n_samples == len(y)
    assert values["mean"] == pytest.approx(np.mean([values["near"], values["far"]]))
    (uniform,) = (one.soup for one in result.baselines)
    assert uniform is not None
    assert set(result.baselines[0].tests) == {"near", "far"}
    compared = {result.best.recipe, result.best_ingredient.recipe, uniform.recipe}
    assert result.spent.test_passes == 2 * len(compared)
    written = json.loads((tmp_path / "run" / "leaderboard.json").read_text())
    assert written["leaderboard"][0]["tests"] == values
    assert set(written["tests"]) == {"near", "far"}
    assert sum("tests" in entry for entry in written["leaderboard"]) == 1 + result.soup_won
    show_result(result)
    shown = capsys.readouterr().out
    assert f"{values['mean']:.4f}" in shown
    assert "near" in shown


@pytest.mark.usefixtures("wide")
def test_a_set_that_is_added_later_is_all_that_is_run(pool: radin.Pool, tmp_path: Path, capsys) -> None:
    settings = {"run_dir": tmp_path / "run", "budget": radin.Budget(soups=2)}
    first = radin.make_soup(pool, task(test={"near": clouds(90, 5)}), **settings)
    assert first.on_tests(first.best.recipe) == {}  # one set is what the report is about
    both = {"near": clouds(90, 5), "far": clouds(60, 6)}
    planned = plan(pool, task(test=both), budget=radin.Budget(soups=2), run_dir=tmp_path / "run")
    assert (planned.passes, planned.soups, planned.test_passes, planned.test_samples) == (0, 0, 3, 60)
    assert not planned.is_done
    show_plan(planned)
    assert "60, on each of 3 networks" in capsys.readouterr().out
    show_plan(plan(pool, task(test=both), run_dir=tmp_path / "other"))
    assert "150 in 2 test sets, on each of 3 networks" in capsys.readouterr().out
    second = radin.make_soup(pool, task(test=both), **settings)
    assert second.tests["near"] == first.report
    assert second.spent.test_passes == 2 * first.spent.test_passes
    assert second.spent.passes == 5
    changed = {"near": clouds(90, 7), "far": clouds(60, 6)}
    with pytest.raises(radin.RadinError, match="the test set near differs"):
        radin.make_soup(pool, task(test=changed), **settings)


def test_names_and_contents_of_sets_are_checked(pool: radin.Pool, tmp_path: Path) -> None:
    with (
        radin.Verifier(pool, task(test={"near": clouds(9, 5)}), tmp_path / "other") as verifier,
        pytest.raises(InputError, match="no test set 'far'; there are: near"),
    ):
        verifier.unseen_logits(radin.Recipe.uniform(pool.names), "far")
    for wrong in ({"a/b": clouds(9, 1)}, {"..": clouds(9, 1)}, {}, {3: clouds(9, 1)}):
        with pytest.raises(InputError, match="test sets have names of letters"):
            task(test=wrong)
    with pytest.raises(InputError, match="cannot be called 'mean'"):
        task(test={"mean": clouds(9, 1), "near": clouds(9, 2)})
    with pytest.raises(DataError, match="test set same: these are the data that select"):
        radin.make_soup(pool, task(test={"same": clouds(300, 1)}), run_dir=tmp_path / "run")


class Colours(nn.Module):
    """A linear map of an image's mean colour."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 4)

    def forward(self, images):
        return self.head(images.mean((2, 3)))


def test_a_set_with_a_part_of_the_classes_is_scored_on_those(tmp_path: Path) -> None:
    from radin.tasks.readers.wordnet import imagenet_wnids

    classes = [imagenet_wnids()[place] for place in (3, 7, 8, 30)]
    for c, wnid in enumerate(classes):
        for i in range(6):
            paint(tmp_path / "val" / wnid / f"{i}.png", 10 * c + i)
            if c in (1, 3):
                paint(tmp_path / "r" / wnid / f"{i}.png", 100 + 10 * c + i)
    bad = tmp_path / "r" / classes[1] / "5.png"
    bad.write_bytes(b"damaged")
    for i in range(3):
        save_file(Colours().state_dict(), tmp_path / f"{i}.safetensors")
    sets = open_sets(tmp_path / "val", f"r=imagenet-r:{tmp_path / 'r'},v=folder:{tmp_path / 'val'}", corrupt="skip")
    sets.test["v"] = sets.test["v"].take(np.arange(12))
    one = radin.Task(Colours, sets.data, test=sets.test, device="cpu")
    pool = radin.Pool(str(tmp_path / "*.safetensors"))
    result = radin.make_soup(pool, one, run_dir=tmp_path / "run", budget=radin.Budget(soups=1))
    assert result.tests["r"].n_samples == 11
    assert any(
        "1 of 12 images cannot be read and are left out" in note and "5.png" in note
        for note in result.tests["r"].remarks
    )
    network = Colours().eval()
    network.load_state_dict(load(result))
    right = [network(image[None]).detach()[0, [1, 3]].argmax() == label for image, label in sets.test["r"]]
    assert result.tests["r"].winner.value == np.mean(right)
    with radin.Ledger(tmp_path / "run" / "ledger.db") as ledger:
        assert any(str(bad) in entry for entry in ledger.fact("digests of data"))
    bad.write_bytes(b"damaged otherwise")
    assert radin.make_soup(pool, one, run_dir=tmp_path / "run", budget=radin.Budget(soups=1)).best == result.best
