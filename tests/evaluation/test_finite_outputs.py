"""Outputs that are not finite: the sample is named by its place in the data; broken inputs are told from a model."""

from pathlib import Path

import numpy as np
import pytest
import torch

import radin
from radin.errors import DataError, NonFiniteError, TaskError
from radin.evaluation.finite_outputs import check_outputs, last_layer_of, refuse_probabilities
from radin.scoring.kinds import CLASSES, OneLogit, SeveralLabels, Values
from radin.tasks.data import Rows
from tests.helpers.small import Network, clouds, make_pool

PLACES = np.array([3, 17, 20])


@pytest.fixture
def rows() -> Rows:
    return Rows(clouds(30, 1), batch_size=8, what="val.pt")


def outputs(bad: float = 0.0) -> np.ndarray:
    made = np.zeros((3, 3), dtype=np.float32)
    made[1, 2] = bad
    return made


def test_finite_outputs_pass(rows: Rows) -> None:
    check_outputs(CLASSES, outputs(), rows, PLACES, "run1")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_the_sample_is_named_by_its_place_in_the_data(rows: Rows, bad: float) -> None:
    with pytest.raises(NonFiniteError, match="run1: its logits for sample 17 are not finite"):
        check_outputs(CLASSES, outputs(bad), rows, PLACES, "run1")


@pytest.mark.parametrize("bad", [np.nan, -np.inf])
@pytest.mark.parametrize("structure", [lambda x: x, lambda x: {"pixels": x, "length": torch.arange(30)}])
def test_inputs_that_are_not_finite_are_not_laid_at_the_models_door(structure: object, bad: float) -> None:
    x, y = clouds(30, 1)
    x[17, 0] = bad
    rows = Rows((structure(x), y), batch_size=8, what="val.pt")
    with pytest.raises(DataError, match=r"val.pt: the inputs of sample 17 hold NaN or infinities") as caught:
        check_outputs(CLASSES, outputs(np.nan), rows, PLACES, "run1")
    assert not isinstance(caught.value, NonFiniteError)


def test_a_run_says_which_sample_is_broken_although_a_part_is_held_back(tmp_path: Path) -> None:
    x, y = clouds(200, 1)
    x[101] = torch.nan
    task = radin.Task(Network, (x, y), device="cpu")
    with pytest.raises(DataError, match="the inputs of sample 101 hold NaN"):
        radin.make_soup(radin.Pool(make_pool(tmp_path / "pool", 3)), task, run_dir=tmp_path / "run")


ROWS = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)


def test_probabilities_where_logits_are_averaged_are_refused() -> None:
    shares = np.exp(ROWS) / np.exp(ROWS).sum(axis=1, keepdims=True)
    for made in (shares, shares.astype(np.float16).astype(np.float32)):
        with pytest.raises(TaskError, match=r"probabilities.*sum 1.*last layer, softmax.*\.log\(\)"):
            refuse_probabilities(CLASSES, made)
    yes = 1 / (1 + np.exp(-3 * ROWS))
    with pytest.raises(TaskError, match=r"last layer, sigmoid.*\.logit\(\)"):
        refuse_probabilities(SeveralLabels(), yes)
    with pytest.raises(TaskError, match="last layer, sigmoid"):
        refuse_probabilities(OneLogit(), np.stack([np.zeros(12, np.float32), yes[:, 0]], axis=1))


def test_logits_and_a_few_samples_are_no_probabilities() -> None:
    shares = np.exp(ROWS) / np.exp(ROWS).sum(axis=1, keepdims=True)
    refuse_probabilities(CLASSES, ROWS)
    refuse_probabilities(CLASSES, np.log(shares))
    refuse_probabilities(CLASSES, shares[:4])
    refuse_probabilities(CLASSES, np.full_like(ROWS, np.nan))
    refuse_probabilities(SeveralLabels(), ROWS)
    refuse_probabilities(Values(), 1 / (1 + np.exp(-ROWS)))
    refuse_probabilities(OneLogit(), np.stack([np.zeros(12, np.float32), ROWS[:, 0]], axis=1))


def test_a_head_that_was_never_trained_gives_logits() -> None:
    for kind, columns in ((OneLogit(), 2), (SeveralLabels(), 3), (CLASSES, 3)):
        refuse_probabilities(kind, np.zeros((12, columns), np.float32))


def test_outputs_far_from_both_ends_may_be_logits_of_a_network_that_has_learnt_little() -> None:
    yes = np.linspace(0.2, 0.7, 12, dtype=np.float32)[:, None]
    for kind, made in ((OneLogit(), np.hstack([np.zeros_like(yes), yes])), (SeveralLabels(), np.hstack([yes, yes]))):
        refuse_probabilities(kind, made)
        assert last_layer_of(kind, made) == "sigmoid"
    assert last_layer_of(SeveralLabels(), ROWS) == last_layer_of(Values(), yes) == ""


@pytest.mark.parametrize(
    ("last", "steep"),
    [(torch.nn.Identity(), 1.0), (torch.nn.Sigmoid(), 4.0), (torch.nn.Sigmoid(), 1.0)],
    ids=["logits", "probabilities", "probabilities far from both ends"],
)
def test_a_first_batch_of_one_class_does_not_decide_what_outputs_are(
    tmp_path: Path, last: torch.nn.Module, steep: float
) -> None:
    x = torch.linspace(0.9, -3, 200)[:, None]  # the samples of class 1 first, as folders of classes have them
    paths = [tmp_path / f"run{i}.pt" for i in range(3)]
    for i, path in enumerate(paths):
        torch.save({"0.weight": torch.full((1, 1), steep * (1 - 0.1 * i)), "0.bias": torch.zeros(1)}, path)
    task = radin.Task(
        lambda: torch.nn.Sequential(torch.nn.Linear(1, 1), last),
        (x, (x[:, 0] > 0).long()),
        batch_size=16,
        device="cpu",
        outputs="one-logit",
    )
    how = {"budget": radin.Budget(soups=1), "run_dir": tmp_path / "run", "progress": False}
    if steep == 4.0:
        with pytest.raises(TaskError, match="leave out its last layer, sigmoid"):
            radin.make_soup(radin.Pool(paths), task, **how)
        return
    found = radin.make_soup(radin.Pool(paths), task, **how)
    doubts = [remark for remark in found.report.remarks if "leave out the network's last layer, sigmoid" in remark]
    if isinstance(last, torch.nn.Sigmoid):
        assert len(doubts) == 1
    else:
        assert not doubts and found.best.score > 0.9
