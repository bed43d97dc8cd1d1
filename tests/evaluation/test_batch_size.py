"""The batch size is halved while memory runs out, and remembered."""

import weakref
from pathlib import Path

import pytest
import torch

from radin.errors import TaskError
from radin.evaluation.batch_size import BatchSize
from radin.evaluation.run_folder import RunFolder


@pytest.fixture
def folder(tmp_path: Path):
    with RunFolder(tmp_path / "run") as opened:
        yield opened


def fits(most: int):
    """A function that takes batches of at most `most` samples, and returns the size."""

    def run(size: int) -> int:
        if size > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return size

    return run


def test_it_is_halved_until_it_fits_and_no_later_process_tries_more(folder: RunFolder) -> None:
    size = BatchSize(256, folder)
    assert size.value == 256
    assert size.halving("run0", fits(100)) == 64
    assert BatchSize(256, folder).value == 64
    assert BatchSize(16, folder).value == 16


def test_a_single_sample_that_does_not_fit_is_the_end(folder: RunFolder) -> None:
    with pytest.raises(TaskError, match="run0: memory ran out on a single sample"):
        BatchSize(4, folder).halving("run0", fits(0))


def test_other_errors_pass_and_change_nothing(folder: RunFolder) -> None:
    def run(size: int) -> int:
        raise ValueError("no matter of memory")

    with pytest.raises(ValueError, match="no matter of memory"):
        BatchSize(4, folder).halving("run0", run)
    assert folder.batch_size is None


def test_memory_that_a_failed_pass_held_is_given_back_before_the_next(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[weakref.ref[torch.Tensor]] = []
    given_back = []

    def run(size: int) -> int:
        activations = torch.zeros(size)
        held.append(weakref.ref(activations))
        if size > 2:
            raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")
        return size

    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: given_back.append(held[-1]() is None))
    assert BatchSize(8, folder).halving("run0", run) == 2
    assert given_back == [True, True]
