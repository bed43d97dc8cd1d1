"""Rows come in the same order on every pass, all of them or chosen ones."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset, default_collate

from radin.errors import DataError
from radin.tasks.batches import n_samples
from radin.tasks.data import Rows

X, Y = torch.arange(40.0).reshape(20, 2), torch.arange(20) % 3


class Points(Dataset):
    """A map-style dataset that may add noise, as a random augmentation does."""

    def __init__(self, noise: float = 0.0, n: int = 20) -> None:
        self.noise, self.n = noise, n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        return X[i] + self.noise * torch.rand(2), int(Y[i])


FORMS = {
    "tensors": (X, Y),
    "arrays": (X.numpy(), Y.numpy()),
    "dataset": TensorDataset(X, Y),
    "map-style": Points(),
    "loader": DataLoader(TensorDataset(X, Y), batch_size=7),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_rows(form: str) -> None:
    rows = Rows(FORMS[form], batch_size=6)
    assert len(rows) == 20
    np.testing.assert_array_equal(rows.labels, Y.numpy())
    for _ in range(2):
        torch.testing.assert_close(torch.cat(list(rows.batches())), X)


def test_contents_and_nothing_else_make_the_fingerprint() -> None:
    changed = X.clone()
    changed[13, 1] += 1e-3
    same = Rows((X.clone(), Y.clone()), batch_size=6).fingerprint
    assert Rows((X, Y), batch_size=6).fingerprint == same
    assert Rows((changed, Y), batch_size=6).fingerprint != same
    assert Rows((X, (Y + 1) % 3), batch_size=6).fingerprint != same


def test_inputs_may_be_a_dict() -> None:
    rows = Rows(({"ids": X, "mask": X > 3}, Y), batch_size=8)
    batches = list(rows.batches())
    assert [n_samples(batch) for batch in batches] == [8, 8, 4]
    torch.testing.assert_close(torch.cat([batch["ids"] for batch in batches]), X)


def test_labels_in_another_order_are_refused() -> None:
    class Shuffled(torch.utils.data.Sampler):
        def __iter__(self):
            return iter(torch.randperm(20).tolist())

        def __len__(self) -> int:
            return 20

    rows = Rows(DataLoader(TensorDataset(X, Y), batch_size=5, sampler=Shuffled()), batch_size=5)
    assert len(rows) == 20
    with pytest.raises(DataError, match="another order"):
        list(rows.batches())


def test_random_augmentation_is_refused() -> None:
    rows = Rows(Points(noise=0.1), batch_size=5)
    with pytest.raises(DataError, match="augmentation"):
        for _ in range(2):
            list(rows.batches())


def test_another_number_of_samples_is_refused() -> None:
    data = Points()
    rows = Rows(data, batch_size=5)
    assert len(rows) == 20
    data.n = 15
    with pytest.raises(DataError, match="15 samples"):
        list(Rows.batches(rows))


@pytest.mark.parametrize("form", FORMS)
def test_chosen_samples_are_read_in_batches_that_are_cut_anew(form: str) -> None:
    rows, chosen = Rows(FORMS[form], batch_size=6), np.array([0, 2, 3, 5, 8, 13, 14, 19])
    assert rows.can_choose
    for _ in range(2):
        batches = list(rows.batches(chosen))
        assert len(batches) == 2
        torch.testing.assert_close(torch.cat(batches), X[chosen])
    assert list(rows.batches(chosen[:0])) == []


def test_a_loader_with_batches_of_its_own_cannot_choose() -> None:
    loader = DataLoader(TensorDataset(X, Y), batch_size=5, collate_fn=lambda samples: default_collate(samples))
    assert not Rows(loader, batch_size=5).can_choose


def test_samples_of_several_sizes_cannot_be_chosen() -> None:
    samples = [(torch.zeros(2 + i // 5), i % 3) for i in range(10)]
    assert not Rows(samples, batch_size=5).can_choose


def test_random_augmentation_is_refused_of_chosen_samples_too() -> None:
    rows, chosen = Rows(Points(noise=0.1), batch_size=5), np.array([3, 7])
    list(rows.batches(chosen))
    with pytest.raises(DataError, match="augmentation"):
        list(rows.batches(chosen))


def test_lists_beside_tensors_are_cut_with_them() -> None:
    rows = Rows({"x": X, "text": [f"t{i}" for i in range(20)], "labels": Y}, batch_size=8)
    assert [batch["text"][0] for batch in rows.batches()] == ["t0", "t8", "t16"]
    with pytest.raises(DataError, match=r"inputs\['edges'\] have shape \[3\], but there are 20 samples"):
        _ = Rows({"x": X, "edges": torch.zeros(3), "labels": Y}, batch_size=8).labels
