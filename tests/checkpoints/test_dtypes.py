"""bfloat16 in numpy against torch, for every pattern."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from radin.checkpoints.dtypes import BY_CODE, DTYPES, TensorInfo, narrow, round_to_bfloat16, widen

BF16 = DTYPES["bfloat16"]


def rounded(values: np.ndarray) -> np.ndarray:
    return round_to_bfloat16(values, np.empty(values.size, dtype=np.uint32))


def test_every_bfloat16_widens_as_in_torch() -> None:
    patterns = np.arange(65_536, dtype=np.uint16)
    ours = widen(patterns.view(np.uint8), BF16, np.empty(65_536, dtype=np.float32))
    theirs = torch.from_numpy(patterns.copy()).view(torch.bfloat16).float().numpy()
    assert np.array_equal(ours.view(np.uint32), theirs.view(np.uint32))


def test_every_float16_widens_as_in_numpy() -> None:
    patterns = np.arange(65_536, dtype=np.uint16)
    ours = widen(patterns.view(np.uint8), DTYPES["float16"], np.empty(65_536, dtype=np.float32))
    theirs = patterns.view(np.float16).astype(np.float32)
    nan = np.isnan(theirs)
    assert np.array_equal(ours[~nan].view(np.uint32), theirs[~nan].view(np.uint32))
    assert np.isnan(ours[nan]).all()
    for part in (slice(0, 0), slice(0, 100), slice(0x7C00, 0x7C01), slice(0xFC00, 0xFC01)):
        alone = widen(patterns[part].view(np.uint8), DTYPES["float16"], np.empty(65_536, np.float32)[part])
        assert np.array_equal(alone, theirs[part])


def test_every_bfloat16_survives_the_way_there_and_back() -> None:
    patterns = np.arange(65_536, dtype=np.uint16)
    wide = widen(patterns.view(np.uint8), BF16, np.empty(65_536, dtype=np.float32))
    back = rounded(wide)
    nan = np.isnan(wide)
    assert np.array_equal(back[~nan], patterns[~nan])
    assert (back[nan] == 0x7FC0).all()


@given(seed=st.integers(0, 2**32 - 1))
def test_random_float32_round_as_in_torch(seed: int) -> None:
    bits = np.random.default_rng(seed).integers(0, 2**32, 4096, dtype=np.uint32)
    bits[::3] = (bits[::3] & 0xFFFF_0000) | 0x8000  # exact ties between two bfloat16
    values = bits.view(np.float32)
    theirs = torch.from_numpy(values.copy()).bfloat16().view(torch.int16).numpy().view(np.uint16)
    nan = np.isnan(values)
    assert np.array_equal(rounded(values)[~nan], theirs[~nan])
    assert np.isnan(widen(rounded(values)[nan].view(np.uint8), BF16, np.empty(int(nan.sum()), np.float32))).all()


@pytest.mark.parametrize("bits", [0x7F80_0001, 0xFF80_0001, 0x7FFF_FFFF, 0xFFFF_FFFF])
def test_nan_never_rounds_to_a_number(bits: int) -> None:
    assert rounded(np.array([bits], dtype=np.uint32).view(np.float32)).tolist() == [0x7FC0]


@pytest.mark.parametrize("name", ["float16", "float32", "float64"])
def test_numpys_own_floats_keep_their_bytes(name: str) -> None:
    kind = DTYPES[name]
    stored = np.random.default_rng(0).standard_normal(100).astype(kind.storage)
    wide = widen(stored.view(np.uint8), kind, np.empty(100, dtype=kind.accumulator))
    assert wide.dtype == kind.accumulator
    assert np.array_equal(narrow(wide, kind, np.empty(100, dtype=np.uint32)), stored)


def test_widths_are_those_of_torch() -> None:
    known = [dtype for dtype in DTYPES.values() if hasattr(torch, dtype.name)]  # the youngest came with PyTorch 2.7
    assert len(known) >= len(DTYPES) - 1
    for dtype in known:
        assert dtype.itemsize == getattr(torch, dtype.name).itemsize, dtype.name


def test_codes_are_those_of_the_safetensors_package() -> None:
    from safetensors.torch import _TYPES

    known = {code: str(dtype).removeprefix("torch.") for code, dtype in _TYPES.items()}
    ours = {code: dtype.name for code, dtype in BY_CODE.items()}
    assert known.items() <= ours.items()


def test_a_scalar_has_one_element_and_an_empty_tensor_none() -> None:
    assert TensorInfo("float32", ()).nbytes == 4
    assert TensorInfo("float32", (0, 3)).nbytes == 0
    assert str(TensorInfo("int64", (2, 3))) == "int64[2, 3]"
