"""Writes files that are either complete or absent, and computes fingerprints of files."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from radin.errors import MissingFileError, RadinError, StorageError

#: Error numbers of a full disk, and of a limit on open files. All others are about the place of the file.
FULL, TOO_MANY = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG), (errno.EMFILE, errno.ENFILE)

#: Files that a process on Windows may have open, by the C library's default.
WINDOWS_OPEN_FILES = 512


@contextmanager
def written_aside(path: str | os.PathLike[str], *, durable: bool = True) -> Iterator[IO[bytes]]:
    """Opens a new file for writing, and gives it the name `path` when the block ends without error.

    A reader sees the old file or the complete new one, never a part. On any error nothing of the new one is left. Where
    the system has files without a name, as Linux has, a killed process leaves nothing either; elsewhere it leaves
    `.NAME.PROCESS.part` beside `path`, see `remove_parts_of_the_dead`.

    Arguments:
        path: the file.
        durable: wait until the data are on the disk, so that the same holds after a power cut.

    Raises:
        StorageError: the disk is full, or no file can be written at this place.
    """
    target = Path(path)
    aside = _aside(target)
    try:
        with _faults_named(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            with _nameless(target.parent) or aside.open("wb") as file:
                _lock(file)
                yield file
                file.flush()
                if durable:
                    os.fsync(file.fileno())
                if isinstance(file.name, int):
                    _give_name(file, aside)
            aside.replace(target)
    finally:
        with suppress(OSError):  # the error that matters is the first
            aside.unlink(missing_ok=True)


def append(path: str | os.PathLike[str], content: bytes, *, at: int) -> None:
    """Appends to a file, and waits until it is on the disk; makes the file if there is none.

    Arguments:
        path: the file.
        content: the new end.
        at: bytes of the file that stay; what a killed process left behind them is cut off.

    Raises:
        StorageError: the disk is full, or no file can be written at this place.
    """
    target = Path(path)
    with _faults_named(target), os.fdopen(os.open(target, os.O_RDWR | os.O_CREAT, 0o666), "r+b") as file:
        file.truncate(at)
        file.seek(at)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _faults_named(target: Path) -> Iterator[None]:
    """Raises faults of the system in writing a file as errors that name it, and say what to do."""
    try:
        yield
    except OSError as error:
        if isinstance(error, RadinError):  # of what is read to be written
            raise
        if error.errno in FULL:
            said = f"{target}: could not be written ({error.strerror}); free some space, or write elsewhere"
        elif error.errno in TOO_MANY:
            said = f"{target}: could not be written ({error.strerror}); let a process open more (ulimit -n)"
        else:
            why = fault_of_place(target) or error.strerror or error
            said = f"{target}: could not be written: {why}; write elsewhere"
        raise StorageError(error.errno, said) from error


def _nameless(folder: Path) -> IO[bytes] | None:
    """A new file in a folder that vanishes unless it is given a name; None where there is no such thing."""
    if not hasattr(os, "O_TMPFILE") or not Path("/proc/self/fd").is_dir():
        return None
    try:
        return os.fdopen(os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o666), "w+b")
    except OSError:  # of a system of files without them; any other reason is met again where a named one is opened
        return None


def _give_name(file: IO[bytes], path: Path) -> None:
    """Gives a nameless file a name in its folder."""
    try:
        # With a folder given, which an absolute path has no use for, Python follows the link to the file.
        os.link(f"/proc/self/fd/{file.fileno()}", path, src_dir_fd=file.fileno(), follow_symlinks=True)
    except OSError:  # hard links are forbidden there, or a process of the same number was killed
        file.seek(0)
        with path.open("wb") as named:
            shutil.copyfileobj(file, named)
            os.fsync(named.fileno())


def check_place(path: str | os.PathLike[str]) -> None:
    """Checks that a file can be written at a place, before any work is done for it. Leaves nothing there.

    Raises:
        StorageError: no file can be written there; the message gives the reason.
    """
    target = Path(path)
    if fault := fault_of_place(target):
        raise StorageError(f"{target}: cannot be written: {fault}; write elsewhere")


def fault_of_place(target: Path) -> str:
    """The reason why no file can be written at a place, as a clause; empty if one can. Leaves nothing there."""
    try:
        if target.is_dir():
            return "it is a folder"
        folder = target.absolute().parent
        nearest = next(one for one in (folder, *folder.parents) if one.exists())
        if not nearest.is_dir():
            return f"{nearest} is a file, and would have to be a folder"
        trial = nearest / _aside(target).name
    except OSError as error:  # a name that is too long, or a folder that may not be looked into
        return str(error.strerror)
    try:
        trial.touch()  # permissions are not enough: some file systems are read-only for everybody
        trial.unlink()
    except OSError as error:
        return f"the folder {nearest} takes no such file ({error.strerror})"
    return ""


def _aside(target: Path) -> Path:
    return target.with_name(f".{target.name}.{os.getpid()}.part")


def _lock(file: IO[bytes]) -> bool:
    """Locks a file until it is closed, which the system sees to if the process is killed; False if another has it."""
    if sys.platform == "win32":  # which has other locks; parts stay there
        return False
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # in use, or a system of files without locks
        return False
    return True


def remove_parts_of_the_dead(folder: Path) -> None:
    """Removes what killed processes left half-written in a folder that others may be writing to.

    A part goes if no process of its number is left on this machine and nobody holds its lock: one of another machine,
    or of a container with numbers of its own, is in use.
    """
    with suppress(OSError):
        for part in folder.glob(".*.part"):
            number = part.suffixes[-2][1:] if len(part.suffixes) > 1 else ""
            if not number.isdigit() or _is_running(int(number)):
                continue
            if part.is_dir():
                shutil.rmtree(part, ignore_errors=True)
                continue
            with suppress(OSError), part.open("rb") as file:
                if _lock(file):
                    part.unlink()


def _is_running(process: int) -> bool:
    if process == os.getpid():
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it belongs to another user
        return True
    return True


def remove_leftovers(folder: Path) -> None:
    """Removes incomplete files of `written_aside` in killed processes, from a folder that only this process uses."""
    for part in folder.glob(".*.part"):
        if part.suffixes[-2:-1] and part.suffixes[-2][1:].isdigit():  # .NAME.PID.part
            shutil.rmtree(part) if part.is_dir() else part.unlink()


def most_open_files() -> int:
    """The number of files that the system lets this process have open."""
    try:
        import resource
    except ImportError:  # Windows
        return WINDOWS_OPEN_FILES
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if limit == resource.RLIM_INFINITY else limit


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Writes a value as indented JSON, by `written_aside`."""
    with written_aside(path) as file:
        file.write(json.dumps(value, indent=1, ensure_ascii=False).encode() + b"\n")


def fingerprint_of(*parts: Any) -> str:
    """Fingerprint of values that JSON can hold: SHA-256 as hexadecimal text."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def file_fingerprint(path: str | os.PathLike[str], memory: MutableMapping[str, str] | None = None) -> str:
    """Fingerprint of a file's contents: SHA-256 as hexadecimal text.

    Arguments:
        path: the file.
        memory: fingerprints by path, size, modification time and inode. A file that agrees in all is not read again.

    Raises:
        MissingFileError: there is no such file.
    """
    resolved = Path(path).resolve()
    try:
        stat = resolved.stat()
    except FileNotFoundError as error:
        raise MissingFileError(f"{path} is not there any more; bring it back, or leave it out") from error
    known_as = f"{resolved}\0{stat.st_size}\0{stat.st_mtime_ns}\0{stat.st_ino}"
    if memory is not None and known_as in memory:
        return memory[known_as]
    with resolved.open("rb") as file:
        fingerprint = hashlib.file_digest(file, "sha256").hexdigest()
    if memory is not None:
        memory[known_as] = fingerprint
    return fingerprint
