"""One evaluation: a recipe with certain BatchNorm statistics, on certain rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from radin.recipe import Recipe
from radin.searching.ledger import Kind

#: Whose BatchNorm statistics a network runs with: `own` are those that come with the weights under the run's policy,
#: `recomputed` those of the network's own activations.
Statistics = Literal["own", "recomputed"]


@dataclass(frozen=True)
class Evaluation:
    """A network that is run, and the rows that it is run on: one forward pass over them.

    Its key, its place in the run folder and the kind that it is charged as follow from these three.

    Attributes:
        recipe: over the pool; of size 1, the network is an ingredient.
        statistics: whose BatchNorm statistics the network has.
        test: the name of the test set; None for the task's data.
    """

    recipe: Recipe
    statistics: Statistics = "own"
    test: str | None = None

    @property
    def kind(self) -> Kind:
        """The ledger's word for it.

        `pass` is an ingredient and `soup` a soup on the data, `test` either on a test set, `control` an ingredient with
        recomputed statistics.
        """
        if self.recipe.size == 1 and self.statistics == "recomputed":
            return "control"
        if self.test is not None:
            return "test"
        return "pass" if self.recipe.size == 1 else "soup"

    def stored_as(self, key: str) -> str:
        """The name of its logits within their folder."""
        if self.kind == "control":
            return f"control-{key[:16]}"
        return self.recipe.member_names[0] if self.recipe.size == 1 else f"soup-{key[:16]}"

    @property
    def network(self) -> str:
        """Its network in a message: the name of an ingredient, or the recipe of a soup."""
        if self.recipe.size > 1:
            return f"the soup {self.recipe}"
        return f"{self.recipe}" if self.statistics == "own" else f"{self.recipe} with recomputed BatchNorm statistics"

    def __str__(self) -> str:
        on = "" if self.test in (None, "test") else f" {self.test}"
        return f"{self.kind}{on}, {self.recipe.size} averaged"
