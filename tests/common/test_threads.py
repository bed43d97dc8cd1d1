"""Work is done with as many threads as there can be, also with none."""

import threading

import pytest

from radin.common.threads import Threads
from radin.weights.tiling import Workspace, share_out


@pytest.fixture(params=[0, 1])
def scarce(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets so many threads start, and no more."""
    left = [request.param]
    start = threading.Thread.start

    def limited(thread: threading.Thread) -> None:
        if not left[0]:
            raise RuntimeError("can't start new thread")
        left[0] -= 1
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)
    monkeypatch.setattr("radin.weights.tiling._cores", lambda: 4)


@pytest.mark.usefixtures("scarce")
def test_a_limit_on_threads_changes_no_result() -> None:
    with Threads(4) as threads:
        assert list(threads.map(lambda x: x * x, range(20))) == [x * x for x in range(20)]


@pytest.mark.usefixtures("scarce")
def test_errors_come_in_order_under_a_limit_on_threads() -> None:
    with Threads(4) as threads, pytest.raises(ZeroDivisionError):
        list(threads.map(lambda x: 1 / (x - 3), range(20)))


@pytest.mark.usefixtures("scarce")
def test_tiles_are_shared_out_under_a_limit_on_threads() -> None:
    done: list[int] = []

    def work(job: int, space: Workspace) -> None:
        done.append(job)

    share_out(range(50), work)
    assert sorted(done) == list(range(50))
