"""The kind follows from the labels; where they do not decide, the error says which kinds may be meant."""

import numpy as np
import pytest
import torch

from radin.errors import DataError, InputError
from radin.scoring.kinds import Asked
from radin.scoring.kinds.positions import Positions


def kind(labels: object, **asked: object) -> str:
    return Asked(**asked).kind([np.asarray(labels)], "data").name


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        ([0, 2, 1], "classes"),
        (np.array([0, 1], dtype=np.uint8), "classes"),
        ([0.5, 2.0], "values"),
        ([3.0, 2.0], "values"),
        ([[0.5, 2.0], [1.0, 0.0]], "values"),
        ([[0, 1, -100], [2, 0, 1]], "positions"),
        (np.zeros((2, 3, 3), dtype=np.int64), "positions"),
    ],
)
def test_labels_tell_their_kind(labels: object, name: str) -> None:
    assert kind(labels) == name


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0.0, 1.0, 1.0], r"may be classes or values.*labels\.long\(\).*outputs='one-logit'.*outputs='values'"),
        ([[0, 1, 1], [0, 0, 0]], "outputs='several-labels', or positions, outputs='positions'"),
        ([[0.0, 1.0, 1.0]], "outputs='several-labels', or values, outputs='values'"),
        ([[0, 1, 0], [1, 0, 0]], r"one-hot labels, which become integers by labels\.argmax\(1\)"),
        ([[0.5, 0.5], [0.25, 0.75]], r"probabilities of classes\? Then take labels\.argmax\(1\)"),
        ([[2], [1]], r"take the one column: labels\[:, 0\]"),
        ([True, False], r"labels\.long\(\)"),
        (np.zeros((2, 3, 3)), r"The kinds of outputs are classes \(.*choices \(.*only by name\)"),
        (3, "list of labels"),
    ],
)
def test_labels_that_do_not_decide_are_refused_with_the_kinds_that_there_are(labels: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        kind(labels)


def test_a_name_decides() -> None:
    assert kind([0.0, 1.0], outputs="one-logit") == "one-logit"
    assert kind([0.0, 1.0], outputs="values") == "values"
    assert kind([0, 1], outputs="choices") == "choices"
    assert kind([[0, 1]], outputs="several-labels") == "several-labels"
    with pytest.raises(InputError, match=r"unknown kind of outputs 'value' \(did you mean 'values'\?\)"):
        Asked(outputs="value")


def test_batches_of_several_lengths_are_of_one_kind() -> None:
    found = Asked().kind([np.array([[0, 1, 2]]), np.array([[1, -100], [0, 3]])], "data")
    assert found == Positions(-100, None, 3)


def test_other_data_are_of_the_kind_of_the_first() -> None:
    like = Asked(outputs="values").kind([np.array([0.0, 1.0])], "data")
    assert Asked().kind([np.array([0.0, 1.0])], "the test set", like).name == "values"


def test_positions_are_for_positions_alone() -> None:
    assert Asked(positions=2).kind([np.array([[0, 1, 2]])], "data") == Positions(-100, 2, 2)
    with pytest.raises(InputError, match="positions=2 is for labels at positions"):
        kind([0, 2, 1], positions=2)
    with pytest.raises(InputError, match="at least 1 a sample, got 0"):
        Asked(positions=0)
    with pytest.raises(DataError, match=r"expected labels of positions.*got int64 labels of shape \[3\]"):
        kind(torch.tensor([0, 1, 2]).numpy(), outputs="positions")
