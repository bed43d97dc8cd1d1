"""Labels on which a metric has no value are refused before the first pass, with what would mend that."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.small import Network, clouds, task

import radin
from radin.errors import DataError
from radin.evaluation.label_sets import check_label_sets
from radin.evaluation.run_folder import RunFolder


def halves(outputs: np.ndarray, labels: np.ndarray) -> float:
    """A function that has a value only where there are samples of class 0, and others."""
    if not 0 < (labels == 0).sum() < len(labels):
        raise ValueError("one class alone")
    return float((outputs.argmax(axis=1)[labels == 0] == 0).mean())


def two_classes(zeros: int, ones: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Samples of two classes."""
    x, _ = clouds(zeros + ones, 1)
    return x, torch.tensor([0] * zeros + [1] * ones)


@pytest.mark.parametrize("metric", ["auc", halves])
def test_a_test_set_of_one_class_is_refused_before_anything_runs(
    metric, checkpoints: list[Path], tmp_path: Path
) -> None:
    x, y = clouds(60, 3)
    one = task(test={"fine": (x, y), "ones": (x[y == 1], y[y == 1])}, metric=metric)
    with pytest.raises(DataError, match=r"has no value on test set ones: .*; give a test set with other labels, too"):
        radin.make_soup(radin.Pool(checkpoints), one, run_dir=tmp_path / "run", progress=False)
    with RunFolder(tmp_path / "run") as folder:
        assert not folder.ledger.has_results()
    with pytest.raises(DataError, match="test set ones"):
        radin.plan(radin.Pool(checkpoints), one, run_dir=tmp_path / "other")


def test_a_larger_share_is_offered_where_it_mends_the_held_back_part() -> None:
    few = radin.Task(Network, two_classes(98, 2), "auc")
    with pytest.raises(DataError, match="the samples that are held back: all 20 have the same label") as caught:
        check_label_sets(few)
    assert caught.value.mend == {"holdback": 0.3}
    check_label_sets(radin.Task(Network, two_classes(98, 2), "auc", holdback=0.3))
    with pytest.raises(DataError, match="give a test set with other labels, too, hold nothing back") as caught:
        check_label_sets(radin.Task(Network, two_classes(99, 1), "auc"))
    assert not caught.value.mend
    check_label_sets(radin.Task(Network, two_classes(99, 1), "auc", holdback=0.0))


def test_other_groups_are_offered_where_whole_groups_are_held_back() -> None:
    data, groups = two_classes(60, 40), np.repeat(np.arange(5), 20)
    found = []
    for seed in range(8):
        try:
            check_label_sets(radin.Task(Network, data, "auc", groups=groups, split_seed=seed, holdback=0.4))
        except DataError as error:
            assert set(error.mend) == {"split_seed"}
            check_label_sets(radin.Task(Network, data, "auc", groups=groups, holdback=0.4, **error.mend))
            found.append(seed)
    assert 0 < len(found) < 8


def test_data_of_one_label_cannot_select() -> None:
    with pytest.raises(DataError, match="on the samples that select: all 30 have the same label; give data with other"):
        check_label_sets(radin.Task(Network, two_classes(0, 30), "auc"))
    x, _ = clouds(30, 1)
    with pytest.raises(DataError, match="or a larger limit"):
        check_label_sets(radin.Task(Network, (x, torch.full((30, 3), 0.5)), "r2", limit=20))


def test_whatever_has_a_value_goes_on() -> None:
    x, y = clouds(60, 3)
    ones = x[y == 1], y[y == 1]
    for metric in ("accuracy", "macro-f1", "balanced-accuracy", "nll", lambda outputs, labels: float(len(labels))):
        check_label_sets(task(test=ones, metric=metric))

    def particular(outputs: np.ndarray, labels: np.ndarray) -> float:
        raise ValueError("no outputs that are drawn at random")

    check_label_sets(task(test=ones, metric=particular))


def test_a_function_that_needs_sure_or_right_outputs_goes_on() -> None:
    x, y = clouds(600, 3)
    ones = x[y == 1][:10], y[y == 1][:10]

    def precision(outputs: np.ndarray, labels: np.ndarray) -> float:
        margins = outputs[:, 1] - outputs[:, [0, 2]].max(axis=1)
        (sure,) = np.nonzero(margins > 2.5)
        if not len(sure):
            raise ZeroDivisionError("no sample is surely of class 1")
        return float((labels[sure] == 1).mean())

    check_label_sets(task(test=ones, metric=precision))


@pytest.mark.parametrize("labels", [torch.rand(40, 2), (torch.rand(40, 3) > 0.5).long()], ids=["values", "several"])
def test_right_outputs_agree_with_values_and_with_several_labels(labels: torch.Tensor) -> None:
    x, _ = clouds(40, 1)

    def agreement(outputs: np.ndarray, labels: np.ndarray) -> float:
        right = np.abs(outputs - labels) < 1 if labels.dtype.kind == "f" else (outputs > 0) == (labels == 1)
        if len(labels) < 20 and right.mean() < 0.9:
            raise ValueError("too little agrees")
        return float(right.mean())

    outputs = None if labels.is_floating_point() else "several-labels"
    check_label_sets(radin.Task(Network, (x, labels), test=(x[:9], labels[:9]), metric=agreement, outputs=outputs))
