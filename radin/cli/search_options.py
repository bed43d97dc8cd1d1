"""Options of every command that searches."""

from __future__ import annotations

from dataclasses import dataclass

import click

from radin.cli.gathered import gathered
from radin.common.pairs import pairs


@dataclass(frozen=True)
class SearchOptions:
    """The search that a call asks for; see `radin.make_soup` for each."""

    searcher: str
    parameters: tuple[str, ...]
    candidates: int
    lam: float
    seed: int

    @property
    def options(self) -> dict[str, str]:
        """The searcher's options by name.

        Raises:
            InputError: one has no value, or is given twice.
        """
        return pairs(self.parameters, "-p")


#: The options that describe `SearchOptions`, which the command receives as `search`.
searcher_options = gathered(
    "search",
    SearchOptions,
    click.option(
        "--searcher", default="forward", show_default=True, help="Name of the searcher; `radin searchers` lists all."
    ),
    click.option(
        "-p", "parameters", multiple=True, metavar="KEY=VALUE", help="Option of the searcher; repeat for several."
    ),
    click.option("--candidates", default=20_000, show_default=True, help="K: the most recipes to score from logits."),
    click.option(
        "--lam",
        default=0.0,
        show_default=True,
        help="λ: strength of the prior that favours larger soups, in standard errors.",
    ),
    click.option("--seed", default=0, show_default=True, help="Seed of the searcher's random choices."),
)
