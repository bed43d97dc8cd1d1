"""Files that are complete or absent, and fingerprints that are remembered."""

import errno
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from radin.common.files import (
    check_place,
    file_fingerprint,
    fingerprint_of,
    most_open_files,
    remove_parts_of_the_dead,
    write_json,
    written_aside,
)
from radin.errors import MissingFileError, StorageError


def test_a_file_appears_when_the_block_ends_and_not_before(tmp_path):
    path = tmp_path / "new" / "folder" / "file.bin"
    with written_aside(path) as file:
        file.write(b"first")
        assert not path.exists()
    assert path.read_bytes() == b"first"
    with written_aside(path) as file:
        file.write(b"second")
        file.flush()
        assert path.read_bytes() == b"first"
    assert path.read_bytes() == b"second"
    assert list(path.parent.iterdir()) == [path]


def test_an_error_in_the_block_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    with pytest.raises(KeyError), written_aside(path) as file:
        file.write(b"half of the new")
        raise KeyError("the caller's own")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_is_named_and_leaves_the_old_file(tmp_path, monkeypatch, call):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("radin.common.files.os.fsync" if call == "fsync" else "pathlib.Path.replace", full)
    full_disk = r"^[^\[]*file\.bin: could not be written \(No space left on device\); free some space"
    with pytest.raises(StorageError, match=full_disk) as caught:
        write_json(path, {"a": 1})
    assert caught.value.errno == errno.ENOSPC
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def impossible(folder):
    """Places where there can be no file, and why."""
    (folder / "file").write_bytes(b"")
    (folder / "folder.bin").mkdir()
    places = [
        (folder / "file" / "below.bin", "file is a file, and would have to be a folder"),
        (folder / "folder.bin", "it is a folder"),
        (folder / ("x" * 300), "File name too long"),
        (folder / ("x" * 250), "takes no such file (File name too long)"),  # the name that it has while it is written
    ]
    if sys.platform == "linux":  # where not even a superuser makes a file
        places.append((Path("/proc/radin/file.bin"), "the folder /proc takes no such file"))
    return places


def test_a_place_that_cannot_be_written_to_is_said_before_and_after(tmp_path):
    for path, reason in impossible(tmp_path):
        with pytest.raises(StorageError, match=re.escape(reason)) as before:
            check_place(path)
        assert str(before.value).startswith(f"{path}: cannot be written: ")
        with pytest.raises(StorageError, match=re.escape(reason)) as after:
            write_json(path, {})
        assert str(after.value).startswith(f"{path}: could not be written: ")
        assert "space" not in str(after.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.bin"]


def test_a_place_that_can_be_written_to_is_left_as_it_is(tmp_path):
    (tmp_path / "old.bin").write_bytes(b"old")
    for path in (tmp_path / "new.bin", tmp_path / "old.bin", tmp_path / "new" / "folder" / "file.bin"):
        check_place(path)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


FILLED = """
import resource, signal, sys
from radin.errors import MissingFileError, StorageError
from radin.common.files import written_aside
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    with written_aside(sys.argv[1]) as file:
        file.write(bytes(100_000))
except StorageError as error:
    sys.exit(str(error))
"""


def test_a_write_that_the_system_cuts_short_leaves_the_old_file(tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    filled = subprocess.run([sys.executable, "-c", FILLED, path], check=False, capture_output=True, text=True)
    assert filled.returncode == 1
    assert "could not be written (File too large); free some space" in filled.stderr
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


KILLED = """
import os, signal, sys
from radin.common.files import written_aside
if sys.argv[2] == "named":
    vars(os).pop("O_TMPFILE", None)
with written_aside(sys.argv[1]) as file:
    file.write(b"half of the new")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("while_written", ["named", "nameless"])
def test_a_killed_process_leaves_the_old_file(tmp_path, while_written):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    killed = subprocess.run([sys.executable, "-c", KILLED, path, while_written], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    left = [file.suffix for file in tmp_path.iterdir() if file != path]
    assert left == ([".part"] if while_written == "named" or not has_nameless_files(tmp_path) else [])
    write_json(path, [1])  # what the killed process left beside it is in nobody's way
    assert json.loads(path.read_text()) == [1]


def has_nameless_files(folder):
    try:
        os.close(os.open(folder, os.O_TMPFILE | os.O_WRONLY))
    except (AttributeError, OSError):
        return False
    return True


def test_where_no_second_name_is_allowed_the_file_is_copied(tmp_path, monkeypatch):
    def forbidden(*_, **__):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr("radin.common.files.os.link", forbidden)
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    with written_aside(path) as file:
        file.write(b"all of the new")
    assert path.read_bytes() == b"all of the new"
    assert list(tmp_path.iterdir()) == [path]


def test_json_is_readable_and_keeps_letters(tmp_path):
    write_json(tmp_path / "value.json", {"λ": 0.1})
    text = (tmp_path / "value.json").read_text()
    assert text == '{\n "λ": 0.1\n}\n'


def test_fingerprints_tell_values_apart_but_not_the_order_of_keys():
    assert fingerprint_of({"a": 1, "b": 2}) == fingerprint_of({"b": 2, "a": 1})
    assert (
        len(
            {
                fingerprint_of(),
                fingerprint_of(None),
                fingerprint_of("1"),
                fingerprint_of(1),
                fingerprint_of("a", "b"),
                fingerprint_of("ab"),
            }
        )
        == 6
    )


def test_a_file_is_read_again_only_if_it_changed(tmp_path):
    path, memory = tmp_path / "file.bin", {}
    path.write_bytes(b"one")
    assert file_fingerprint(path, memory) == hashlib.sha256(b"one").hexdigest()
    memory[next(iter(memory))] = "remembered"
    assert file_fingerprint(path, memory) == "remembered"
    assert file_fingerprint(path) == hashlib.sha256(b"one").hexdigest()
    path.unlink()
    with pytest.raises(MissingFileError, match="is not there any more"):
        file_fingerprint(path, memory)
    write_json(path, 1)  # another inode
    assert file_fingerprint(path, memory) == hashlib.sha256(b"1\n").hexdigest()


@pytest.mark.parametrize("change", ["size", "time", "inode"])
def test_each_sign_of_a_change_is_seen(tmp_path, change):
    path, memory = tmp_path / "file.bin", {}
    path.write_bytes(b"one")
    file_fingerprint(path, memory)
    stat = path.stat()
    content = b"three" if change == "size" else b"two"
    target = tmp_path / "other.bin" if change == "inode" else path
    target.write_bytes(content)
    later = change == "time"
    os.utime(target, ns=(stat.st_atime_ns, stat.st_mtime_ns + later))
    target.replace(path)
    assert file_fingerprint(path, memory) == hashlib.sha256(content).hexdigest()


def test_parts_of_killed_processes_are_removed_and_those_of_living_ones_are_not(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    dead = tmp_path / f".soup.safetensors.{int(killed.stdout)}.part"
    alive = tmp_path / f".soup.safetensors.{os.getppid()}.part"
    other = tmp_path / ".notes.part"
    for path in (dead, alive, other):
        path.write_bytes(b"x")
    remove_parts_of_the_dead(tmp_path)
    assert not dead.exists()
    assert alive.exists()
    assert other.exists()


def test_a_limit_on_open_files_is_known_and_named(tmp_path, monkeypatch):
    limit, _ = pytest.importorskip("resource").getrlimit(pytest.importorskip("resource").RLIMIT_NOFILE)
    assert most_open_files() == limit

    def too_many(*_):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr("radin.common.files.os.fsync", too_many)
    with pytest.raises(StorageError, match=r"file\.json: could not be written \(Too many open files\).*ulimit -n"):
        write_json(tmp_path / "file.json", 1)


def test_an_error_of_what_is_read_is_not_laid_at_the_written_file_s_door(tmp_path):
    with pytest.raises(MissingFileError, match=r"^\[?.*gone\.bin is not there any more"), written_aside(tmp_path / "x"):
        file_fingerprint(tmp_path / "gone.bin")
    assert not list(tmp_path.iterdir())
