"""A plan is read by people in Python, too: as lines, in a few words, and as a table of a notebook."""

from dataclasses import replace

import pytest

from radin.evaluation.plan import DONE, Plan, plan_rows, plan_summary, plan_text


@pytest.fixture
def planned() -> Plan:
    return Plan(
        ingredients=5,
        passes=4,
        least_passes=3.5,
        most_passes=4.0,
        race="",
        soups=2,
        baselines=1,
        tested=3,
        samples=1_200,
        held_back=300,
        outputs="classes",
        classes=7,
        references=0,
        class_names=("cat", "dog"),
        test_passes=0,
        test_samples=0,
        controls=0,
        batch_size=64,
        seconds_fill=0.1,
        seconds_per_sample=0.01,
        seconds=90.0,
        memory_bytes=2_000_000,
        disk_bytes=3_000,
        device="cpu",
    )


def test_a_plan_is_printed_in_lines(planned: Plan) -> None:
    first, *lines, last = str(planned).splitlines()
    assert first == "ingredients        3.50 to 4 passes; 1 of 5 are stored already"
    assert "classes            7: cat, dog, ..." in lines and "memory             about 2.0 MB at the peak" in lines
    assert len(lines) + 1 == len(plan_rows(planned))
    assert last == "A pass runs one network over the 1,200 samples that select. Nothing was charged or written."
    assert plan_text(planned) == str(planned)


def test_its_repr_is_short_and_a_notebook_shows_all_rows(planned: Plan) -> None:
    assert repr(planned) == "Plan(3.50 to 4 passes of ingredients, at most 2 real soups, about 90.0 s)"
    shown = planned._repr_html_()
    assert all(what in shown and how_much in shown for what, how_much in plan_rows(planned))


def test_a_run_that_has_ended_leaves_nothing_to_tell(planned: Plan) -> None:
    done = replace(planned, is_done=True)
    assert (plan_rows(done), str(done), plan_summary(done)) == ([], DONE, "nothing is left to run")
    assert DONE in done._repr_html_()
