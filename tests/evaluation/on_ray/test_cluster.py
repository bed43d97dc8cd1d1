"""Without Ray everything else works, and asking for workers says how to install it."""

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

import radin
from radin.evaluation.on_ray.cluster import connected, ended_in_order

ABSENT = """
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "ray" else found(name, *more)
import radin
from radin.evaluation.on_ray.cluster import check_installed
try:
    check_installed()
except radin.errors.InputError as error:
    print(error)
"""

BLOCKED = """
import sys
sys.modules["ray"] = None
import radin
from radin.evaluation.on_ray.cluster import connected
try:
    with connected(radin.Workers(count=2)):
        pass
except radin.errors.InputError as error:
    print(error)
"""


@pytest.mark.parametrize("code", [ABSENT, BLOCKED], ids=["absent", "broken"])
def test_without_ray_the_error_names_the_extra(code: str) -> None:
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "pip install '.[ray]'" in said


@pytest.mark.parametrize(
    ("address", "said"),
    [(None, "Ray could not be started on this machine: timed out; run without workers"), ("auto", "cluster could be")],
)
def test_a_ray_that_does_not_start_is_an_error_with_a_remedy(monkeypatch: pytest.MonkeyPatch, address, said) -> None:
    library = pytest.importorskip("ray")

    def refuse(**settings: object) -> None:
        raise Exception("timed out. Please set `--address`.")

    monkeypatch.setattr(library, "is_initialized", lambda: False)
    monkeypatch.setattr(library, "init", refuse)
    with pytest.raises(radin.errors.InputError, match=said), connected(radin.Workers(count=2, address=address)):
        pass


def test_a_ray_that_takes_long_to_start_is_started_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    library, calls = pytest.importorskip("ray"), []

    def slow(**settings: object) -> None:
        calls.append("init")
        if len(calls) == 1:
            raise Exception("The current node timed out during startup. This could happen")

    monkeypatch.setattr(library, "is_initialized", lambda: False)
    monkeypatch.setattr(library, "init", slow)
    monkeypatch.setattr(library, "shutdown", lambda: calls.append("shutdown"))
    with connected(radin.Workers(count=2)):
        assert calls == ["init", "shutdown", "init"]


def test_sigterm_ends_a_run_as_ctrl_c_does():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), ended_in_order(signal.SIG_DFL):
        signal.raise_signal(signal.SIGTERM)
    seen = []
    with ended_in_order(lambda number, frame: seen.append(number)):  # a program's own handler
        signal.raise_signal(signal.SIGTERM)
    assert seen == [signal.SIGTERM]
    signal.signal(signal.SIGTERM, before)


def test_signals_are_left_alone_in_other_threads():
    before = signal.getsignal(signal.SIGTERM)

    def elsewhere() -> object:
        with ended_in_order(signal.SIG_DFL):
            return signal.getsignal(signal.SIGTERM)

    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(elsewhere).result() == before
