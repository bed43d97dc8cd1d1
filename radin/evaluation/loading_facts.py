"""What was seen when the first networks of a task were loaded, kept for later processes, and what is said of it."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from radin.tasks.task import Task

#: Whether networks may be filled in place.
IN_PLACE = "filled in place"

#: Whether two ingredients of different weights gave exactly the same outputs.
SAME = "the same outputs"

#: Whether the outputs may be probabilities.
PROBABILITIES = "perhaps probabilities"

#: What a reader of the results should know where a fact holds.
REMARKS = {
    SAME: (
        "two ingredients with different weights give exactly the same outputs on the first batch: perhaps the loading "
        "passes over their tensors (strict=False, or names that the network does not have), or the network keeps what "
        "it made of the first one's, in a cache that all networks share"
    ),
    PROBABILITIES: (
        "all outputs that were looked at are in [0, 1], so each counts as a yes: if they are probabilities, leave out "
        "the network's last layer, sigmoid"
    ),
}

#: The remark on a run whose networks are loaded one by one.
AFRESH = (
    "this network gives other outputs when its weights are replaced in place than when it is built and loaded anew, so "
    "each model is built and loaded anew, which takes longer"
)


@runtime_checkable
class Facts(Protocol):
    """Single values that outlive a process, by name."""

    def fact(self, name: str, default: Any = None) -> Any:
        """A recorded value, or the default."""

    def set_fact(self, name: str, value: Any) -> None:
        """Records a value."""


class LoadingFacts:
    """The facts on the networks of one task's code. Each is stored as `{task code: whether it holds}`.

    Arguments:
        facts: where they are kept: a ledger.
        task: whose code they are about.
    """

    def __init__(self, facts: Facts, task: Task) -> None:
        self._facts, self._task = facts, task

    def known(self, fact: str) -> bool | None:
        """Whether a fact holds; None where nothing is known."""
        holds: bool | None = self._facts.fact(fact, {}).get(self._task.code)
        return holds

    def note(self, fact: str, holds: bool) -> None:
        """Records whether a fact holds."""
        self._facts.set_fact(fact, self._facts.fact(fact, {}) | {self._task.code: holds})

    @property
    def remarks(self) -> tuple[str, ...]:
        """What to say of the facts that hold."""
        return tuple(remark for fact, remark in REMARKS.items() if self.known(fact))
