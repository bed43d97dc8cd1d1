"""Work on several threads: results in order, and torch as it was."""

import threading

import pytest
import torch

from radin.scoring.surrogate.parallel import run, workers


@pytest.mark.parametrize("threads", [1, 3])
def test_results_come_in_the_order_of_the_pieces(threads):
    assert run(lambda piece: piece * piece, range(20), threads) == [piece * piece for piece in range(20)]
    assert run(str, [], threads) == []


@pytest.mark.parametrize("threads", [1, 3])
def test_each_piece_has_one_thread_of_torch_and_the_number_comes_back(threads):
    torch.set_num_threads(2)
    try:
        assert run(lambda piece: torch.get_num_threads(), range(6), threads) == [1] * 6
        assert torch.get_num_threads() == 2
        with pytest.raises(ZeroDivisionError):
            run(lambda piece: 1 // piece, [1, 0], threads)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


def test_pieces_run_side_by_side():
    both = threading.Barrier(2, timeout=60)
    assert sorted(run(lambda piece: both.wait(), range(2), 2)) == [0, 1]


def test_as_many_workers_as_torch_has_threads_and_one_for_a_gpu():
    assert workers() == workers(torch.device("cpu")) == torch.get_num_threads()
    assert workers("cuda") == 1
