"""The rule of a race: after how many samples it is judged, and what an ingredient needs to stay."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from radin.errors import InputError
from radin.evaluation.race_default import RACES_FROM


@dataclass(frozen=True)
class RaceSettings:
    """The rule by which ingredients are dropped.

    By default the halves alone decide, and the best ingredient stays. In `benchmarks.studies.racing` that took 0.69 of
    the N passes on the mean over eight pools, where z = 3 took 0.78, and neither was inferior to all passes on any of
    them by 0.3 points (`docs/results.md`).

    Arguments:
        stages: shares of the selecting samples after which the race is judged, ascending, in (0, 1). The last stage,
            all of them, is implied. With groups, a stage goes on to the end of a group.
        first_rows: samples of the first stage at least; with fewer, chance drops ingredients that matter.
        first_groups: groups of the first stage at least, where samples come in groups: of few groups an error is hardly
            known. As many, too, make a half of the rows seen, where there are so many. Chosen by hand.
        z: an ingredient whose mean likelihood is within this many paired standard errors of the best one's stays. 0
            leaves all but the best one to the halves.
        halves: random halves of the rows seen on which stepwise selection is repeated.
        votes: selections that have to take an ingredient for it to stay. Where all are about equal, chance takes each
            of them on some half, and more votes drop more.
        rows_per_half: rows of a half at most, so that judging costs little beside the passes. A smaller half is
            noisier, so it keeps more ingredients, not fewer. Groups come whole until there are so many rows; of groups
            that are large, every second row counts, or every third, and so on.
        smallest_pool: pools of fewer ingredients run in full; there is little to save. Chosen by hand.

    Raises:
        InputError: a setting out of its range.
    """

    stages: tuple[float, ...] = (0.05, 0.2)
    first_rows: int = 200
    first_groups: int = 20
    z: float = 0.0
    halves: int = 8
    votes: int = 1
    rows_per_half: int = 2_000
    smallest_pool: int = 4

    def __post_init__(self) -> None:
        if not all(0 < share < 1 for share in self.stages) or list(self.stages) != sorted(set(self.stages)):
            raise InputError(f"expected ascending stages between 0 and 1, got {self.stages}")
        if not self.z >= 0:
            raise InputError(f"expected z of at least 0, got {self.z}")
        if self.votes < 1:
            raise InputError(f"expected votes of at least 1, got {self.votes}")
        if self.halves < 0 or self.smallest_pool < 1 or min(self.first_rows, self.first_groups, self.rows_per_half) < 2:
            raise InputError(
                "expected halves of at least 0, first_rows, first_groups and rows_per_half of at least 2 and "
                f"smallest_pool of at least 1, got {self.halves}, {self.first_rows}, {self.first_groups}, "
                f"{self.rows_per_half} and {self.smallest_pool}"
            )

    @classmethod
    def of(cls, race: object, n: int = 0) -> RaceSettings | None:
        """The settings of the race that is asked for; None for no race.

        Arguments:
            race: settings; True takes the default ones, False is no race, and None races from `RACES_FROM` ingredients
                on.
            n: ingredients.

        Raises:
            InputError: something else.
        """
        if isinstance(race, cls):
            return race
        if race is None:
            return cls() if n >= RACES_FROM else None
        if not isinstance(race, bool | np.bool_):
            raise InputError(f"expected race as True, False, None or a radin.RaceSettings, got {race!r}")
        return cls() if race else None

    def ends(self, n: int, samples: int, groups: Int64[np.ndarray, " m"] | None = None) -> tuple[int, ...]:
        """Numbers of samples after which each stage ends, ascending; the last is all of them.

        A stage that would not be larger than the one before is skipped. One stage alone is no race.

        Arguments:
            n: ingredients.
            samples: that select.
            groups: of the samples, in the order in which they are run, where each group follows the other whole.
        """
        if n < self.smallest_pool:
            return (samples,)
        ends = [min(samples, max(self.first_rows, math.ceil(share * samples))) for share in self.stages]
        if groups is not None:
            between = np.flatnonzero(np.append(np.diff(groups) != 0, True)) + 1
            whole = np.maximum(np.searchsorted(between, ends), self.first_groups - 1)
            ends = [int(end) for end in between[np.minimum(whole, len(between) - 1)]]
        return tuple(sorted({*ends, samples}))
