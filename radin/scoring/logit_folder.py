"""A folder of logits that is a bank: one `.npy` file for each network, labels, and the split."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64, Shaped

from radin.common.array_folder import file_checksums
from radin.common.files import fingerprint_of, write_json, written_aside
from radin.errors import DataError
from radin.scoring.kinds import CLASSES, Kind

#: Tells, beside the logits of a run, which samples selected.
SPLIT = "split.json"

#: Names, beside the logits of a run, the ingredients that a race dropped before they had complete ones.
ABSENT = "dropped.json"

LABELS = "labels.npy"


def write_labels(
    folder: Path,
    labels: Shaped[np.ndarray, "M ..."],
    selecting: Int64[np.ndarray, " m"] | None = None,
    *,
    kind: Kind = CLASSES,
    groups: Int64[np.ndarray, " M"] | None = None,
) -> None:
    """Puts labels and split beside logits, so that the folder is a bank that `LogitBank.from_folder` reads.

    Files that hold the same already are left alone.

    Arguments:
        folder: holds the logits; made if it is not there.
        labels: of all samples.
        selecting: indices of those that select; by default all do.
        kind: of the outputs.
        groups: the number of each sample's group, if samples depend on one another.
    """
    content = io.BytesIO()
    np.save(content, labels)
    rows = np.arange(len(labels)) if selecting is None else selecting
    split: dict[str, Any] = {"samples": len(labels), "selection": rows.tolist()}
    split["labels"] = hashlib.sha256(content.getvalue()).hexdigest()
    if kind.name != CLASSES.name:
        split["outputs"] = kind.name
    if groups is not None:
        split["groups"] = groups.tolist()
    split["fingerprint"] = _fingerprint(split)
    if _content(folder / SPLIT) != split:
        write_json(folder / SPLIT, split)
    file = folder / LABELS
    if not file.is_file() or file.read_bytes() != content.getvalue():
        with written_aside(file, durable=False) as out:
            out.write(content.getvalue())


def write_absent(folder: Path, names: Sequence[str]) -> None:
    """Names the ingredients of a run that have no complete logits in its folder, beside these; a file, if any."""
    file = folder / ABSENT
    if not names:
        file.unlink(missing_ok=True)
    elif absent_from(folder) != tuple(names):
        write_json(file, list(names))


def absent_from(folder: Path) -> tuple[str, ...]:
    """The ingredients of a run that have no complete logits in its folder, since a race dropped them."""
    content = _content(folder / ABSENT)
    return tuple(map(str, content)) if isinstance(content, list) else ()


def selecting_rows(file: Path, n_samples: int) -> Int64[np.ndarray, " m"] | None:
    """The samples that select, as the file beside the logits tells; None if there is no such file."""
    if not file.exists():
        return None
    content = _content(file)
    try:
        known, rows = content["samples"], np.array(content["selection"], dtype=np.int64)
        whole = _is_whole(content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{file}: expected which samples select, as JSON; make the run again, which writes the file anew"
        ) from error
    if not whole:
        raise DataError(f"{file} is damaged; make the run again, which writes the file anew")
    if known != n_samples or rows.ndim != 1 or not rows.size or rows.min() < 0 or rows.max() >= n_samples:
        raise DataError(f"{file}: a split of {known} samples does not fit these {n_samples}; read all of them instead")
    return rows


def kind_and_groups(file: Path) -> tuple[str | None, list[int] | None]:
    """The kind of outputs and the samples' groups, as the file beside the logits tells; None where it does not."""
    content = _content(file)
    if not isinstance(content, dict):
        return None, None
    kind, groups = content.get("outputs"), content.get("groups")
    return kind if isinstance(kind, str) else None, groups if isinstance(groups, list) else None


def check_whole(folder: Path, files: Iterable[Path]) -> None:
    """Compares logits and labels with the checksums that a run left beside them; other files have none.

    Raises:
        DataError: names a file that is damaged.
    """
    split = _content(folder / SPLIT)
    known = file_checksums(folder)
    if isinstance(split, dict) and "labels" in split and _is_whole(split):
        known[LABELS] = split["labels"]
    for file in files:
        if file.parent == folder and file.name in known:
            with file.open("rb") as opened:
                found = hashlib.file_digest(opened, "sha256").hexdigest()
            if found != known[file.name]:
                raise DataError(f"{file} is damaged: it is not what the run wrote; make the run again, which mends it")


def _fingerprint(split: Mapping[str, Any]) -> str:
    return fingerprint_of({name: value for name, value in split.items() if name != "fingerprint"})


def _is_whole(split: Mapping[str, Any]) -> bool:
    """Whether a split is what was written; those of version 0.1 have no fingerprint."""
    return set(split) == {"samples", "selection"} or split.get("fingerprint") == _fingerprint(split)


def _content(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
