"""The plan of a run: what it will take, as numbers and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from radin.common.html import table
from radin.common.wording import counted, duration, in_passes, size
from radin.evaluation.greedy_bill import greedy_passes

#: The names of the two columns.
COLUMNS = ("what", "how much")

#: Of a plan with nothing left to run.
DONE = "Nothing is left to run: a run with these settings has ended in this folder, and all that it ran is there."


@dataclass(frozen=True)
class Plan:
    """The cost of a run of `radin.make_soup`. Printed, it is the table of `radin soup --plan`.

    Attributes:
        ingredients: size of the pool.
        passes: ingredients whose logits are not in the run folder yet, one forward pass over the data each; fewer run
            in full where they race. Those that a race drops by what is stored are not counted in.
        least_passes, most_passes: the selecting rows that ingredients will be run on, over those of the data. The least
            is the first stage of the race for all and the best ingredient in full. Equal without a race, and where
            the outputs that are stored, as of an earlier run, decide it.
        race: whether the ingredients race, in words, and why not where a race was asked for; empty where none was.
        soups: real soups that may be built and evaluated, one pass each; those that a run with the same settings has
            evaluated in this folder are not counted in.
        baselines: soups that baselines may take on top of that; passes that a race saves and `greedy` needs are not
            counted in. 0 where a run with the same settings has ended here.
        tested: networks that are run on every test set: winner, best ingredient and baselines.
        samples: samples in a pass, those that select.
        held_back: samples that are held back, and that the networks which are tested are run on after the choice; 0
            where there are test sets.
        outputs: the kind of outputs.
        classes: numbers that are kept of the network's outputs for one sample; of classes their number.
        references: passes of the uniform soup that choose which tokens are kept.
        class_names: the first few classes of the data, in label order, where the data name them.
        test_passes: passes over test sets, of each network that is tested; sets on which a run with the same settings
            has ended here are not counted in.
        controls: passes of the best ingredient with recomputed BatchNorm statistics, over the data, those held back
            and each test set, for a fair comparison with a soup that has them.
        test_samples: labelled samples in all test sets together.
        batch_size: samples per forward pass.
        seconds_fill: time to fill and prepare the network with one ingredient, measured.
        seconds_per_sample: time of the forward pass, measured on one batch after one that warmed up.
        seconds: all passes, from these two, and what recomputes BatchNorm's statistics. On top of it come start-up (a
            few seconds of imports, the task, the data), the search on the logits, usually seconds, and one reading of
            all files that compares the ingredients' weights.
        memory_bytes: peak memory of the device after a batch (of this process, on the CPU), plus one ingredient's
            selected logits as they are scored.
        disk_bytes: logits that will be written, the soup, and the matrices of distances between ingredients.
        device: where the network runs.
        is_done: whether a run with the same settings has ended in this folder, so that nothing is left to run.
        workers: processes that run the networks side by side; 0 for this one alone.
        seconds_workers: the same as `seconds` with these workers, without the time in which they start; None without.
            On CPUs the forward pass is timed with as many threads as each worker has.
    """

    ingredients: int
    passes: int
    least_passes: float
    most_passes: float
    race: str
    soups: int
    baselines: int
    tested: int
    samples: int
    held_back: int
    outputs: str
    classes: int
    references: int
    class_names: tuple[str, ...]
    test_passes: int
    test_samples: int
    controls: int
    batch_size: int
    seconds_fill: float
    seconds_per_sample: float
    seconds: float
    memory_bytes: int
    disk_bytes: int
    device: str
    is_done: bool = False
    workers: int = 0
    seconds_workers: float | None = None

    def __str__(self) -> str:
        return plan_text(self)

    def __repr__(self) -> str:
        return f"Plan({plan_summary(self)})"

    def _repr_html_(self) -> str:
        rows = plan_rows(self)
        return table("Plan", COLUMNS, rows, note=plan_note(self), most=len(rows))

    @property
    def greedy(self) -> int:
        """Passes that the greedy soup of all ingredients takes from the start."""
        return greedy_passes(self.ingredients)

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON holds it."""
        return asdict(self) | {"greedy": self.greedy}


def plan_rows(planned: Plan) -> list[list[str]]:
    """What a run will take, each with how much of it; none where nothing is left to run."""
    if planned.is_done:
        return []
    return [
        ["ingredients", _ingredients(planned)],
        *([["race", planned.race]] if planned.race else []),
        ["real soups", f"at most {_passes(planned.soups)}" if planned.soups else "none are left"],
        ["together", _together(planned)],
        *([["baselines", f"at most {_passes(planned.baselines)} more"]] if planned.baselines else []),
        *_after_the_choice(planned),
        *([["BatchNorm recomputed", f"{_passes(planned.controls)} more, to compare with"]] if planned.controls else []),
        *_kept(planned),
        ["device", f"{planned.device}, batches of {planned.batch_size}"],
        ["memory", f"about {size(planned.memory_bytes)} at the peak"],
        ["disk", f"about {size(planned.disk_bytes)} of logits, distances and soup"],
        ["time", f"{_about(planned.seconds)}; on top of that come start-up, one reading of all files, and the search"],
        *_with_workers(planned),
    ]


def plan_note(planned: Plan) -> str:
    """What a pass is, and what the plan itself has cost; of a plan with nothing left to run that it has none."""
    if planned.is_done:
        return DONE
    return f"A pass runs one network over the {planned.samples:,} samples that select. Nothing was charged or written."


def plan_text(planned: Plan) -> str:
    """The plan in lines, one for each row, and its note below."""
    rows = plan_rows(planned)
    width = max((len(what) for what, _ in rows), default=0)
    return "\n".join([*(f"{what:{width}}  {how_much}" for what, how_much in rows), plan_note(planned)])


def plan_summary(planned: Plan) -> str:
    """The plan in a few words."""
    if planned.is_done:
        return "nothing is left to run"
    return f"{_range(planned)} of ingredients, at most {counted(planned.soups, 'real soup')}, {_about(planned.seconds)}"


def _passes(count: int | float) -> str:
    return "1 pass" if count == 1 else f"{in_passes(count)} passes"


def _about(seconds: float) -> str:
    return "less than a second" if seconds < 1 else f"about {duration(seconds)}"


def _range(planned: Plan, beside: int = 0) -> str:
    """Passes of ingredients, from the least to the most that a race may take, with others beside."""
    least, most = planned.least_passes + beside, planned.most_passes + beside
    return _passes(most) if least == most else f"{in_passes(least)} to {_passes(most)}"


def _ingredients(planned: Plan) -> str:
    """Passes of ingredients, and how many of these are stored."""
    n, stored = planned.ingredients, planned.ingredients - planned.passes
    if not planned.most_passes:
        return "none: what is needed of their outputs is stored already"
    return _range(planned) + (f"; {stored} of {n} are stored already" if stored else "")


def _together(planned: Plan) -> str:
    """Passes of ingredients and real soups, beside those of the greedy soup."""
    most = _range(planned, planned.soups)
    return f"at most {most.split(' to ')[-1]}; the greedy soup takes {planned.greedy}" if planned.soups else most


def _with_workers(planned: Plan) -> list[list[str]]:
    """The row of a plan with workers: the time that they take, and save."""
    if planned.seconds_workers is None:
        return []
    saved = planned.seconds - planned.seconds_workers
    said = f"saves about {duration(saved)}" if saved >= 0.05 else "saves nothing"
    time = f"{_about(planned.seconds_workers)}, which {said}; they take some seconds to start"
    return [[f"time with {counted(planned.workers, 'worker')}", time]]


def _after_the_choice(planned: Plan) -> list[list[str]]:
    """Rows on what is run after the choice, to report on: held-back samples, or test sets."""
    networks = f"on each of {planned.tested} networks"
    rows = [["held-back samples", f"{planned.held_back:,}, {networks}"]] if planned.held_back else []
    if sets := planned.test_passes // planned.tested:
        within = f" in {sets} test sets" if sets > 1 else ""
        rows.append(["test samples", f"{planned.test_samples:,}{within}, {networks}"])
    return rows


def _kept(planned: Plan) -> list[list[str]]:
    """Rows on what is kept of each sample's outputs; of tokens also on how it is chosen."""
    if planned.outputs in ("classes", "one-logit"):
        return [["classes", _counted(planned.classes, planned.class_names)]]
    kept = [["numbers kept of a sample", f"{planned.classes:,} ({planned.outputs})"]]
    if planned.references:
        kept.append(["passes of the uniform soup", f"{planned.references}, to choose which tokens are kept"])
    return kept


def _counted(count: int, names: Sequence[str]) -> str:
    """A count with the names of the first few."""
    return f"{count:,}" + (f": {', '.join(names)}" if names else "") + (", ..." if 0 < len(names) < count else "")
