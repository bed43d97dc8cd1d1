"""The run folder: one process at a time, one ledger, arrays that are whole, and the facts of the run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Generic, TypeVar, cast, overload

import numpy as np
from jaxtyping import Int64

from radin.common.array_folder import ArrayFolder
from radin.common.array_index import INDEX
from radin.common.files import remove_leftovers
from radin.common.wording import counted
from radin.errors import RunDirError
from radin.evaluation.evaluation import Evaluation
from radin.evaluation.inputs import Inputs, difference_of
from radin.scoring.logit_folder import SPLIT, write_absent, write_labels
from radin.searching.ledger import Ledger
from radin.tasks.data import Rows

T = TypeVar("T")

#: The format of run folders that this version writes: arrays have checksums. Those of version 0.1 have none.
FORMAT = 2


class Fact(Generic[T]):
    """A recorded value of a run folder, as a typed property.

    Arguments:
        name: in the ledger.
        default: makes the value of a folder that has none.
    """

    def __init__(self, name: str, default: Callable[[], T]) -> None:
        self.name, self._default = name, default

    @overload
    def __get__(self, folder: None, owner: type[RunFolder]) -> Fact[T]: ...
    @overload
    def __get__(self, folder: RunFolder, owner: type[RunFolder]) -> T: ...
    def __get__(self, folder: RunFolder | None, owner: type[RunFolder]) -> Fact[T] | T:
        return self if folder is None else cast(T, folder.ledger.fact(self.name, self._default()))

    def __set__(self, folder: RunFolder, value: T) -> None:
        folder.ledger.set_fact(self.name, value)


def _nothing() -> None:
    return None


class RunFolder:
    """The folder of a run: its lock, ledger, arrays and facts.

    One process holds a run folder at a time; a second one is refused. Close it, or use it in a `with` statement.

    Arguments:
        path: the folder; made if it is not there.
        ledger: another ledger than the folder's own. The folder is then only read.

    Attributes:
        path: the folder.
        ledger: what has been spent.
        notes: sentences about stored results: those that were damaged, and those that were adopted from version 0.1.

    Raises:
        RunDirError: another process has this folder open, or its ledger is damaged or of another program.
    """

    format: Fact[int] = Fact("format", lambda: 1)
    batch_size: Fact[int | None] = Fact("batch_size", _nothing)  # the largest that was found to fit
    inputs: Fact[Inputs | None] = Fact("inputs", _nothing)
    fingerprints: Fact[dict[str, str]] = Fact("digests", dict)  # of checkpoints, by path, size and times
    data_fingerprints: Fact[dict[str, Any]] = Fact("digests of data", dict)  # of images, likewise
    splits: Fact[list[list[float]]] = Fact("splits", list)  # holdback and seed of every split that selected here
    winners: Fact[list[dict[str, Any]]] = Fact("winners", list)
    ended: Fact[dict[str, dict[str, Any]]] = Fact("ended", dict)  # runs that have ended, by their settings
    race: Fact[dict[str, Any] | None] = Fact("race", _nothing)  # settings of the last race, if the last run raced
    failures: Fact[dict[str, str]] = Fact("failures", dict)  # of baselines whose outputs are not finite, by key
    last_search: Fact[dict[str, Any] | None] = Fact("search", _nothing)
    reference_members: Fact[dict[str, list[str]]] = Fact("reference", dict)  # fingerprints of ingredients, by data

    def __init__(self, path: str | os.PathLike[str], ledger: Ledger | None = None) -> None:
        self.path = Path(path)
        self._read_only = ledger is not None
        if not self._read_only:
            self._refuse_lost_ledger()
        self.ledger = Ledger(self.path / "ledger.db") if ledger is None else ledger
        self.notes: list[str] = []
        self._tests: dict[str, ArrayFolder] = {}

    def _refuse_lost_ledger(self) -> None:
        """Refuses a folder that has results and no ledger any more."""
        ledger = self.path / "ledger.db"
        known = next((one for one in (self.path / "logits" / INDEX, self.path / "soups" / INDEX) if one.exists()), None)
        if known is not None and not (ledger.exists() and ledger.stat().st_size):
            raise RunDirError(
                f"{ledger} is missing or empty, though {known} tells of results: what was spent cannot be known, so "
                "nothing is run; bring it back from a copy, or choose another run folder"
            )

    @classmethod
    @contextmanager
    def preview(cls, path: str | os.PathLike[str]) -> Iterator[RunFolder]:
        """A run folder that is only read; what is recorded goes to a scratch ledger, which starts as a copy."""
        with TemporaryDirectory() as scratch, Ledger(Path(scratch) / "ledger.db") as ledger:
            ledger.adopt(Path(path) / "ledger.db")
            yield cls(path, ledger)

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the folder; another process may open it then."""
        self.ledger.close()

    def discard(self) -> None:
        """Lets go of a folder whose run was refused; it goes, too, where it was made for this run and holds nothing.

        Fingerprints stay, since large files take minutes to read.
        """
        if self.fingerprints or self.data_fingerprints:
            self.close()
        else:
            self.ledger.discard()

    # Arrays.

    @cached_property
    def logits(self) -> ArrayFolder:
        """Logits of the ingredients on the task's data, by name."""
        return self._arrays("logits")

    @cached_property
    def partial(self) -> ArrayFolder:
        """Logits of the ingredients on a part of the data's rows, as races leave them, and these rows."""
        return self._arrays("partial")

    @cached_property
    def soups(self) -> ArrayFolder:
        """Logits of soups on the task's data."""
        return self._arrays("soups")

    @cached_property
    def controls(self) -> ArrayFolder:
        """Logits of ingredients with recomputed BatchNorm statistics."""
        return self._arrays("controls")

    @cached_property
    def statistics(self) -> ArrayFolder:
        """Recomputed BatchNorm statistics; name and key are the same."""
        return self._arrays("statistics")

    @cached_property
    def references(self) -> ArrayFolder:
        """The tokens that references chose."""
        return self._arrays("references")

    @cached_property
    def grams(self) -> ArrayFolder:
        """Inner products of ingredients; name and key are the same."""
        return self._arrays("grams")

    def test(self, name: str) -> ArrayFolder:
        """Logits on a test set; one of several has a folder of its own within `test/`."""
        if name not in self._tests:
            self._tests[name] = self._arrays("test" if name == "test" else f"test/{name}")
        return self._tests[name]

    def place_of(self, evaluation: Evaluation) -> ArrayFolder:
        """The folder of an evaluation's logits."""
        if evaluation.kind == "test":
            return self.test(cast(str, evaluation.test))
        return {"pass": self.logits, "soup": self.soups, "control": self.controls}[evaluation.kind]

    def _arrays(self, name: str) -> ArrayFolder:
        return ArrayFolder(self.path / name, report=self._note_damage, read_only=self._read_only)

    def _all_arrays(self) -> list[ArrayFolder]:
        tests = self.path / "test"
        names = [folder.name for folder in tests.iterdir() if folder.is_dir()] if tests.is_dir() else []
        sets = [self.test(name) for name in sorted({"test", *names, *self._tests})]
        beside = [self.statistics, self.references, self.grams]
        return [self.logits, self.partial, self.soups, self.controls, *beside, *sets]

    def _note_damage(self, sentence: str) -> None:
        self.note(f"{sentence}; it counts as lost, and is computed again where it is needed")

    def note(self, sentence: str) -> None:
        """Notes a sentence about stored results, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    # The course of a run.

    def settle(self) -> None:
        """Clears up after earlier processes: ledger entries and half-written files of killed ones, arrays of 0.1."""
        self._adopt()
        everything = self._all_arrays()
        complete = set[str]().union(*(arrays.keys() for arrays in everything))
        self.ledger.recover(lambda key: key in complete)
        for folder in (self.path, *(arrays.folder for arrays in everything)):
            remove_leftovers(folder)

    def _adopt(self) -> None:
        """Gives checksums to the arrays of a folder that version 0.1 made."""
        if self.format >= FORMAT or self._read_only:
            return
        everything = self._all_arrays() if self.inputs is not None else []
        found = sum(arrays.adopt(by_name=arrays is self.grams) for arrays in everything)
        if found:
            arrays = counted(found, "array of version 0.1 has", "arrays of version 0.1 have")
            self.note(f"{arrays} no checksum; taken as stored, with a checksum from now on")
        self.format = FORMAT

    def bind(self, inputs: Inputs) -> None:
        """Ties the folder to its inputs, and refuses it for others.

        A folder in which nothing has been completed takes any: they may have been mended since. The ledger then forgets
        what it knows of those before. Ingredients may be added to the pool, or left out, and so may test sets: what is
        in the folder stays true. Other data, other code of the task, or other contents under an ingredient's name are
        another run.

        Raises:
            RunDirError: names the input that differs, and the settings that changed; or arrays of another program are
                in the place of the logits.
        """
        known = self.inputs
        if known is None:
            self._refuse_foreign_arrays()
        error = None if known is None else difference_of(known, inputs, self.path)
        if error is not None and self.ledger.has_results():
            raise error
        if error is not None:
            kept = (RunFolder.fingerprints, RunFolder.data_fingerprints, RunFolder.format)  # hold for any inputs
            self.ledger.start_over(keep=[fact.name for fact in kept])
        elif known is not None:
            inputs = {**inputs, "task": known["task"] | inputs["task"]}
        self.inputs = inputs

    def _refuse_foreign_arrays(self) -> None:
        folder = self.path / "logits"
        ours = any((folder / name).exists() for name in (INDEX, SPLIT))
        if not ours and any(folder.glob("*.npy")):
            raise RunDirError(f"{folder} holds arrays that are of no run of radin's; choose another run folder")

    def write_labels(self, rows: Rows, selecting: Int64[np.ndarray, " m"]) -> None:
        """Puts labels and split beside the ingredients' outputs, so that these are a bank."""
        write_labels(self.path / "logits", rows.labels, selecting, kind=rows.kind, groups=rows.groups)

    def write_absent(self, names: Sequence[str]) -> None:
        """Names beside the ingredients' logits those that a race dropped, so that a ranking can say who is missing."""
        write_absent(self.path / "logits", names)

    def record_split(self, holdback: float, seed: int) -> None:
        """Records that this split selects in this folder."""
        split = [float(holdback), int(seed)]
        if split not in self.splits:
            self.splits = [*self.splits, split]

    def selected_otherwise(self, holdback: float, seed: int) -> bool:
        """Whether another split has selected in this folder."""
        return any(one != [float(holdback), int(seed)] for one in self.splits)

    def record_winner(self, winner: Mapping[str, Any]) -> None:
        """Records a winner as the latest; one of the same recipe and BatchNorm policy before it is dropped."""
        self.winners = [*self.earlier_winners(winner), dict(winner)]

    def earlier_winners(self, winner: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
        """The winners before, oldest first, without those of this recipe and BatchNorm policy."""
        same = winner["recipe"], winner["batchnorm"]
        return tuple(one for one in self.winners if (one["recipe"], one["batchnorm"]) != same)
