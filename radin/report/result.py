"""The result of a run: the best soup, all verified soups, and the comparison on unseen data."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from radin.checkpoints import open_checkpoint
from radin.common.frames import frame
from radin.common.html import table
from radin.common.wording import signed
from radin.errors import RunDirError
from radin.evaluation.stages import Dropped
from radin.recipe import Recipe
from radin.report.baseline import Baseline
from radin.report.comparison import Comparison
from radin.report.findings import Finding
from radin.report.ranked_comparison import excess_text
from radin.report.record import SOUP as SOUP
from radin.report.record import SOUP_FOLDER as SOUP_FOLDER
from radin.report.record import VERSION as VERSION
from radin.report.soup_place import check_soup, copy_soup
from radin.report.spent import Spent as Spent
from radin.report.verdict import best_ingredient, verdict_of
from radin.report.verified_soup import VerifiedSoup


@dataclass(frozen=True)
class Result:
    """The result of `radin.make_soup`.

    Attributes:
        leaderboard: all verified soups, the soups of baselines, and all single ingredients that ran in full, best first
            on the selection data:
            by the criterion, then the metric, lower negative log-likelihood, and more ingredients.
        verified: the soups alone, in the order in which they were verified.
        report: the winner and the best ingredient on data that selected nothing; of several test sets, on the first.
        tests: the same for every test set, by name.
        spent: passes, soups and candidates.
        metric: the metric's name.
        higher_is_better: whether a larger value of it is better.
        control: the best ingredient's value on the selection data with its BatchNorm statistics recomputed as those of
            soups are; None if no soup won, or they were not recomputed.
        batchnorm: the policy for BatchNorm statistics that the soups were built with.
        settings: searcher, options, λ, seed and caps.
        run_dir: the run's folder.
        findings: evidence against this pool, its ingredients or the search, as `radin.diagnose` finds it.
        earlier: the winners of other settings that stood in this run folder before, oldest first: recipe, score, and
            the settings that bring it back at no cost.
        ingredients: the pool's files, which `save` does not write over.
        dropped: the ingredients that a race dropped, each with its score, on how many rows, and why.
        criterion: by what candidates were ranked and the winner was chosen; `metric` for the metric.
        is_folder: whether the soup is a model's folder, as the ingredients are.
        baselines: the soups that a user asks for first, such as the uniform soup, each with its scores.
        about: fingerprints, data, versions, command, and the classes that changed, see `radin.report.about`.
    """

    leaderboard: Sequence[VerifiedSoup]
    verified: Sequence[VerifiedSoup]
    report: Comparison
    tests: Mapping[str, Comparison]
    spent: Spent
    metric: str
    higher_is_better: bool
    batchnorm: str
    settings: dict[str, Any]
    run_dir: Path
    findings: tuple[Finding, ...] = ()
    earlier: Sequence[Mapping[str, Any]] = ()
    ingredients: Sequence[Path] = ()
    control: float | None = None
    dropped: Sequence[Dropped] = ()
    criterion: str = "metric"
    is_folder: bool = False
    baselines: Sequence[Baseline] = ()
    about: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        return f"Result({self.verdict!r}, run_dir={str(self.run_dir)!r})"

    def _repr_html_(self) -> str:
        rows = [
            (place, one.value, one.recipe.size, str(one.recipe)) for place, one in enumerate(self.leaderboard, start=1)
        ]
        return table(self.verdict, ("", self.metric, "size", "recipe"), rows, note=f"all of it: {self.run_dir}")

    @property
    def best(self) -> VerifiedSoup:
        """The winner."""
        return self.leaderboard[0]

    @property
    def best_ingredient(self) -> VerifiedSoup:
        """The single ingredient with the best metric on the selection data."""
        return best_ingredient(self.leaderboard)

    @property
    def soup_won(self) -> bool:
        """Whether a soup of at least two ingredients leads."""
        return self.best.recipe.size > 1

    def on_tests(self, recipe: Recipe) -> dict[str, float]:
        """Values of the winner or of the best ingredient on each of several test sets, and their mean, as `mean`.

        Empty for recipes that were not tested, and where there is but one test set, which `report` is about.
        """
        if len(self.tests) < 2 or recipe not in (self.best.recipe, self.best_ingredient.recipe):
            return {}
        won = recipe == self.best.recipe
        values = {name: (one.winner if won else one.best_ingredient).value for name, one in self.tests.items()}
        return values | {"mean": sum(values.values()) / len(values)}

    @property
    def soup(self) -> Path:
        """The winner in the run folder: a `.safetensors` file, or a folder where the ingredients are folders."""
        return self.run_dir / (SOUP_FOLDER if self.is_folder else SOUP)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the winner's weights as `.safetensors`, with its recipe in the metadata, or its folder.

        Arguments:
            path: the file, or the folder where the ingredients are models' folders; replaced if it is there, once the
                new one is complete.

        Raises:
            InputError: a file's name does not end in `.safetensors`, or is that of one of the ingredients; a folder
                holds something else than a soup.
            RunDirError: a later run in the same folder has replaced the soup.
            StorageError: the disk is full, or the folder cannot be written to.
        """
        check_soup(path, self.ingredients, is_folder=self.is_folder)
        soup = self.soup
        held = open_checkpoint(soup).metadata
        if (held.get("radin.recipe"), held.get("radin.batchnorm")) != (self.best.recipe.dumps(), self.batchnorm):
            raise RunDirError(
                f"{soup} is another soup by now, {held.get('radin.recipe')}, since a later run in this folder replaced "
                "it; run with this result's settings again, which evaluates nothing anew, and save then"
            )
        return copy_soup(soup, path, is_folder=self.is_folder)

    @property
    def warnings(self) -> tuple[str, ...]:
        """The findings, a sentence each."""
        return tuple(one.text for one in self.findings)

    @property
    def verdict(self) -> str:
        """A sentence or two: whether a soup won, against what, by how much, and whether that is more than noise."""
        about: dict[str, Any] = {"metric": self.metric, "control": self.control, "criterion": self.criterion}
        return verdict_of(self.leaderboard, self.findings, self.report, **about)

    @property
    def surrogate_gap(self) -> str | None:
        """One sentence about the gap between verified soups and averaged logits; None without verified soups."""
        if not self.verified:
            return None
        gaps = [soup.gap for soup in self.verified]
        mean, worst = sum(gaps) / len(gaps), max(gaps, key=abs)
        sign = "" if self.higher_is_better else ", above 0 where soups are better"
        said = (
            f"Real soups minus averaged logits, over {len(gaps)} verified: mean {signed(mean)}, "
            f"largest {signed(worst)} ({self.metric}{sign})."
        )
        excess = excess_text(max(soup.excess for soup in self.verified))
        return f"{said} {excess}" if excess else said

    def to_frame(self) -> Any:
        """The leaderboard as a `pandas.DataFrame`, best first, with a column for each entry of `VerifiedSoup.to_json`.

        Needs pandas, which no extra of radin brings: `pip install pandas`.

        Raises:
            InputError: pandas is not installed.
        """
        return frame([entry.to_json() for entry in self.leaderboard])

    def to_json(self) -> dict[str, Any]:
        """The whole result as JSON holds it; `leaderboard.json` in the run folder."""
        return {
            "version": VERSION,
            "best": self.best.to_json(),
            "soup_won": self.soup_won,
            "control": self.control,
            "verdict": self.verdict,
            "surrogate_gap": self.surrogate_gap,
            "warnings": list(self.warnings),
            "findings": [one.to_json() for one in self.findings],
            "metric": self.metric,
            "criterion": self.criterion,
            "higher_is_better": self.higher_is_better,
            "report": self.report.to_json(),
            "tests": {name: one.to_json() for name, one in self.tests.items()},
            "spent": asdict(self.spent),
            "batchnorm": self.batchnorm,
            "settings": self.settings,
            "earlier": list(self.earlier),
            "verified": [entry.to_json() for entry in self.verified],
            "leaderboard": [entry.to_json() | self._tested(entry) for entry in self.leaderboard],
            "dropped": [one.to_json() for one in self.dropped],
            "baselines": [one.to_json() for one in self.baselines],
            "about": dict(self.about),
            "soup": self.soup.name,
        }

    def _tested(self, entry: VerifiedSoup) -> dict[str, Any]:
        values = self.on_tests(entry.recipe)
        return {"tests": values} if values else {}
