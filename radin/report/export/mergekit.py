"""The winner's recipe as a configuration of mergekit, which averages models as well (Goddard et al. 2024)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from radin.common.files import written_aside
from radin.errors import RunDirError
from radin.evaluation.run_folder import RunFolder
from radin.report.record import Record

#: The method of mergekit that is a weighted average.
METHOD = "linear"


def write_mergekit(record: Record, path: Path) -> Path:
    """Writes the winner's recipe for `mergekit-yaml`, or for `mergekit-pytorch` where ingredients are single files.

    Arguments:
        record: of the run.
        path: the YAML file.

    Raises:
        StorageError: it cannot be written.
    """
    with written_aside(path) as file:
        file.write(mergekit_recipe(record, known_paths(record)).encode())
    return path


def mergekit_recipe(record: Record, paths: Mapping[str, str]) -> str:
    """The configuration. Strings are written as JSON, which is YAML, too.

    Arguments:
        record: of the run.
        paths: of ingredients; those that are not known are named as in the pool.
    """
    unknown = [name for name in record.winner.recipe if name not in paths]
    lines = ["# The recipe of a soup, written by radin. Weights are averaged in float32, as radin does."]
    if unknown:
        lines.append("# Models are named as in the pool: put a path, or a name of a model hub, in the place of each.")
    lines += [f"merge_method: {METHOD}", "dtype: float32", "parameters:", "  normalize: false", "models:"]
    for name, weight in record.winner.by_weight:
        lines.append(f"  - model: {json.dumps(paths.get(name, name), ensure_ascii=False)}")
        lines.append(f"    parameters: {{weight: {weight!r}}}")
    return "\n".join(lines) + "\n"


def known_paths(record: Record) -> dict[str, str]:
    """Paths of the ingredients when they were last read, as far as the ledger tells; folders of models as folders."""
    ledger = record.folder / "ledger.db"
    if not ledger.exists():
        return {}
    try:
        with RunFolder.preview(record.folder) as folder:
            read = folder.fingerprints
    except RunDirError:  # damaged: the recipe holds without it
        return {}
    where = {fingerprint: Path(key.split("\0")[0]) for key, fingerprint in read.items() if key.startswith("/")}
    found = {}
    for name, fingerprint in record.about.get("ingredients", {}).items():
        if fingerprint in where:
            file = where[fingerprint]
            found[name] = str(file.parent if (file.parent / "config.json").exists() else file)
    return found
