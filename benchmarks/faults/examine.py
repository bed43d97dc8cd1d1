"""Reads checkpoints in a process that may die of them, and compares what radin makes of each with the format's library.

Runs in a child of the nursery, on one checkpoint after the other. One line of JSON is written for each; where a line is
missing, the child has crashed or hung at that checkpoint.
"""

from __future__ import annotations

import ctypes
import gc
import io
import json
import os
import re
import resource
import runpy
import shutil
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

import radin
from benchmarks.faults.kinds import make
from benchmarks.faults.mangled_pickles import CANARY
from benchmarks.faults.samples import Sample, State
from radin.errors import CheckpointError, IncompatibleError, RadinError

#: Bounds on refusing a checkpoint of under 10 MB, in a warm process: seconds of the processor, and memory beyond what
#: was there before, at the least and as a multiple of the file's size. The bound on memory holds for reading, too.
SECONDS, MEGABYTES, TIMES_SIZE = 1.0, 64, 2

#: Seconds of the processor, and of the clock, after which a checkpoint counts as a hang. Chosen by hand.
BUSY, PATIENCE = 20.0, 60

#: Bytes of address space that are left to a process beyond what it has when it begins. Chosen by hand.
SPACE = 4 << 30

#: Letters in a message, at most. Chosen by hand: a screenful.
LETTERS = 3000

#: What Python reports where code was made to run.
CODE_RUN = frozenset(
    {"os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "os.fork", "pty.spawn", "socket.connect"}
)

#: Control characters that a terminal would obey.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

_events: list[str] = []


def main(folder: str, seed: int, first: int, stop: int, kind: str | None) -> None:
    """Examines the checkpoints of some numbers, and writes one line for each to standard output."""
    out = os.dup(1)
    sys.addaudithook(lambda event, _: _events.append(event) if event in CODE_RUN else None)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + SPACE, used + SPACE))
    warnings.simplefilter("ignore")
    work = Path(folder) / "work"
    for number in range(first, stop):
        signal.alarm(PATIENCE)  # the default action of both ends the process, also within C code
        signal.setitimer(signal.ITIMER_PROF, BUSY)
        drawn, sample = make(seed, number, kind)
        os.write(
            out, json.dumps({"number": number, "kind": drawn, "what": sample.what, **examine(sample, work)}).encode()
        )
        os.write(out, b"\n")


def examine(sample: Sample, work: Path) -> dict[str, Any]:
    """Outcome of reading one checkpoint with radin, and its faults."""
    path = _write(sample, work)
    _events.clear()
    memory, start = _memory_mark(), time.process_time()
    outcome, faults = _average_alone(path, work / "alone.safetensors")
    seconds, grown = time.process_time() - start, _memory_peak() - memory
    if outcome != "read" and seconds > SECONDS:
        faults.append(f"refused after more than {SECONDS:g} s of the processor")
    if grown > max(MEGABYTES << 20, TIMES_SIZE * sample.size):
        faults.append(f"more memory than {MEGABYTES} MB and {TIMES_SIZE} times its size")
    faults += _command_line(path, outcome)
    if _events or any((place / CANARY).exists() for place in (work, Path.cwd())):
        faults.append("CODE WAS RUN")
    if outcome == "read":
        faults += _compared(path, work)
    elif (work / "alone.safetensors").exists():
        faults.append("refused, but a soup was written")
    elif sample.sound and not isinstance(reference(path), Exception):
        faults.append("refused, though its own library reads it")
    return {"outcome": outcome, "faults": faults, "seconds": seconds, "megabytes": round(grown / 2**20, 1)}


def _write(sample: Sample, work: Path) -> Path:
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    os.chdir(work)
    for name, content in sample.files.items():
        (work / name).write_bytes(content)
    for name, special in sample.special.items():
        if special == "fifo":
            os.mkfifo(work / name)
        elif special == "folder":
            (work / name).mkdir()
        else:
            (work / name).symlink_to(name if special == "loop" else special)
    return work / sample.name


def _average_alone(path: Path, out: Path) -> tuple[str, list[str]]:
    """Averages a checkpoint with nothing else, which copies its tensors: `read` or `refused`, and faults."""
    try:
        pool = radin.Pool([path])
        radin.average(pool, [1.0], out)
    except RadinError as error:
        return "refused", _faults_of_message(error, path)
    except BaseException as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if "/radin/" in frame.filename] or frames
        where = f"{Path(own[-1].filename).name}, {own[-1].name}"
        return "traceback", [f"{type(error).__name__} at {where}: {re.sub('[0-9]+', 'N', str(error))[:80]!r}"]
    return "read", []


def _faults_of_message(error: RadinError, path: Path) -> list[str]:
    """Faults of an error: its class, what it lacks, its length, or what it would do to a terminal."""
    said, faults = str(error), []
    if not isinstance(error, CheckpointError | IncompatibleError):
        faults.append(f"refused with {type(error).__name__}, expected CheckpointError")
    if path.name not in said and str(path.parent) not in said:
        faults.append("the error does not name the file")
    if len(said) > LETTERS:
        faults.append(f"the error is longer than {LETTERS} letters")
    if CONTROL.search(said):
        faults.append("the error holds control characters")
    return faults


def _command_line(path: Path, outcome: str) -> list[str]:
    """Faults of `radin inspect` on the checkpoint."""
    said, complained = io.StringIO(), io.StringIO()
    sys.argv = ["radin", "inspect", str(path)]
    code: Any = 0
    try:
        with redirect_stdout(said), redirect_stderr(complained):
            runpy.run_module("radin", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code or 0
    except BaseException as error:
        return [f"inspect: a traceback: {type(error).__name__}"] if outcome != "traceback" else []
    faults = []
    if code not in (0, 2):
        faults.append(f"inspect: exit status {code}")
    if code == 2 and not complained.getvalue().strip():
        faults.append("inspect: refused without a word")
    if CONTROL.search(said.getvalue() + complained.getvalue()):
        faults.append("inspect: prints control characters")
    if len(said.getvalue()) + len(complained.getvalue()) > 10 * LETTERS:
        faults.append("inspect: prints pages")
    return faults


def _compared(path: Path, work: Path) -> list[str]:
    """Faults of the numbers of a checkpoint that was read, and of its average with another one."""
    expected = reference(path)
    if isinstance(expected, Exception):
        said = re.sub("[0-9]+", "N", str(expected)).splitlines() or [type(expected).__name__]
        return [f"read, though its own library refuses it: {said[0][:80]}"]
    try:
        soup = read_soup(work / "alone.safetensors")
    except SafetensorError as error:
        return [f"averaged, but no other library reads the soup: {str(error)[:80]}"]
    if faults := differences(soup, expected, "read"):
        return faults
    with suppress(RadinError):  # an average may overflow, or hold integers that must not be averaged
        other = {name: _reversed(tensor) for name, tensor in soup.items()}
        other |= {name: tensor.clone() for name, tensor in soup.items() if not tensor.is_floating_point()}
        save_file(other, work / "other.safetensors")
        radin.average(radin.Pool([path, work / "other.safetensors"]), [0.5, 0.5], work / "both.safetensors")
        mean = {name: _mean(tensor, other[name]) for name, tensor in soup.items()}
        return differences(read_soup(work / "both.safetensors"), [mean], "averaged")
    return []


def _reversed(tensor: Tensor) -> Tensor:
    """The elements in reverse order; those of one byte as bytes, since PyTorch reverses no float8."""
    flat = tensor.flatten()
    turned = flat.view(torch.uint8).flip(0).view(flat.dtype) if flat.itemsize == 1 else flat.flip(0)
    return turned.reshape(tensor.shape).contiguous()


def _mean(one: Tensor, other: Tensor) -> Tensor:
    if not one.is_floating_point() or one.itemsize < 2 or bits(one) == bits(other):
        return one
    wide = torch.float64 if one.dtype == torch.float64 else torch.float32
    return (one.to(wide) * 0.5 + other.to(wide) * 0.5).to(one.dtype)


def differences(soup: State, expected: list[State], what: str) -> list[str]:
    """Whether all tensors of a soup are those of one of the state dicts that a file holds, and all of its."""
    if not any(soup.keys() == state.keys() for state in expected):
        return [f"{what}: other tensors than its own library reads"]
    for state in expected:
        if soup.keys() == state.keys() and all(_same(soup[name], state[name]) for name in soup):
            return []
    return [f"{what}: WRONG NUMBERS"]


def _same(one: Tensor, other: Tensor) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and bits(one) == bits(other)


def bits(tensor: Tensor) -> bytes:
    """The bytes of a tensor in row-major order, whatever its layout in memory."""
    plain = torch.empty(tensor.shape, dtype=tensor.dtype)
    plain.copy_(tensor.detach().resolve_conj().resolve_neg())
    return plain.reshape(-1).view(torch.uint8).numpy().tobytes()


def reference(path: Path) -> list[State] | Exception:
    """The state dicts that a file may stand for, as the format's own library reads them; or its error."""
    try:
        if path.name.endswith(".index.json"):
            places = json.loads(path.read_text())["weight_map"]
            merged: State = {}
            for file in sorted(set(places.values())):
                merged |= next(iter(_states(path.parent / file)))
            return [_bare(merged)]
        return [_bare(state) for state in _states(path)]
    except Exception as error:  # whatever the library has for it
        return error


def _states(path: Path) -> Iterator[State]:
    if path.suffix == ".safetensors":
        yield read_soup(path)
        return
    pending: list[Any] = [torch.load(path, map_location="cpu", weights_only=True)]
    while pending:
        content = pending.pop(0)
        if isinstance(content, Mapping):
            yield {name: one for name, one in content.items() if isinstance(name, str) and isinstance(one, Tensor)}
            pending += content.values()


def read_soup(path: Path) -> State:
    """The tensors of a file of safetensors, with those that are tied to others under their own names, too."""
    with safe_open(path, "pt") as file:
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 -- no dict
        notes = (file.metadata() or {}).items() - {("format", "pt")}  # which is no tie, be a tensor called so or not
        ties = {name: kept for name, kept in notes if kept in state and name not in state}
    return _bare(state | {name: state[kept] for name, kept in ties.items()})


def _bare(state: State) -> State:
    """A state dict without the prefixes that wrappers give to all names."""
    short = {".".join(part for part in name.split(".") if part != "_orig_mod"): one for name, one in state.items()}
    while short and all(name.startswith("module.") for name in short):
        short = {name.removeprefix("module."): one for name, one in short.items()}
    return short


def _memory_mark() -> int:
    """Sets the mark of this process's memory to what it uses now, in bytes."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return _memory_peak()


def _memory_peak() -> int:
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) << 10  # type: ignore[index]
