"""The ingredients that a race dropped: by how much they were behind, in which unit, and why that was enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from radin.common.wording import DASH, counted

#: Units of what a race looks at, where these are not its name.
UNITS = {"log-likelihood": "nats"}


@dataclass(frozen=True)
class Drops:
    """What is told of dropped ingredients, as `leaderboard.json` holds them.

    Attributes:
        dropped: the entries, in the order in which they were dropped.
    """

    dropped: Sequence[Mapping[str, Any]]

    @property
    def judged_by(self) -> str:
        """What was compared with the best ingredient's; empty where an earlier version did not record it."""
        return str(self.dropped[0].get("judged_by", ""))

    @property
    def heading(self) -> str:
        """The column of differences from the best ingredient, with their unit."""
        return f"{UNITS.get(self.judged_by, self.judged_by)} behind the best".strip()

    @property
    def were_chosen(self) -> bool:
        """Whether any of them was taken by a stepwise selection, though too seldom."""
        return any(one["chosen"] for one in self.dropped)

    @property
    def reason(self) -> str:
        """The reason for which they were dropped, in a sentence."""
        by = {"": "", "log-likelihood": " by the mean log-likelihood of the labels, in nats"}
        on = by.get(self.judged_by, f" by {self.judged_by}")
        selections = counted(self.dropped[0]["selections"], "stepwise selection")
        took = f"too few of {selections}" if self.were_chosen else f"none of {selections}"
        one = len(self.dropped) == 1
        return (
            f"{'It' if one else 'They'} could no longer matter: on the samples that {'it' if one else 'each'} ran on, "
            f"{'it' if one else 'each'} was behind the best ingredient{on}, and {took} on random halves of these "
            "samples took it into a soup."
        )


def behind(one: Mapping[str, Any]) -> tuple[str, str]:
    """The difference from the best ingredient, of a dropped one, and the same in its standard errors."""
    errors = DASH if one["error"] == 0 else f"{one['behind'] / one['error']:.1f}"
    return f"{one['behind']:.3g}", errors
