"""The batch size is halved while memory runs out, and remembered."""

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
