"""Progress bars: what they show, and where they show nothing."""

import io
import re
import sys
import threading
import types

import pytest

import radin
from radin.common.bars import WIDE, Bars, is_notebook, watched
from radin.common.progress import Lines, Silent


class Terminal(io.StringIO):
    """A terminal that keeps what it shows."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", [60, 80, 120])
def test_bars_keep_what_they_are_about_and_how_far_they_are(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Terminal()
    monkeypatch.setattr("sys.stderr", shown)
    for name, value in {"COLUMNS": str(width), "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    name = "search: calibrated-verification"
    with Bars() as bars, bars.stage(name, 34_662_620, "byte") as advance:
        advance(34_662_620)
    line = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.getvalue()).splitlines()[-1].lstrip()
    assert line.startswith(name)
    assert ("100%" in line) == (width < WIDE)
    assert ("34662620/34662620 bytes" in line) == (width >= WIDE)
    assert "…" not in line


def test_a_stage_that_is_interrupted_does_not_look_done(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Terminal()
    monkeypatch.setattr("sys.stderr", shown)
    for name, value in {"COLUMNS": "80", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(KeyboardInterrupt), Bars() as bars, bars.stage("passes", 4, "pass") as advance:
        advance(1)
        raise KeyboardInterrupt
    line = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.getvalue()).splitlines()[-1]
    assert " 25%" in line


def test_lines_stand_below_the_bars_until_they_are_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Terminal()
    monkeypatch.setattr("sys.stderr", shown)
    for name, value in {"COLUMNS": "80", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    with Bars() as bars, bars.stage("passes", 3, "pass") as advance:
        bars.line("one", "worker 1 on here, cpu, 5 samples/s")
        bars.line("two", "worker 2 on here, cpu, 6 samples/s, died 1 time")
        bars.line("one", "")
        advance(3)
    assert isinstance(bars, Lines)
    last = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.getvalue()).split("passes")[-1]
    assert "worker 2 on here, cpu, 6 samples/s, died 1 time" in last
    assert "worker 1" not in last


@pytest.mark.parametrize("stream", [io.StringIO(), None], ids=["no terminal", "closed"])
def test_bars_are_quiet_without_a_terminal(stream: io.StringIO | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", stream)
    with radin.Bars() as bars, bars.stage("passes", 3, "pass") as advance:
        advance(3)
    assert isinstance(bars, radin.Progress)
    assert stream is None or stream.getvalue() == ""


def test_bars_are_quiet_where_no_thread_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    shown = Terminal()
    monkeypatch.setattr("sys.stderr", shown)
    monkeypatch.setattr(threading.Thread, "start", refused)
    with Bars() as bars, bars.stage("passes", 3, "pass") as advance:
        advance(3)
    assert shown.getvalue() == ""


def test_a_run_shows_bars_where_they_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Terminal()
    monkeypatch.setattr("sys.stderr", shown)
    monkeypatch.setenv("TERM", "xterm")
    with watched(True) as progress, progress.stage("passes", 3, "pass") as advance:
        advance(3)
    assert isinstance(progress, Bars) and "passes" in shown.getvalue()
    with watched(False) as progress:
        assert isinstance(progress, Silent)
    with watched(bars := Bars()) as progress:
        assert progress is bars


@pytest.mark.parametrize("kernel", ["ZMQInteractiveShell", "TerminalInteractiveShell"])
def test_a_notebook_that_has_widgets_shows_bars(kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shell = types.ModuleType("IPython")
    shell.get_ipython = lambda: type(kernel, (), {})()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", shell)
    monkeypatch.setattr("radin.common.bars.find_spec", lambda name: object())
    assert is_notebook() == (kernel == "ZMQInteractiveShell")
    monkeypatch.setattr("radin.common.bars.find_spec", lambda name: None)
    assert not is_notebook()
