"""Views of storages: whatever torch saves reads as torch loads it."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, reject
from hypothesis import strategies as st
from torch import Tensor

from radin.checkpoints import TensorInfo, open_checkpoint
from radin.errors import CheckpointError
from tests.helpers.archives import contents, repack

VIEWS: dict[str, Callable[[Tensor], Tensor]] = {
    "transposed": lambda t: t.transpose(0, 2),
    "permuted": lambda t: t.permute(1, 0, 2),
    "strided": lambda t: t[:, ::2, 1:],
    "expanded": lambda t: t[:1, :1].expand(3, 4, 5),
    "sliced": lambda t: t[1],
    "column": lambda t: t[:, 0, 0],
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())
def test_any_stretch_of_a_strided_tensor_reads_row_by_row(tmp_path: Path, view: Callable[[Tensor], Tensor]) -> None:
    tensor = view(torch.randn(3, 4, 5))
    torch.save({"a": tensor}, tmp_path / "x.pt")
    expected = tensor.contiguous().numpy().tobytes()
    checkpoint = open_checkpoint(tmp_path / "x.pt")
    with checkpoint.open() as reader:
        for start in range(0, len(expected), 4):
            for stop in range(start, len(expected) + 1, 4):
                assert reader.read("a", start, stop, np.empty(256, np.uint8)).tobytes() == expected[start:stop]


def test_only_tensors_of_one_memory_and_layout_are_tied(tmp_path: Path) -> None:
    base = torch.randn(4, 4)
    state = {"z": base, "a": base, "transposed": base.T, "row": base[0], "twin": base.clone(), "e": torch.empty(0)}
    torch.save(state | {"empty too": torch.empty(0)}, tmp_path / "x.pt")
    assert dict(open_checkpoint(tmp_path / "x.pt").aliases) == {"z": "a"}


@st.composite
def states(draw: st.DrawFn) -> dict[str, Tensor]:
    """Views of tensors, some of which share a storage."""
    dtypes = [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.bool, torch.complex64]
    state: dict[str, Tensor] = {}
    for k in range(draw(st.integers(1, 3))):
        dtype = draw(st.sampled_from(dtypes))
        shape = draw(st.lists(st.integers(0, 5), min_size=1, max_size=4))
        view = base = (torch.randn(shape, generator=torch.Generator().manual_seed(k)) * 8).to(dtype)
        for _ in range(draw(st.integers(0, 4))):
            axis = draw(st.integers(0, max(0, view.dim() - 1)))
            step = draw(st.sampled_from(list(STEPS))) if view.dim() else "nothing"
            view = STEPS[step](view, axis)
        state[f"t{k}"] = view
        if draw(st.booleans()):
            state[f"base{k}"] = base
        if draw(st.booleans()):
            state[f"again{k}"] = view
    return state


STEPS: dict[str, Callable[[Tensor, int], Tensor]] = {
    "nothing": lambda t, axis: t,
    "every other": lambda t, axis: t[(slice(None),) * axis + (slice(None, None, 2),)],
    "tail": lambda t, axis: t.narrow(axis, t.shape[axis] // 2, t.shape[axis] - t.shape[axis] // 2),
    "select": lambda t, axis: t.select(axis, 0) if t.shape[axis] else t,
    "move": lambda t, axis: t.movedim(axis, -1),
    "expand": lambda t, axis: t.unsqueeze(axis).expand(*t.shape[:axis], 3, *t.shape[axis:]),
    "conjugate": lambda t, axis: t.conj(),
    "real": lambda t, axis: t.real,
    "imaginary part of the conjugate": lambda t, axis: t.conj().imag if t.is_complex() else t,
    "flip": lambda t, axis: t.flip(axis),
}


@given(state=states(), zipped=st.booleans(), deflated=st.booleans(), big=st.booleans())
def test_whatever_torch_saves_reads_as_torch_loads_it(
    tmp_path_factory: pytest.TempPathFactory, state: dict[str, Tensor], zipped: bool, deflated: bool, big: bool
) -> None:
    path = tmp_path_factory.mktemp("views") / "x.pt"
    try:
        torch.save(state, path, _use_new_zipfile_serialization=zipped)
    except RuntimeError:  # it saves no memory under two dtypes
        reject()
    if zipped and (deflated or big):
        repack(path, zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED, {"byteorder": b"big"} if big else {})
    loaded = torch.load(path, weights_only=True)
    checkpoint = open_checkpoint(path)
    for name, tensor in loaded.items():
        expected = torch.empty(tensor.shape, dtype=tensor.dtype).copy_(tensor)
        assert checkpoint.info(name) == TensorInfo(str(tensor.dtype)[6:], tuple(tensor.shape))
        assert contents(path, name) == expected.reshape(-1).view(torch.uint8).numpy().tobytes()


def test_a_storage_of_quantised_numbers_gives_no_other_tensor(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    torch.save({"w": torch.zeros(4, dtype=torch.uint16)}, path)
    with zipfile.ZipFile(path) as archive:
        pickled = archive.read("x/data.pkl")
    forged = pickled.replace(b"torch.storage\nUntypedStorage\n", b"torch\nQUInt8Storage\n")
    assert forged != pickled
    repack(path, zipfile.ZIP_STORED, {"data.pkl": forged, "byteorder": b"big"})
    with pytest.raises(CheckpointError, match="a tensor of uint16 in a storage of quint8"):
        open_checkpoint(path)
