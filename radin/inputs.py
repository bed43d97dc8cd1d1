"""A run folder belongs to the inputs that it was made with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from radin.budget import Ledger
from radin.errors import RunDirError


def bind_inputs(ledger: Ledger, folder: Path, ingredients: Mapping[str, str], task: Mapping[str, str]) -> None:
    """Ties a run folder to its inputs, and refuses it for others.

    Ingredients may be added to the pool, or left out: what stands in the folder stays true. Other data, other code
    of the task, or other contents under an ingredient's name are another run.

    Arguments:
        ledger: the run folder's, or one with the same facts.
        folder: the run folder, to be named in errors.
        ingredients: digest of each ingredient's file, by name.
        task: digests of what the task reads, by what a person would call it.

    Raises:
        RunDirError: says which input differs.
    """
    known = ledger.fact("inputs")
    if known is not None:
        where = f"{folder} was made with other inputs"
        advice = "choose another run folder, or delete this one"
        for name in task.keys() & known["task"].keys():
            if task[name] != known["task"][name]:
                raise RunDirError(f"{where}: the {name} differs; {advice}")
        old = known["ingredients"]
        changed = sorted(name for name in ingredients.keys() & old.keys() if ingredients[name] != old[name])
        if changed:
            raise RunDirError(f"{where}: the contents of {', '.join(changed)} have changed; {advice}")
        if not (ingredients.keys() <= old.keys() or old.keys() <= ingredients.keys()):
            raise RunDirError(
                f"{where}: its pool was {', '.join(old)}; models may be added to it or left out, not both; {advice}"
            )
        task = known["task"] | dict(task)
    ledger.set_fact("inputs", {"task": dict(task), "ingredients": dict(ingredients)})
