"""The plan of a run on the screen: passes, soups, memory, disk and time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from radin.cli.console import duration, size
from radin.cli.screen import print_table, say
from radin.common.wording import counted

if TYPE_CHECKING:
    from radin.evaluation.planning import Plan


def show_plan(planned: Plan) -> None:
    """Prints the cost of a run that was planned."""
    stored = planned.ingredients - planned.passes
    rows = [
        ["ingredient passes", _passes(planned) + (f" ({stored} are stored already)" if stored else "")],
        *([["race", planned.race]] if planned.race else []),
        ["real soups", f"at most {planned.soups}"],
        *([["baselines", f"{counted(planned.baselines, 'soup')} at most"]] if planned.baselines else []),
        ["samples a pass", f"{planned.samples:,}"],
        *_kept(planned),
        ["test passes", _test_passes(planned)],
        *(
            [["held-back samples", f"{planned.held_back:,}, run for {planned.tested} networks"]]
            if planned.held_back
            else []
        ),
        ["passes with BatchNorm recomputed", f"{planned.controls or 'none'}"],
        ["device", f"{planned.device}, batches of {planned.batch_size}"],
        ["memory", f"about {size(planned.memory_bytes)} at the peak"],
        ["disk", f"about {size(planned.disk_bytes)} of logits, distances and soup"],
        [
            "time",
            f"about {duration(planned.seconds)} for passes and soups; on top of that start-up, a reading of all files, "
            "and the search on the logits",
        ],
        *_with_workers(planned),
    ]
    print_table("plan", ["what", "how much"], rows)
    say("Nothing was charged or written. Run the same command without --plan to start.")


def _with_workers(planned: Plan) -> list[list[str]]:
    """The row of a plan with workers: the time that they take, and save."""
    if planned.seconds_workers is None:
        return []
    saved = planned.seconds - planned.seconds_workers
    said = f"saves about {duration(saved)}" if saved > 0 else "saves nothing"
    time = f"about {duration(planned.seconds_workers)}, which {said}; they take some seconds to start"
    return [[f"time with {counted(planned.workers, 'worker')}", time]]


def _passes(planned: Plan) -> str:
    """Passes of ingredients, or the range of what a race may take."""
    if planned.least_passes == planned.most_passes:
        return f"{planned.passes}"
    return f"worth of rows: {planned.least_passes:.1f} to {planned.most_passes:.1f}"


def _test_passes(planned: Plan) -> str:
    """Passes over test sets, with their samples, in words."""
    tested = planned.tested
    sets, samples = planned.test_passes // tested, counted(planned.test_samples, "sample")
    if sets < 2:
        return f"{tested} of {samples} each" if sets else "none"
    return f"{tested} over each of {sets} test sets, which hold {samples} together"


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
