"""The plan of a run on the screen: passes, soups, memory, disk and time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radin.cli.screen import print_table, say
from radin.evaluation.plan import COLUMNS, plan_note, plan_rows

if TYPE_CHECKING:
    from radin.evaluation.plan import Plan


def show_plan(planned: Plan) -> None:
    """Prints the cost of a run that was planned."""
    if planned.is_done:
        say(plan_note(planned))
        say("The same command without --plan writes its result again, and evaluates nothing.")
        return
    print_table("plan", COLUMNS, plan_rows(planned))
    say(f"{plan_note(planned)} Run the same command without --plan to start.")
