"""The bill of a run: forward passes over the data, beside those of other ways to the same end."""

from __future__ import annotations

from dataclasses import dataclass

from radin.common.wording import counted
from radin.report.record import Record


@dataclass(frozen=True)
class Bill:
    """Passes over the selecting rows, each of one network.

    Attributes:
        ingredients: size of the pool.
        in_full: ingredients that ran in full.
        passes: what the ingredients cost, in passes' worth of rows; less than their number after a race.
        soups: real soups that were evaluated.
    """

    ingredients: int
    in_full: int
    passes: float
    soups: int

    @classmethod
    def of(cls, record: Record) -> Bill:
        """The bill of a finished run."""
        ran = len(record.ingredients)
        return cls(record.n_ingredients, ran, record.passes_worth, int(record.spent["soups"]))

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
        return 2 * self.ingredients - 1

    @property
    def ways(self) -> list[tuple[str, float]]:
        """Each way with its passes; that without a race only where there was one."""
        raced = [("RADIN without a race", float(self.without_race))] if self.in_full < self.ingredients else []
        return [("this run", self.total), *raced, ("greedy soup", float(self.greedy))]

    @property
    def text(self) -> str:
        """The bill in a sentence."""
        full = f", {self.in_full} of them in full" if self.in_full < self.ingredients else ""
        return (
            f"Cost: {self.total:.4g} passes over the selection data, {self.passes:.4g} for "
            f"{counted(self.ingredients, 'ingredient')}{full} and {self.soups} for real soups; the greedy soup would "
            f"have taken {self.greedy}."
        )
