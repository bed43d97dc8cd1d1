"""The bill of a run: forward passes over the data, beside those of other ways to the same end."""

from __future__ import annotations

from dataclasses import dataclass

from radin.common.wording import counted, in_passes
from radin.evaluation.greedy_bill import greedy_passes
from radin.report.record import Record


@dataclass(frozen=True)
class Bill:
    """Passes over the selecting rows, each of one network.

    Attributes:
        ingredients: size of the pool.
        in_full: ingredients that ran in full in this run folder, also in earlier runs, and also of earlier pools.
        passes: what the ingredients cost, in passes' worth of rows, in hundredths; less than their number after a race.
        soups: real soups that were evaluated.
        raced: ingredients that the last race left in.
    """

    ingredients: int
    in_full: int
    passes: float
    soups: int
    raced: int

    @classmethod
    def of(cls, record: Record) -> Bill:
        """The bill of a finished run."""
        in_full, passes = int(record.spent["passes"]), round(record.passes_worth, 2)
        return cls(record.n_ingredients, in_full, passes, int(record.spent["soups"]), len(record.ingredients))

    @property
    def total(self) -> float:
        """Passes of ingredients and soups together."""
        return self.passes + self.soups

    @property
    def without_race(self) -> int:
        """The same with every ingredient run in full, as RADIN of the paper does."""
        return self.ingredients + self.soups

    @property
    def greedy(self) -> int:
        """The greedy soup (Wortsman et al. 2022): all ingredients, and a real soup with each one but the first."""
        return greedy_passes(self.ingredients)

    @property
    def ways(self) -> list[tuple[str, float]]:
        """Each way with its passes; that without a race only where there was one."""
        raced = [("RADIN without a race", float(self.without_race))] if self.in_full < self.ingredients else []
        return [("this run", self.total), *raced, ("greedy soup", float(self.greedy))]

    @property
    def text(self) -> str:
        """The bill in a sentence."""
        return (
            f"Cost: {in_passes(self.total)} passes over the selection data, {in_passes(self.passes)} for "
            f"{counted(self.ingredients, 'ingredient')}{self._in_full} and {self.soups} for real soups; the greedy "
            f"soup would have taken {self.greedy}."
        )

    @property
    def _in_full(self) -> str:
        """A remark on how many ran in full, where that is not what the number of ingredients says."""
        if max(self.in_full, self.passes) > self.ingredients:
            return " (and for others, of an earlier pool)"
        if self.in_full == self.ingredients:
            return " (all of them in full, in an earlier run)" if self.raced < self.ingredients else ""
        return f" ({self.in_full} of them in full)"
