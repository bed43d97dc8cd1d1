"""A limited part of the data: each class in proportion, the same every time, of every form of data."""

import numpy as np
import pytest
import torch
from helpers.layouts import paint
from helpers.small import clouds, task
from torch.utils.data import DataLoader, TensorDataset

from radin.errors import DataError, InputError
from radin.tasks.data import Rows
from radin.tasks.images import ImageFolder


def test_every_form_gives_as_many(tmp_path) -> None:
    x, y = clouds(90, 1)
    for data in ((x, y), (x.numpy(), y.numpy()), ({"a": x}, y), TensorDataset(x, y)):
        rows = Rows(data, batch_size=7, limit=20)
        assert len(rows) == 20
        again = Rows(data, batch_size=7, limit=20)
        assert again.fingerprint == rows.fingerprint != Rows(data, batch_size=7).fingerprint
        for batch in rows.batches():
            points = batch["a"] if isinstance(batch, dict) else batch
            assert all((x == point).all(1).any() for point in points)
    assert np.bincount(Rows((x, y), batch_size=7, limit=20).labels).min() >= 5
    with pytest.raises(InputError, match="a limit of 20 samples cannot be set on a DataLoader"):
        Rows(DataLoader(TensorDataset(x, y)), batch_size=7, limit=20)


def test_what_is_no_pair_of_tensors_is_told_from_one() -> None:
    x, y = clouds(9, 1)
    two = [(x[0], int(y[0])), (x[1], int(y[1]))]
    assert [batch.tolist() for batch in Rows(two, batch_size=7, limit=1).batches()] in (
        [[x[0].tolist()]],
        [[x[1].tolist()]],
    )
    with pytest.raises(DataError, match=r"the validation set: .*one-hot labels"):
        _ = Rows((x, torch.eye(3)[y]), batch_size=7, limit=2, what="the validation set").labels
    with pytest.raises(DataError, match="expected a map-style dataset"):
        Rows(iter(two), batch_size=7, limit=1)


def test_a_part_knows_the_names_of_the_classes() -> None:
    dataset = Known(*clouds(90, 1))
    dataset.classes = ["ant", "bee", "cat"]
    for data in (dataset, Named(*clouds(90, 1))):
        assert Rows(data, batch_size=7, limit=30).class_names == [("ant", "bee", "cat")]


def test_only_the_files_of_the_part_are_read(tmp_path) -> None:
    for c in "ab":
        for i in range(5):
            paint(tmp_path / c / f"{i}.png", i)
    rows = Rows(ImageFolder(tmp_path), batch_size=2, limit=4)
    before = rows.dataset.fingerprint()
    others = set(range(10)) - set(rows.dataset.rows.tolist())
    for row in others:
        rows.dataset.paths[row].write_text("no image")
    assert rows.fingerprint == before
    assert rows.labels.tolist() == [0, 0, 1, 1]
    assert sum(len(batch) for batch in rows.batches()) == 4


class Known(TensorDataset):
    """A dataset that knows its labels and its contents."""

    @property
    def labels(self) -> np.ndarray:
        return self.tensors[1].numpy()

    def fingerprint(self) -> str:
        return "known"


class Named(TensorDataset):
    """A dataset that knows what its classes are called."""

    classes = ("ant", "bee", "cat")


def test_a_dataset_that_knows_its_labels_is_not_read_for_it() -> None:
    x, y = clouds(90, 1)
    rows = Rows(Known(x, y), batch_size=7, limit=30)
    np.testing.assert_array_equal(np.bincount(rows.labels) * 3, np.round(np.bincount(y) / 3) * 3)
    assert rows.fingerprint != "known"
    torch.testing.assert_close(torch.cat(list(rows.batches())), x[rows.dataset.rows])


def test_a_task_limits_its_data_and_each_test_set() -> None:
    one = task(limit=50, test={"a": clouds(70, 2), "b": clouds(30, 3)})
    assert [len(one.rows), *map(len, one.tests.values())] == [50, 50, 30]
    with pytest.raises(InputError, match="limit must be at least 1, got 0"):
        task(limit=0)


@pytest.mark.parametrize("corrupt", ["stop", "skip"])
def test_workers_name_an_unreadable_image_or_leave_it_out(tmp_path, corrupt: str) -> None:
    for i in range(4):
        paint(tmp_path / "a" / f"{i}.png", i)
    (tmp_path / "a" / "2.png").write_text("no image")
    rows = Rows(ImageFolder(tmp_path, corrupt=corrupt), batch_size=2, loaders=1)
    if corrupt == "skip":
        assert sum(len(batch) for batch in rows.batches()) == 3
        return
    with pytest.raises(DataError) as error:
        list(rows.batches())
    assert str(error.value).startswith(f"{tmp_path}/a/2.png: cannot be read as an image")
