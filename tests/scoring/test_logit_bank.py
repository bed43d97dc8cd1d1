"""Logit banks, and the folders in which logits lie until something they depend on changes."""

import os
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from radin.errors import DataError
from radin.scoring.logit_bank import LogitBank
from radin.scoring.surrogate import Surrogate

N, M, C = 3, 11, 4
RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(N, M, C)).astype(np.float32)
LABELS = RNG.integers(C, size=M)


def all_rows(bank, i):
    return np.asarray(bank.read(i, 0, bank.n_samples))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_what_goes_in_comes_out_in_its_dtype(dtype):
    stored = LOGITS.astype(dtype)
    bank = LogitBank.from_arrays(stored, LABELS)
    assert (len(bank), bank.n_samples, bank.n_classes) == (N, M, C)
    assert bank.names == ("model0", "model1", "model2")
    assert bank.labels.dtype == np.int64
    np.testing.assert_array_equal(bank.labels, LABELS)
    for i in range(N):
        assert all_rows(bank, i).dtype == dtype
        np.testing.assert_array_equal(all_rows(bank, i), stored[i])
        np.testing.assert_array_equal(bank.read(i, 3, 7), stored[i, 3:7])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_torch_tensors_are_read_exactly_bfloat16_as_float32(dtype):
    tensor = torch.from_numpy(LOGITS).to(dtype).requires_grad_(True)
    bank = LogitBank.from_arrays(tensor, torch.from_numpy(LABELS).to(torch.int32), ["a", "b", "c"])
    for i in range(N):
        expected = tensor[i].detach().float() if dtype == torch.bfloat16 else tensor[i].detach()
        assert all_rows(bank, i).dtype == expected.numpy().dtype
        np.testing.assert_array_equal(all_rows(bank, i), expected.numpy())


def test_numpy_arrays_are_not_copied():
    bank = LogitBank.from_arrays(LOGITS, LABELS)
    assert np.shares_memory(bank.read(1, 2, 5), LOGITS)


@given(st.lists(st.lists(st.integers(0, 10), min_size=1, max_size=15), min_size=1, max_size=3), st.data())
def test_views_of_views_index_what_they_show(takes, data):
    bank, rows = LogitBank.from_arrays(LOGITS, LABELS), np.arange(M)
    for wanted in takes:
        chosen = np.array(wanted) % bank.n_samples
        bank, rows = bank.take(chosen), rows[chosen]
    start = data.draw(st.integers(0, len(rows)))
    stop = data.draw(st.integers(start, len(rows)))
    assert bank.n_samples == len(rows)
    np.testing.assert_array_equal(bank.labels, LABELS[rows])
    for i in range(N):
        np.testing.assert_array_equal(bank.read(i, start, stop), LOGITS[i, rows[start:stop]])


def test_a_view_of_bfloat16_is_widened_too():
    tensor = torch.from_numpy(LOGITS).bfloat16()
    view = LogitBank.from_arrays(tensor, LABELS).take(np.array([7, 2]))
    np.testing.assert_array_equal(view.read(0, 0, 2), tensor[0, [7, 2]].float().numpy())


def spoilt(value, row=9):
    arrays = [one.copy() for one in LOGITS]
    arrays[1][row, 2] = value
    return arrays


@pytest.mark.parametrize(
    ("arrays", "labels", "message"),
    [
        ([], LABELS, "at least one ingredient, got none"),
        (spoilt(np.nan), LABELS, "beta: its logits for sample 9 are not finite"),
        (spoilt(np.inf), LABELS, "beta: its logits for sample 9 are not finite"),
        (spoilt(-np.inf, row=0), LABELS, "beta: its logits for sample 0"),
        ([LOGITS[0], LOGITS[1][:, :3], LOGITS[2]], LABELS, r"beta: expected logits of shape \[11, 4\].*got \[11, 3\]"),
        ([LOGITS[0], LOGITS[1][:10], LOGITS[2]], LABELS, r"beta: expected logits of shape \[11, 4\].*got \[10, 4\]"),
        ([LOGITS[0], LOGITS[1][:, 0], LOGITS[2]], LABELS, r"beta: expected logits of shape"),
        ([LOGITS[0][:, 0], *LOGITS[1:]], LABELS, "alpha"),
        (LOGITS[:, :, 0], LABELS, "alpha"),
        (LOGITS.astype(np.int64), LABELS, "alpha: expected logits of a floating dtype, got int64"),
        (LOGITS.astype(complex), LABELS, "floating dtype, got complex128"),
        (LOGITS, np.where(np.arange(M) == 5, 4, LABELS), "label 4 of sample 5 is out of range.*between 0 and 3"),
        (
            LOGITS,
            np.where(np.arange(M) == 5, -1, LABELS),
            "got -1 as the label of sample 5: classes are numbered from 0",
        ),
        (LOGITS[:, :0], LABELS[:0], "got no data"),
        (LOGITS, LABELS[:10], "labels: expected 11 labels, one for each sample of the logits, got 10"),
        (
            LOGITS,
            LABELS.astype(float),
            r"alpha: expected outputs of shape \[11, 1\].*\(values\), got \[11, 4\].*outputs=",
        ),
        (LOGITS, LABELS[None], "labels: expected 11 labels"),
        (LOGITS, LABELS.astype(str), "labels as integers of shape"),
    ],
)
def test_logits_that_cannot_be_used_are_refused_by_name(arrays, labels, message):
    names = ["alpha", "beta", "gamma"] if len(arrays) else []
    with pytest.raises(DataError, match=message):
        LogitBank.from_arrays(arrays, labels, names)


def test_bfloat16_is_checked_for_nan_too():
    tensor = torch.from_numpy(LOGITS).bfloat16()
    tensor[2, 4, 0] = torch.nan
    with pytest.raises(DataError, match="model2: its logits for sample 4"):
        LogitBank.from_arrays(tensor, LABELS)


def test_all_logits_of_an_ingredient_in_view():
    bank = LogitBank.from_arrays(LOGITS, LABELS)
    np.testing.assert_array_equal(bank.logits(1), LOGITS[1])
    np.testing.assert_array_equal(bank.take(np.array([4, 0])).logits(2), LOGITS[2, [4, 0]])


@pytest.mark.parametrize("dtype", [">f2", ">f4", ">f8", "<f4"])
def test_arrays_of_either_byte_order_are_read(tmp_path, dtype):
    stored = LOGITS.astype(dtype)
    for i, array in enumerate(stored):
        np.save(tmp_path / f"{i}.npy", array)
    np.save(tmp_path / "labels.npy", LABELS.astype(">i4"))
    for bank in (LogitBank.from_arrays(stored, LABELS), LogitBank.from_folder(tmp_path)):
        assert bank.logits(1).dtype.isnative and bank.labels.dtype.isnative
        np.testing.assert_array_equal(bank.logits(1), stored[1])
        assert Surrogate(bank)(np.ones((1, N), dtype=bool)).shape == (1,)


def softmax(logits):
    chances = np.exp(logits)
    return chances / chances.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_probabilities_are_refused_or_their_logarithms_taken(tmp_path, dtype):
    chances = softmax(LOGITS.astype(np.float64)).astype(dtype)
    arrays = [LOGITS[0], chances[1], LOGITS[2]]
    with pytest.raises(DataError, match="beta: expected logits, got what look like probabilities") as caught:
        LogitBank.from_arrays(arrays, LABELS, ["alpha", "beta", "gamma"])
    assert caught.value.mend == {"probabilities": "log"}
    bank = LogitBank.from_arrays(arrays, LABELS, probabilities="log")
    np.testing.assert_array_equal(bank.logits(0), LOGITS[0])
    np.testing.assert_allclose(softmax(bank.logits(1)), softmax(LOGITS[1]), atol=2e-3)
    for i, array in enumerate(arrays):
        np.save(tmp_path / f"{i}.npy", array)
    np.save(tmp_path / "labels.npy", LABELS)
    with pytest.raises(DataError, match="1: expected logits, got what look like probabilities"):
        LogitBank.from_folder(tmp_path)
    np.testing.assert_array_equal(LogitBank.from_folder(tmp_path, probabilities="log").logits(1), bank.logits(1))


def test_a_probability_of_0_has_a_finite_logarithm():
    bank = LogitBank.from_arrays(np.eye(3, dtype=np.float32)[None, [0, 1, 2, 1]], [0, 1, 2, 1], probabilities="log")
    assert bank.logits(0).max() == 0
    assert bank.logits(0).min() == pytest.approx(np.log(np.finfo(np.float32).smallest_normal))


def test_minus_infinity_has_its_own_remedy():
    with pytest.raises(
        DataError, match=r"beta: its logits for sample 9 are not finite: class 2 has -inf.*such as -100"
    ):
        LogitBank.from_arrays(spoilt(-np.inf), LABELS, ["alpha", "beta", "gamma"])


@pytest.mark.parametrize("names", [["a", "b"], ["a", "b", "b"], []])
def test_names_must_differ_and_fit(names):
    with pytest.raises(DataError, match="expected 3 different names"):
        LogitBank.from_arrays(LOGITS, LABELS, names)


def test_a_folder_of_arrays_is_a_bank_that_stays_on_disk(tmp_path):
    for name, array in zip(["b", "a", "c%2Fd"], LOGITS, strict=True):
        np.save(tmp_path / f"{name}.npy", array)
    np.save(tmp_path / "labels.npy", LABELS)
    bank = LogitBank.from_folder(tmp_path)
    assert bank.names == ("a", "b", "c/d")
    np.testing.assert_array_equal(all_rows(bank, 0), LOGITS[1])
    with (tmp_path / "a.npy").open("r+b") as file:  # a change on the disk is seen, so nothing was kept
        file.seek(-LOGITS[1].nbytes, os.SEEK_END)
        file.write(bytes(LOGITS[1][0].nbytes))
    assert not bank.read(0, 0, 1).any() and bank.read(0, 1, 2).any()


def test_labels_that_no_logits_agree_with_are_blamed_by_their_file(tmp_path):
    for name, logits in zip("abc", LOGITS, strict=True):
        np.save(tmp_path / f"{name}.npy", logits)
    np.save(tmp_path / "labels.npy", LABELS[:-1])
    with pytest.raises(DataError, match=rf"{re.escape(str(tmp_path))}/labels\.npy: expected {M} labels.* got {M - 1}"):
        LogitBank.from_folder(tmp_path)
    np.save(tmp_path / "b.npy", LOGITS[1][:-1])
    with pytest.raises(DataError, match="a: expected logits of shape"):
        LogitBank.from_folder(tmp_path)


def test_banks_on_the_same_samples_join():
    one = LogitBank.from_arrays(LOGITS[:1], LABELS, ["x"])
    two = LogitBank.from_arrays(LOGITS[1:3], LABELS, ["x", "y"])
    rows = np.array([1, 0])
    for joined, labels, view in (
        (LogitBank.join({"a": one, "b": two}), LABELS, slice(None)),
        (LogitBank.join({"a": one.take(rows), "b": two.take(rows)}), LABELS[rows], rows),
    ):
        assert joined.names == ("a/x", "b/x", "y")
        np.testing.assert_array_equal(joined.labels, labels)
        for i in range(3):
            np.testing.assert_array_equal(all_rows(joined, i), LOGITS[i][view])


def test_banks_of_other_samples_or_classes_do_not_join():
    bank = LogitBank.from_arrays(LOGITS[:1], LABELS, ["x"])
    others = {
        "other samples": LogitBank.from_arrays(LOGITS[:1], LABELS[::-1].copy(), ["y"]),
        "with the same split": bank.take(np.array([0, 1])),
        "classes": LogitBank.from_arrays(np.zeros((1, len(LABELS), 9), np.float32), LABELS, ["y"]),
    }
    for message, other in others.items():
        with pytest.raises(DataError, match=message):
            LogitBank.join({"a": bank, "b": other})
    with pytest.raises(DataError, match="at least one"):
        LogitBank.join({})


def test_positions_are_rows_and_their_sample_is_a_group():
    labels = np.array([[0, -100, 2], [-100, -100, 1]])
    logits = np.random.default_rng(0).normal(size=(2, 2, 3, 4))
    bank = LogitBank.from_arrays(logits, labels)
    assert repr(bank) == "LogitBank(2 ingredients, 3 positions, 4 classes)"
    assert bank.labels.tolist() == [0, 2, 1] and bank.groups.tolist() == [0, 0, 1]
    np.testing.assert_array_equal(bank.logits(1), logits[1][labels != -100])
    part = bank.take_samples(np.array([1]))
    assert part.labels.tolist() == [1] and part.take(np.array([0])).groups.tolist() == [1]
    np.testing.assert_array_equal(part.logits(0), logits[0, 1, 2:])


def test_values_several_labels_and_choices_are_banks_too():
    rng = np.random.default_rng(0)
    values = LogitBank.from_arrays(rng.normal(size=(2, 5)), rng.normal(size=5), groups=[7, 7, 3, 3, 3])
    assert values.kind.name == "values" and values.read(0, 0, 5).shape == (5, 1)
    assert values.groups.tolist() == [1, 1, 0, 0, 0]
    several = LogitBank.from_arrays(rng.normal(size=(2, 5, 3)), np.eye(3)[[0, 1, 2, 0, 1]], outputs="several-labels")
    assert several.labels.shape == (5, 3) and repr(several) == "LogitBank(2 ingredients, 5 samples, 3 outputs)"
    scores = rng.normal(size=(2, 5, 3))
    scores[:, 0, 2] = -np.inf
    with pytest.raises(DataError, match="-inf marks those that are absent") as caught:
        LogitBank.from_arrays(scores, [0, 1, 2, 0, 1])
    choices = LogitBank.from_arrays(scores, [0, 1, 2, 0, 1], **caught.value.mend)
    assert choices.kind.name == "choices" and np.isfinite(choices.logits(0)).all()


def test_banks_of_other_kinds_are_not_joined():
    rng = np.random.default_rng(0)
    one = LogitBank.from_arrays(rng.normal(size=(1, 5, 3)), [0, 1, 2, 0, 1])
    other = LogitBank.from_arrays(rng.normal(size=(1, 5, 3)), [0, 1, 2, 0, 1], outputs="choices")
    with pytest.raises(DataError, match="b has outputs of choices, a of classes"):
        LogitBank.join({"a": one, "b": other})


def test_tokens_are_rows_of_which_the_first_number_is_right():
    kept = np.random.default_rng(0).normal(size=(2, 2, 3, 6)).astype(np.float32)
    bank = LogitBank.from_arrays(kept, np.array([[700, -100, 2], [-100, -100, 1]]), outputs="tokens")
    assert bank.kind.name == "tokens" and bank.labels.tolist() == [0, 0, 0] and bank.groups.tolist() == [0, 0, 1]
    assert Surrogate(bank).metric.name == "nll" and Surrogate(bank, "perplexity").solo.shape == (2,)


def test_probabilities_are_averaged_as_they_are_on_request(tmp_path):
    chances = softmax(LOGITS.astype(np.float64))
    bank = LogitBank.from_arrays([LOGITS[0], chances[1], LOGITS[2]], LABELS, probabilities="average")
    assert bank.kind.name == "probabilities"
    for i in range(N):
        np.testing.assert_allclose(bank.logits(i), chances[i], rtol=1e-5)
    np.testing.assert_allclose(bank.take(np.array([3])).logits(0), chances[0, [3]], rtol=1e-5)
    with pytest.raises(DataError, match="these outputs are values"):
        LogitBank.from_arrays(np.zeros((2, 5)), np.linspace(0.1, 0.7, 5), probabilities="average")
