"""A recipe with its score: the record that searches, verification and reports share."""

from __future__ import annotations

from dataclasses import dataclass

from radin.recipe import Recipe


@dataclass(frozen=True)
class Scored:
    """A recipe and its score.

    Attributes:
        recipe: the recipe.
        score: higher is better, whatever the metric; of a loss, the negative value.
    """

    recipe: Recipe
    score: float
