"""The result of a search by scores from outside: the best network, all that were scored, and those that failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from radin.common.wording import counted
from radin.recipe import Recipe
from radin.report.record import SOUP, SOUP_FOLDER, VERSION
from radin.scoring.scored import Scored


@dataclass(frozen=True)
class OutsideScore(Scored):
    """A recipe and the number that the scorer gave it.

    Attributes:
        value: the number itself; `score` is its negative where lower is better.
    """

    value: float

    def to_json(self) -> dict[str, Any]:
        """Number, score and recipe as JSON holds them. There are no averaged logits to compare with."""
        return {
            "kind": "ingredient" if self.recipe.size == 1 else "soup",
            "value": self.value,
            "score": self.score,
            "ensemble_value": None,
            "ensemble": None,
            "size": self.recipe.size,
            "recipe": self.recipe.to_json(),
        }


@dataclass(frozen=True)
class FailedScore:
    """A network for which the scorer gave no number.

    Attributes:
        recipe: its recipe.
        failure: why.
        output: the files of what was printed, without their endings; delete the one that ends in `.json` to try again.
    """

    recipe: Recipe
    failure: str
    output: Path

    @property
    def text(self) -> str:
        """The failure in a sentence."""
        return (
            f"the scorer gave no number for {self.recipe}: {self.failure}; what it printed is in {self.output}.out and "
            f".err, and without {self.output}.json it is tried again"
        )


@dataclass(frozen=True)
class OutsideSpent:
    """The cost of a search by scores from outside, over all restarts.

    Attributes:
        passes: single ingredients that were scored.
        soups: distinct real soups that this search was charged for, failed ones included.
        tests: networks that the reporting scorer was asked for.
        lost: calls in this folder that were cut short, or are repeated.
        seconds_passes, seconds_soups: wall-clock time of the calls, added up where they ran side by side.
    """

    passes: int
    soups: int
    tests: int
    lost: int
    seconds_passes: float
    seconds_soups: float


@dataclass(frozen=True)
class OutsideReport:
    """Numbers of another scorer, which selected nothing; None where it failed or was not asked.

    Attributes:
        name: of the number.
        winner, best_ingredient: of these networks. The latter is None where no ingredient was scored.
        failures: why there is no number.
    """

    name: str
    winner: float | None
    best_ingredient: float | None
    failures: tuple[str, ...] = ()


@dataclass(frozen=True)
class OutsideResult:
    """The result of `radin.soup_by_score`. There is no interval and no test: one number tells nothing of its noise.

    Attributes:
        leaderboard: all networks with a number, soups and single ingredients, best first: by the number, then more
            ingredients, then pool order.
        failed: networks whose calls failed.
        spent: passes, soups and seconds.
        metric: name of the number.
        higher_is_better: whether a larger number is better.
        report: numbers of a scorer that selected nothing, if there was one.
        ingredients: size of the pool; those that the search did not need were not scored.
        settings: searcher, options, seed and caps.
        about: fingerprints, versions and command.
        run_dir: the run's folder.
        is_folder: whether the soup is a model's folder, as the ingredients are.
    """

    leaderboard: Sequence[OutsideScore]
    failed: Sequence[FailedScore]
    spent: OutsideSpent
    metric: str
    higher_is_better: bool
    report: OutsideReport | None
    ingredients: int
    batchnorm: str
    settings: Mapping[str, Any]
    about: Mapping[str, Any]
    run_dir: Path
    is_folder: bool = False

    @property
    def best(self) -> OutsideScore:
        """The winner."""
        return self.leaderboard[0]

    @property
    def best_ingredient(self) -> OutsideScore | None:
        """The best of the single ingredients that were scored; None if none was."""
        return next((one for one in self.leaderboard if one.recipe.size == 1), None)

    @property
    def soup_won(self) -> bool:
        """Whether a soup of at least two ingredients leads."""
        return self.best.recipe.size > 1

    @property
    def soup(self) -> Path:
        """The winner in the run folder: a `.safetensors` file, or a folder where the ingredients are folders."""
        return self.run_dir / (SOUP_FOLDER if self.is_folder else SOUP)

    @property
    def verdict(self) -> str:
        """States what leads, over what, and that the number is the one selected on."""
        singles = sum(one.recipe.size == 1 for one in self.leaderboard)
        known = f"{singles} of {counted(self.ingredients, 'checkpoint')} alone"
        best, single = self.best, self.best_ingredient
        value = f"{self.metric} {best.value:.6g}"
        if not self.soup_won:
            said = f"No soup is better than the best of {known}, {best.recipe}: {value}."
        elif single is None:
            said = (
                f"The best soup has {value}; no checkpoint alone was scored, so it is compared with other soups only."
            )
        else:
            said = f"The best soup has {value}; the best of {known}, {single.recipe}, has {single.value:.6g}."
        return (
            f"{said} These numbers chose the winner, so its own is a little too good; with one number for each network "
            "nothing is known of noise."
        )

    def to_json(self) -> dict[str, Any]:
        """The whole result as JSON holds it; `leaderboard.json` in the run folder."""
        rows = [one.to_json() for one in self.leaderboard]
        return {
            "version": VERSION,
            "scored_outside": True,
            "best": rows[0],
            "soup_won": self.soup_won,
            "verdict": self.verdict,
            "warnings": [one.text for one in self.failed],
            "metric": self.metric,
            "higher_is_better": self.higher_is_better,
            "report": None if self.report is None else asdict(self.report),
            "ingredients": self.ingredients,
            "spent": asdict(self.spent),
            "batchnorm": self.batchnorm,
            "settings": dict(self.settings),
            "verified": [one for one in rows if one["kind"] == "soup"],
            "leaderboard": rows,
            "failed": [
                {"recipe": one.recipe.to_json(), "failure": one.failure, "output": f"scores/{one.output.name}"}
                for one in self.failed
            ],
            "about": dict(self.about),
            "soup": self.soup.name,
        }
