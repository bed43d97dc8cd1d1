"""The plan of a run on the screen: passes, soups, memory, disk and time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from radin.cli.console import duration, size
from radin.cli.screen import print_table, say
from radin.common.wording import counted, in_passes

if TYPE_CHECKING:
    from radin.evaluation.planning import Plan


def show_plan(planned: Plan) -> None:
    """Prints the cost of a run that was planned."""
    if planned.is_done:
        say("Nothing is left to run: a run with these settings has ended in this folder, and all that it ran is there.")
        say("The same command without --plan writes its result again, and evaluates nothing.")
        return
    rows = [
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
    print_table("plan", ["what", "how much"], rows)
    say(
        f"A pass runs one network over the {planned.samples:,} samples that select. Nothing was charged or written. "
        "Run the same command without --plan to start."
    )


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
