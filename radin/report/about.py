"""Facts of a run for a reader to check: its ingredients, data, versions and command, and which classes changed."""

from __future__ import annotations

import platform
import shlex
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from radin.recipe import Recipe
from radin.weights.merge_plan import has_statistics

if TYPE_CHECKING:
    from radin.evaluation.verifier import Verifier
    from radin.searching.shortlist import Shortlist

#: Packages whose versions are recorded, as far as they are installed.
PACKAGES = ("radin", "torch", "numpy", "safetensors", "open_clip_torch", "timm", "torchvision", "transformers")

#: Candidates of the search that are recorded, the best ones.
CANDIDATES = 32

#: Classes that are recorded at most, those whose number of right samples changed most.
CLASSES = 200


def about_run(verifier: Verifier, winner: Recipe, single: Recipe, shortlist: Shortlist) -> dict[str, Any]:
    """The facts of a run that its scores do not tell, as JSON holds them.

    Arguments:
        verifier: of the run, after its last evaluation.
        winner: the recipe that leads.
        single: the best ingredient.
        shortlist: of the search.
    """
    inputs, task, keys = verifier.folder.inputs, verifier.task, verifier.keys
    known = {} if inputs is None else inputs["ingredients"]
    return {
        "ingredients": known,
        "data": {
            "selecting": len(verifier.selection_rows),
            "held_back": len(verifier.held_back_rows),
            "tests": {name: len(rows.labels) for name, rows in task.tests.items()},
            "fingerprints": {} if inputs is None else inputs["task"],
        },
        "classes": None if winner == single else changed_classes(verifier, winner, single),
        "candidates": [{"score": one.score, "recipe": one.recipe.to_json()} for one in shortlist[:CANDIDATES]],
        "distances": keys.weight_gram,
        "has_batchnorm": has_statistics(verifier.pool),
        "base_model": verifier.pool.metadata.get("base_model"),
        "versions": versions(),
        "threads": verifier.threads,
        "command": command_line(),
    }


def changed_classes(verifier: Verifier, winner: Recipe, single: Recipe) -> dict[str, Any] | None:
    """The classes of which winner and best ingredient have other numbers of samples right, on data that select nothing.

    None where the outputs are no classes: of any task whose labels are not one column of the outputs for each sample.
    """
    rows = next(iter(verifier.task.tests.values())) if verifier.task.tests else verifier.task.rows
    if not rows.kind.has_columns:
        return None
    data, labels, ours = verifier.unseen_logits(winner)
    _, _, theirs = verifier.unseen_logits(single)
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or ours.ndim != 2 or not len(labels):
        return None
    n = ours.shape[1]
    if n < 2 or labels.min() < 0 or labels.max() >= n:
        return None
    names = rows.class_names[-1] if rows.class_names and len(rows.class_names[-1]) == n else range(n)
    samples = np.bincount(labels, minlength=n)
    right = [np.bincount(labels[one.argmax(1) == labels], minlength=n) for one in (ours, theirs)]
    changed = np.flatnonzero(right[0] != right[1])
    order = changed[np.argsort(-np.abs(right[0] - right[1])[changed], kind="stable")][:CLASSES]
    found = [
        {
            "class": str(names[i]),
            "samples": int(samples[i]),
            "winner": int(right[0][i]),
            "best_ingredient": int(right[1][i]),
        }
        for i in order
    ]
    return {"data": data, "of": n, "changed": len(changed), "rows": found}


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide what a network gives."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def command_line() -> str:
    """The command that this process was started with; empty where it was none that a person gave, as in a notebook."""
    if not sys.argv or not sys.argv[0] or "ipykernel" in sys.argv[0]:
        return ""
    program = Path(sys.argv[0])
    started = f"python -m {program.parent.name}" if program.name == "__main__.py" else shlex.quote(program.name)
    return " ".join([started, shlex.join(sys.argv[1:])]).strip()
