"""A finished run as its folder tells of it. Reading it needs neither torch nor numpy, so it takes no time."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from radin.common.wording import said_once
from radin.errors import MissingFileError, RunDirError
from radin.report.entries import Baseline, Network, Unseen, number
from radin.scoring.criterion_default import CRITERIA, limited_by_metric
from radin.weights.card_parts import CARD

#: The file that a finished run leaves in its folder.
LEADERBOARD = "leaderboard.json"

#: The winner's file in the run folder.
SOUP = "soup.safetensors"

#: The winner's folder there, where the ingredients are folders of models or adapters.
SOUP_FOLDER = "soup"

#: The version of `leaderboard.json`. Version 1, of radin 0.1, had no such field, and `score` was the metric's value.
VERSION = 2

#: What a leaderboard of every version holds.
NEEDED = ("best", "verdict", "metric", "report", "spent", "settings", "verified", "leaderboard")

#: What a run on logits has spent, in leaderboards of every version.
SPENT = ("passes", "candidates", "soups", "test_passes", "lost", "seconds_passes", "seconds_search", "seconds_soups")


@dataclass(frozen=True)
class Record:
    """A finished run: what `leaderboard.json` holds, of any version.

    Attributes:
        document: the whole of it.
        folder: the run folder.
    """

    document: Mapping[str, Any] = field(repr=False)
    folder: Path

    def __post_init__(self) -> None:
        version = self.document.get("version", 1)
        if not isinstance(version, int) or version > VERSION:
            raise RunDirError(
                f"{self.file} is of version {version}, made by a later radin; this one reads versions up to {VERSION}. "
                "Update radin, or run the command again in another folder"
            )
        if missing := [name for name in NEEDED if name not in self.document]:
            raise RunDirError(f"{self.file} is no leaderboard of radin's: it has no {missing[0]!r}")
        try:
            self._read_all()
        except (KeyError, TypeError, AttributeError, StopIteration) as error:
            raise RunDirError(f"{self.file} is no leaderboard of radin's: {_said(error)}") from error

    def _read_all(self) -> None:
        """Reads what is shown, so that a document that lacks a part of it is refused as a whole.

        Raises:
            KeyError, TypeError, AttributeError, StopIteration: something is missing, or is not what it should be.
        """
        parts = [("settings", self.document["settings"]), ("spent", self.document["spent"])]
        parts += [("about", self.document.get("about") or {})]
        parts += [("findings", one) for one in self.document.get("findings", ())]
        for name, part in parts:
            if not isinstance(part, Mapping):
                raise TypeError(f"{part!r} stands among {name!r}, where a dictionary belongs")
        _ = self.verified, next(iter(self.leaderboard))
        if not self.scored_outside:
            _ = self.unseen, self.best_ingredient, self.findings_said
            for name in SPENT:
                number(self.spent[name])

    @property
    def soup(self) -> Path:
        """The winner's weights in the run folder: a file, or a folder where the ingredients are folders."""
        return self.folder / str(self.document.get("soup", SOUP))

    @property
    def card(self) -> Path:
        """The place of the model card: in the soup's folder, or beside the soup's file in the run folder."""
        return (self.soup if self.soup.is_dir() else self.folder) / CARD

    @classmethod
    def read(cls, folder: str | os.PathLike[str]) -> Record:
        """Reads the record of a run folder.

        Raises:
            MissingFileError: there is no such folder.
            RunDirError: the run has not finished, its leaderboard cannot be read, or is of a later version.
        """
        path = Path(folder)
        file = path / LEADERBOARD if path.name != LEADERBOARD else path
        try:
            document = json.loads(file.read_bytes())
        except FileNotFoundError as error:
            raise _absent(path, file) from error
        except NotADirectoryError as error:
            raise RunDirError(f"{path} is a file, and no run folder; give the folder that a run wrote to") from error
        except OSError as error:
            raise RunDirError(f"{file} cannot be read ({error.strerror}); see to its permissions") from error
        except ValueError as error:
            raise RunDirError(
                f"{file} is damaged: it is no JSON ({error}). The command that made this folder writes it again, and "
                "evaluates nothing anew"
            ) from error
        if not isinstance(document, dict):
            raise RunDirError(f"{file} is no leaderboard of radin's: it holds a {type(document).__name__}")
        return cls(document, file.parent)

    @property
    def file(self) -> Path:
        """The leaderboard's file."""
        return self.folder / LEADERBOARD

    @property
    def metric(self) -> str:
        """The metric's name."""
        return str(self.document["metric"])

    @property
    def scored_outside(self) -> bool:
        """Whether a scorer gave one number for each network, so that there are no rows, intervals or tests."""
        return bool(self.document.get("scored_outside"))

    @property
    def higher_is_better(self) -> bool:
        """Whether a larger value of the metric is better."""
        known = self.document.get("higher_is_better")
        return self.metric != "nll" if known is None else bool(known)

    @property
    def criterion(self) -> str:
        """The criterion that chose the winner, in words, where that is not the metric itself; else empty."""
        name = str(self.document.get("criterion", "metric"))
        return "" if name == "metric" else CRITERIA.get(name, name)

    @property
    def order(self) -> str:
        """By what the leaderboard is in order, in a sentence; empty where that is the metric."""
        if not self.criterion:
            return ""
        if limited_by_metric(self.document["criterion"]):
            return (
                f"The winner was chosen by {self.criterion}, which has less noise than {self.metric}, among those "
                f"whose {self.metric} is within one standard error of the best. So the leaderboard has these first, in "
                f"the order of {self.criterion}, and the others after them."
            )
        return (
            f"The winner was chosen by {self.criterion}, which has less noise than {self.metric}; so the leaderboard "
            f"stands in the order of {self.criterion}, and not of {self.metric}."
        )

    @property
    def verdict(self) -> str:
        """A sentence or two: whether a soup won, against what, by how much, and whether that is more than noise."""
        return str(self.document["verdict"])

    @cached_property
    def leaderboard(self) -> list[Network]:
        """All verified soups and ingredients that ran in full, best first."""
        return [Network.of(one) for one in self.document["leaderboard"]]

    @cached_property
    def verified(self) -> list[Network]:
        """The soups alone, in the order in which they were verified."""
        return [Network.of(one) for one in self.document["verified"]]

    @property
    def ingredients(self) -> list[Network]:
        """The ingredients that ran in full, the best value first, whatever the criterion."""
        sign = -1.0 if self.higher_is_better else 1.0
        return sorted((one for one in self.leaderboard if not one.is_soup), key=lambda one: sign * one.value)

    @property
    def winner(self) -> Network:
        """The first of the leaderboard."""
        return self.leaderboard[0]

    @property
    def best_ingredient(self) -> Network:
        """The ingredient with the best value; of equal ones the first on the leaderboard."""
        return next(iter(self.ingredients))

    @property
    def is_compared(self) -> bool:
        """Whether the winner is not the best ingredient: it is a soup, or another ingredient leads by the criterion."""
        return self.winner.recipe != self.best_ingredient.recipe

    @cached_property
    def unseen(self) -> list[Unseen]:
        """The winner and the best ingredient on each test set, else on what was held back or selected."""
        tests = self.document.get("tests") or {"held-back": self.document["report"]}
        known = {name: {one.title: one.tests[name] for one in self.baselines if name in one.tests} for name in tests}
        return [Unseen.of(one, known[name]) for name, one in tests.items()]

    @cached_property
    def baselines(self) -> list[Baseline]:
        """The soups that a user asks for first, as far as the run made them."""
        return [Baseline.of(one) for one in self.document.get("baselines", ())]

    def title_of(self, network: Network) -> str:
        """The title of the baseline that a network is; empty for others."""
        made = (one for one in self.baselines if one.soup is not None and one.soup.recipe == network.recipe)
        return next((one.title for one in made), "")

    @property
    def dropped(self) -> Sequence[Mapping[str, Any]]:
        """The ingredients that a race dropped: name, rows, value, why."""
        return list(self.document.get("dropped", ()))

    @property
    def n_ingredients(self) -> int:
        """Ingredients of the pool, those that a race dropped included."""
        return len(self.ingredients) + len(self.dropped)

    @property
    def findings(self) -> Sequence[Mapping[str, Any]]:
        """Evidence against the pool or the run: kind, ingredient, text, mend."""
        texts = [
            {"kind": "", "ingredient": None, "text": text, "mend": {}} for text in self.document.get("warnings", ())
        ]
        return list(self.document.get("findings", texts))

    @property
    def findings_said(self) -> list[str]:
        """The findings in sentences; what is the same of several ingredients is said once."""
        return said_once((one["ingredient"], str(one["text"])) for one in self.findings)

    @property
    def spent(self) -> Mapping[str, Any]:
        """Passes, soups, candidates and seconds."""
        known: Mapping[str, Any] = self.document["spent"]
        return known

    @property
    def side_by_side(self) -> str:
        """Number of soups that were chosen and evaluated together, as the end of a clause; empty for one at a time."""
        at_once = self.settings.get("at_once", 1)
        return f", {at_once} at a time" if at_once > 1 else ""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Searcher, options, λ, seed and caps."""
        known: Mapping[str, Any] = self.document["settings"]
        return known

    @property
    def about(self) -> Mapping[str, Any]:
        """The pool's fingerprints, the data, versions and the command; empty for runs of earlier versions."""
        known: Mapping[str, Any] = self.document.get("about") or {}
        return known

    @property
    def passes_worth(self) -> float:
        """Passes over the selecting rows that the ingredients cost; a race makes it less than their number."""
        return float(self.spent.get("passes_worth") or self.spent["passes"])

    @property
    def remarks(self) -> list[str]:
        """Remarks on these numbers, a sentence each."""
        said = [remark for one in self.unseen for remark in one.remarks]
        return list(dict.fromkeys([*said, *self.spent.get("notes", ())]))


def _absent(folder: Path, file: Path) -> MissingFileError | RunDirError:
    """The error for a folder without a leaderboard."""
    if not folder.exists():
        return MissingFileError(f"{folder} is not there; give the folder of a finished run")
    if (folder / "ledger.db").exists():
        return RunDirError(
            f"{folder} holds a run that has not finished: {file.name} is not there yet; the command that began it goes "
            "on from where it was"
        )
    return RunDirError(f"{folder} is no run folder: it holds no {file.name}; give the folder that a run wrote to")


def _said(error: Exception) -> str:
    if isinstance(error, StopIteration):
        return "it has no ingredient"
    return f"{error} is not there" if isinstance(error, KeyError) else str(error)
