"""Marks stand where the axis says, and rows tell in words what they show."""

from radin.report.page.axis import Axis
from radin.report.page.plot import band, bar, below, diamond, dot, row, whisker, with_minus

AXIS = Axis(0.0, 1.0)


def test_marks_stand_at_their_values() -> None:
    assert f'cx="{AXIS.at(0.25)}"' in dot(AXIS, 0.25, "soup", "a <quarter>")
    assert "<title>a &lt;quarter&gt;</title>" in dot(AXIS, 0.25, "soup", "a <quarter>")
    assert f'x="{AXIS.at(0.25)}"' in diamond(AXIS, 0.25, "expected", "a <quarter>")
    assert "<title>a &lt;quarter&gt;</title>" in diamond(AXIS, 0.25, "expected", "a <quarter>")
    assert whisker(AXIS, 0.25, 0.75, "soup").count(AXIS.at(0.75)) == 3
    assert f'width="{AXIS.length(0.25, 0.75)}"' in band(AXIS, 0.25, 0.75)


def test_bars_of_losses_end_at_zero() -> None:
    axis = Axis(-2.0, 2.0)
    assert f'x="{axis.at(-1.0)}"' in bar(axis, -1.0, "loss", "lost 1")
    assert f'x="{axis.at(0.0)}"' in bar(axis, 1.0, "gain", "gained 1")


def test_rows_are_told_in_words_and_lie_over_the_axis() -> None:
    made = row(AXIS, "a soup", [], "-0.5", "a soup at -0.5")
    assert 'aria-label="a soup at -0.5"' in made.marks
    assert made.marks.count('class="grid"') == len(AXIS.ticks) == below(AXIS).count("<text")
    assert made.value == with_minus("-0.5") == "−0.5"
    assert with_minus("0.5") == "0.5"
