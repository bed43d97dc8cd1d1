"""Tiles cover a tensor once; threads share them and stop at the first error."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radin.weights.tiling import SPAN, TILE, Workspace, share_out, spans, tiles


@given(st.integers(0, 40 * TILE))
def test_tiles_and_spans_cover_every_element_once(numel: int) -> None:
    pieces = list(tiles(numel))
    assert [piece for span in spans(numel) for piece in span] == pieces
    assert all(len(span) <= SPAN for span in spans(numel))
    assert all(0 < stop - start <= TILE for start, stop in pieces)
    edges = [0, *(stop for _, stop in pieces)]
    assert [start for start, _ in pieces] == edges[:-1]
    assert edges[-1] == numel


@pytest.mark.parametrize("threads", [1, 3, None])
def test_every_job_is_done_once_with_a_workspace_of_its_thread(threads: int | None) -> None:
    done: list[int] = []
    owners: dict[int, set[int]] = {}
    kept: list[Workspace] = []  # so that no identity is given twice

    def work(job: int, space: Workspace) -> None:
        done.append(job)
        kept.append(space)
        owners.setdefault(id(space), set()).add(threading.get_ident())

    share_out(range(200), work, threads)
    assert sorted(done) == list(range(200))
    assert all(len(users) == 1 for users in owners.values())
    share_out([], work, threads)
    assert len(done) == 200


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_the_first_error_stops_all(threads: int, error: type[BaseException]) -> None:
    before = threading.active_count()
    done: list[int] = []

    def work(job: int, space: Workspace) -> None:
        if job == 3:
            raise error(job)
        done.append(job)

    with pytest.raises(error, match="3"):
        share_out(range(100_000), work, threads)
    assert len(done) < 100_000 - 1
    assert threading.active_count() == before


def test_of_several_errors_the_earliest_jobs_is_raised() -> None:
    together = threading.Barrier(3)

    def work(job: int, space: Workspace) -> None:
        together.wait()
        raise ValueError(f"job {job}")

    with pytest.raises(ValueError, match="job 0"):
        share_out(range(3), work, threads=3)
