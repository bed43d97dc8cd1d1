"""The rows of a head in one order of classes, read byte by byte as from a file that was saved so."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from radin import Pool
from radin.errors import IncompatibleError
from radin.weights.filler import soup_tensors
from tests.helpers import model_folders

NAMES = ["a", "b", "c"]
ORDER = [2, 0, 1]


def save(folder: Path, names: list[str], head: torch.Tensor, **more: torch.Tensor) -> Path:
    config = model_folders.CONFIG | {"id2label": dict(enumerate(names))}
    model_folders.save(folder, config=config)
    body = {"bert.a": torch.arange(9.0).reshape(3, 3), "bert.b": torch.ones(40)}
    save_file({"score.weight": head, **body, **more}, folder / "model.safetensors")
    return folder


def test_rows_of_the_head_move_and_nothing_else_does(tmp_path: Path) -> None:
    head = torch.arange(15.0).reshape(3, 5)
    first = save(tmp_path / "one", NAMES, head)
    other = save(tmp_path / "other", [NAMES[i] for i in ORDER], head[ORDER] + 0.5)
    pool = Pool([first, other], reorder_classes=True)

    state = pool.state_dict(1)
    assert torch.equal(state["score.weight"], head + 0.5)
    assert torch.equal(state["bert.a"], torch.arange(9.0).reshape(3, 3))
    assert torch.equal(soup_tensors(pool, [0.5, 0.5])["score.weight"], head + 0.25)
    assert pool.class_names == tuple(NAMES)
    assert pool.fingerprint(1) != Pool([other]).fingerprint(0)
    assert pool.settings == {"reorder_classes": "True"}


@pytest.mark.parametrize(("start", "stop"), [(0, 60), (7, 33), (20, 40), (59, 60), (5, 5)])
def test_any_part_of_the_bytes_can_be_read(tmp_path: Path, start: int, stop: int) -> None:
    head = torch.arange(15.0).reshape(3, 5)
    pool = Pool(
        [save(tmp_path / "one", NAMES, head), save(tmp_path / "other", [NAMES[i] for i in ORDER], head[ORDER])],
        names=["one", "other"],
        reorder_classes=True,
    )
    with pool.reader(0) as here, pool.reader(1) as there:
        one, other = np.zeros((2, 64), dtype=np.uint8)
        assert np.array_equal(
            here.read("score.weight", start, stop, one), there.read("score.weight", start, stop, other)
        )


def test_a_head_that_cannot_be_told_is_refused(tmp_path: Path) -> None:
    square = torch.arange(9.0).reshape(3, 3)
    paths = [save(tmp_path / "a", NAMES, square), save(tmp_path / "b", NAMES[::-1], square + 1)]
    with pytest.raises(IncompatibleError, match="as many columns"):
        Pool(paths, reorder_classes=True)
    paths = [save(tmp_path / "c", NAMES, square[:2]), save(tmp_path / "d", NAMES[::-1], square[:2] + 1)]
    with pytest.raises(IncompatibleError, match="no head with 3 rows"):
        Pool(paths, reorder_classes=True)
