"""Run folders in which one file was damaged: the same answer, or an error that names the file; nothing else."""

from __future__ import annotations

import json
import random
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.faults.kills import draw_stop
from benchmarks.faults.lab import COMMANDS, Lab, without_costs
from benchmarks.faults.nursery import Ended, name_of
from benchmarks.faults.rows import Trial

FAMILY = "damage"

Damage = Callable[[random.Random, bytes], bytes | None]


def _one_byte(rng: random.Random, content: bytes) -> bytes:
    at = rng.randrange(len(content))
    return content[:at] + bytes([content[at] ^ rng.randrange(1, 256)]) + content[at + 1 :]


def _late_byte(rng: random.Random, content: bytes) -> bytes:
    """One byte of the second half, where arrays have their values."""
    at = rng.randrange(len(content) // 2, len(content))
    return content[:at] + bytes([content[at] ^ (1 << rng.randrange(8))]) + content[at + 1 :]


def _shortened(rng: random.Random, content: bytes) -> bytes:
    return content[: rng.randrange(len(content))]


def _lengthened(rng: random.Random, content: bytes) -> bytes:
    return content + rng.randbytes(rng.randint(1, 64))


def _hole(rng: random.Random, content: bytes) -> bytes:
    """A block of zeros, as a disk leaves it that lost power."""
    start = rng.randrange(len(content))
    stop = min(len(content), start + rng.choice([16, 512, 4096]))
    return content[:start] + bytes(stop - start) + content[stop:]


def _gone(rng: random.Random, content: bytes) -> None:
    return None


#: What can happen to the bytes of a file; None means that the file is deleted.
DAMAGES: dict[str, Damage] = {
    "one byte changed": _one_byte,
    "one bit of the second half flipped": _late_byte,
    "cut short": _shortened,
    "emptied": lambda rng, content: b"",
    "bytes added": _lengthened,
    "a block of zeros": _hole,
    "deleted": _gone,
}


def trials(lab: Lab, seed: int, numbers: range) -> Iterator[Trial]:
    """One trial a number: one file of a completed or killed run is damaged, and the same command is given again."""
    for number in numbers:
        rng = random.Random(f"{FAMILY} {seed} {number}")
        name = rng.choice(list(COMMANDS))
        calm = lab.undisturbed(name)
        start = time.monotonic()
        lab.fresh()
        killed = rng.random() < 0.3
        if killed:
            lab.soup(name, stop=draw_stop(rng, calm))
        if not (lab.run_dir / "ledger.db").exists():  # killed before there was anything to damage
            shutil.copytree(calm.folder, lab.run_dir, dirs_exist_ok=True)
        file, kind, how = hurt(rng, lab.run_dir)
        outcome, faults = judge(lab, name, file)
        what = f"{name}: {file.relative_to(lab.run_dir)}: {how}{' (run was killed before)' * killed}"
        yield Trial(FAMILY, kind, number, what, outcome, tuple(faults), time.monotonic() - start)


def hurt(rng: random.Random, folder: Path) -> tuple[Path, str, str]:
    """Damages one file of a folder: the file, its kind, and what was done to it. Each kind of file is as likely."""
    kinds: dict[str, list[Path]] = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.name.endswith(".part"):
            kinds.setdefault(kind_of(file.relative_to(folder)), []).append(file)
    kind = rng.choice(sorted(kinds))
    file = rng.choice(kinds[kind])
    content = file.read_bytes()
    if file.suffix == ".npy" and rng.random() < 0.5 and _values_changed(rng, file):
        return file, kind, "values changed in a valid array"
    how = rng.choice(list(DAMAGES)) if content else "deleted"
    changed = DAMAGES[how](rng, content)
    if changed is None:
        file.unlink()
    else:
        file.write_bytes(changed)
    return file, kind, how


def kind_of(path: Path) -> str:
    """A name in a run folder without what tells one array of a kind from another."""
    stem = re.sub(r"[0-9a-f]{12,}", "#", path.name)
    return str(path.with_name(re.sub(r"(tuned)\d+", "#", stem)))


def _values_changed(rng: random.Random, file: Path) -> bool:
    """Writes the array anew with some of its rows or values exchanged; False if that leaves it as it was."""
    try:
        array: Any = np.load(file)
    except ValueError:
        return False
    order = np.random.default_rng(rng.randrange(1 << 30)).permutation(len(array)) if array.ndim else np.arange(1)
    changed = array[order] if array.ndim else array + 1
    if np.array_equal(changed, array):
        return False
    np.save(file, changed)
    return True


def judge(lab: Lab, name: str, file: Path) -> tuple[str, list[str]]:
    """Gives the command again: how it ended, and what is wrong with that."""
    calm = lab.undisturbed(name).taken
    kind = kind_of(file.relative_to(lab.run_dir))
    ended = lab.soup(name)
    if ended.status == 0:
        now = lab.taken(ended, lab.run_dir)
        if found(now.said) != found(calm.said) or now.files.get("soup.safetensors") != calm.files["soup.safetensors"]:
            return "wrong in silence", [f"{kind}: another result, and no word of it"]
        stale = sorted(one for one in now.files if is_stale(one, lab.run_dir, lab.undisturbed(name).folder))
        if stale:
            return "damage stays", [
                f"{kind_of(Path(one))}: the same result, but the damaged file stays" for one in stale
            ]
        return "same result", []
    if ended.status != 2 or "Traceback" in ended.errors:
        return "traceback", [f"{kind}: {name_of(ended.status)}: {_last_line(ended)}"]
    if file.name not in ended.errors and str(file.parent) not in ended.errors:
        return "unclear error", [f"{kind}: the error does not name the file: {_last_line(ended)}"]
    return "clear error", list(_after_removal(lab, name, file))


def _after_removal(lab: Lab, name: str, file: Path) -> Iterator[str]:
    """Faults when the file that an error names is deleted and the command is given again."""
    kind = kind_of(file.relative_to(lab.run_dir))
    if file.name.startswith("ledger.db"):  # what was spent cannot be known: the folder has to go as a whole
        return
    file.unlink(missing_ok=True)
    ended = lab.soup(name)
    if ended.status != 0:
        yield f"{kind}: named by the error, but without it: {name_of(ended.status)}: {_last_line(ended)}"
    elif lab.taken(ended, lab.run_dir).files.get("soup.safetensors") != lab.undisturbed(name).taken.files.get(
        "soup.safetensors"
    ):
        yield f"{kind}: named by the error, but without it the soup is another one"


def found(said: Any) -> Any:
    """Results of a run without its costs, since damaged parts are run again and charged again."""
    return {name: without_costs(value) for name, value in said.items() if name not in ("spent", "earlier", "warnings")}


def is_stale(name: str, run_dir: Path, calm_dir: Path) -> bool:
    """Whether a file is still damaged that a later run may read.

    The picture and the leaderboard are written anew by each run, so nobody reads them. An array may be gone, with its
    entry in the index, where a run no longer needs it. Statistics are read, and their checksum looked at, only where
    their soup is run again.
    """
    now, before = run_dir / name, calm_dir / name
    if not before.exists() or not name.endswith((".npy", ".safetensors", "index.json", "split.json")):
        return False
    if name.startswith("statistics/") and name.endswith(".safetensors"):
        return False
    if not name.endswith("index.json"):
        return now.read_bytes() != before.read_bytes()
    try:
        entries, expected = json.loads(now.read_bytes()), json.loads(before.read_bytes())
    except ValueError:
        return True
    return not isinstance(entries, dict) or any(expected.get(key) != entries[key] for key in entries)


def _last_line(ended: Ended) -> str:
    lines = ended.errors.strip().splitlines()
    return lines[-1][-200:] if lines else "without a word"
