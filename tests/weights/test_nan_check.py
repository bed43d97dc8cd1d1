"""NaN and infinities in checkpoints are found while they are read for their fingerprints."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.small import make_pool, task
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from radin.checkpoints.dtypes import DTYPES
from radin.errors import CheckpointError
from radin.evaluation.verifier import Verifier
from radin.searching.ledger import Ledger
from radin.weights.nan_check import NotFinite, refuse_nan
from radin.weights.pool import Pool
from radin.weights.survey import survey
from radin.weights.tiling import TILE

FLOATS = [name for name, dtype in DTYPES.items() if dtype.family == "float"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@given(st.sampled_from(FLOATS), st.integers(0, 9), st.integers(0, 9), st.integers(0, 2**32 - 1))
def test_all_are_counted(folder: Path, dtype: str, nan: int, infinite: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=2 * TILE + 100)
    where = rng.choice(len(values), size=nan + infinite, replace=False)
    values[where[:nan]] = np.nan
    values[where[nan:]] = rng.choice([-np.inf, np.inf], size=infinite)
    state = {"a.weight": torch.ones(3), "b.weight": torch.tensor(values, dtype=getattr(torch, dtype))}
    save_file(state | {"empty": torch.empty(0), "count": torch.tensor(3)}, folder / "x.safetensors")
    expected = [NotFinite("b.weight", len(values), nan, infinite)] if nan or infinite else []
    assert list(survey(Pool(folder / "x.safetensors"), 0).not_finite) == expected


def test_finite_values_whose_sum_overflows_are_finite(tmp_path: Path) -> None:
    save_file({"a": torch.full((8,), torch.finfo(torch.float32).max)}, tmp_path / "x.safetensors")
    assert list(survey(Pool(tmp_path / "x.safetensors"), 0).not_finite) == []


def test_infinities_of_masks_pass(tmp_path: Path) -> None:
    save_file({"mask": torch.full((4, 4), -torch.inf).triu(1)}, tmp_path / "x.safetensors")
    pool = Pool(tmp_path / "x.safetensors")
    refuse_nan(pool, 0, survey(pool, 0).not_finite)


def test_nan_is_named_before_any_pass(tmp_path: Path) -> None:
    paths = make_pool(tmp_path / "pool", 4)
    for i in (1, 3):
        state = {name: tensor.clone() for name, tensor in Pool(paths[i]).state_dict(0).items()}
        state["layers.0.bias"][:i] = torch.nan
        save_file(state, paths[i])
    pool = Pool(paths)
    for _ in range(2):  # what was found is not forgotten, though files that are sound are remembered
        with pytest.raises(CheckpointError) as caught:
            Verifier(pool, task(), tmp_path / "run")
        assert "run1.safetensors: tensor 'layers.0.bias' (1 of 12 values) holds NaN" in str(caught.value)
        assert "run3.safetensors: tensor 'layers.0.bias' (3 of 12 values) holds NaN" in str(caught.value)
    with Ledger(tmp_path / "run" / "ledger.db") as ledger:
        assert ledger.count("pass") == ledger.count("pass", "lost") == 0
        assert sum(name.startswith("survey") for name in ledger.fact("digests")) == 4
