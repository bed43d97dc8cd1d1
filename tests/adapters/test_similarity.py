from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.lora import update_of, write_adapter

import radin
from radin.adapters import similarity
from radin.evaluation.gram import weight_gram


@pytest.mark.parametrize("held", [1, 1 << 22], ids=["one at a time", "all at once"])
def test_products_of_updates_are_those_of_the_definition(tmp_path: Path, monkeypatch, held: int) -> None:
    monkeypatch.setattr(similarity, "HELD", held)
    ranks = [{"body.first": 2, "head": 3}, {"body.first": 1}, {"head": 2, "body.second": 2}]
    folders = []
    for i, one in enumerate(ranks):
        plain = {"base_model.model.new.weight": torch.full((2, 2), float(i * i))}
        folders.append(write_adapter(tmp_path / f"run{i}", i, one, table=1 + i, plain=plain, use_rslora=i == 1))
    updates = [update_of(folder) for folder in folders]
    names = sorted({name for one in updates for name in one})
    shapes = {name: one.shape for each in updates for name, one in each.items()}
    rows = [np.concatenate([one.get(name, np.zeros(shapes[name])).ravel() for name in names]) for one in updates]
    rows = np.stack([np.append(row, np.full(4, i * i)) for i, row in enumerate(rows)])
    centred = rows - rows.mean(axis=0)
    gram = weight_gram(radin.Pool(folders))
    np.testing.assert_allclose(gram.matrix, centred @ centred.T, rtol=1e-6)
    weights = np.array([[0.5, 0.25, 0.25]])
    mean = weights[0] @ rows
    assert gram.dispersion(weights)[0] == pytest.approx(weights[0] @ ((rows - mean) ** 2).sum(axis=1), rel=1e-6)
