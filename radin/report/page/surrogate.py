"""What averaged logits and calibration promised of each soup, beside the real soup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from radin.common.wording import decimal, signed
from radin.report.entries import Network
from radin.report.page.axis import Axis
from radin.report.page.charts import SOUPS, place_of
from radin.report.page.plot import MIDDLE, Plot, Row, band, below, diamond, dot, row
from radin.report.page.svg import element
from radin.report.record import Record
from radin.scoring.significance import Z95


@dataclass(frozen=True)
class Kept:
    """A promise and what became of it, in values as the axis of one plot has them.

    Attributes:
        soup: of which it was made.
        averaged: value of the averaged logits.
        corrected: value that earlier soups led to expect when this one was chosen; None where nothing was expected.
        real: value of the soup.
        reach: half the width of the 95 % interval of paired noise; 0 where it is not known.
        sign: 1 where higher is better, else -1.
    """

    soup: Network
    averaged: float
    corrected: float | None
    real: float
    reach: float
    sign: int = 1

    @property
    def gained(self) -> float:
        """How much better the soup is than its averaged logits; below 0 where it is worse."""
        return self.sign * (self.real - self.averaged)

    @property
    def shown(self) -> list[float]:
        """The values that the axis has to hold."""
        ends = [self.averaged - self.reach, self.averaged + self.reach, self.real]
        return ends if self.corrected is None else [*ends, self.corrected]


def surrogate_plots(record: Record) -> list[Plot]:
    """Averaged logits, calibration and real soups in the order of verification.

    One plot is of the metric. Where soups were chosen by another criterion, a second one is of that: calibration
    corrects the criterion, so its marks stand there.
    """
    soups = record.verified[:SOUPS]
    own = [_in_metric(one, record) for one in soups]
    plots = [(own, "", record.metric)]
    if record.criterion:
        chosen = [_in_criterion(one) for one in soups]
        about = f"{record.criterion}, by which soups were chosen"
        plots = [(own, record.metric, record.metric), (chosen, about, record.criterion)]
    return [_plot(kept, record, heading, unit) for kept, heading, unit in plots if any(kept)]


def _in_metric(soup: Network, record: Record) -> Kept | None:
    if soup.promised is None:
        return None
    promise, sign = soup.promise, 1 if record.higher_is_better else -1
    corrected = None if record.criterion or promise is None or promise.corrected is None else sign * promise.corrected
    return Kept(soup, soup.promised, corrected, soup.value, Z95 * (soup.gap_error or 0.0), sign)


def _in_criterion(soup: Network) -> Kept | None:
    promise = soup.promise
    if promise is None:
        return None
    return Kept(soup, promise.averaged, promise.corrected, promise.real, Z95 * promise.error)


def _plot(promises: Iterable[Kept | None], record: Record, heading: str, unit: str) -> Plot:
    kept = [one for one in promises if one is not None]
    axis = Axis.over(value for one in kept for value in one.shown)
    return Plot([_row(axis, one, record) for one in kept], below(axis), _key(kept), heading, unit)


def _row(axis: Axis, one: Kept, record: Record) -> Row:
    """The line from what was promised to the real soup, with the calibrated value on its way."""
    number = place_of(one.soup, record)
    said = f"soup {number}: averaged logits {decimal(one.averaged)}, "
    said += f"calibrated {decimal(one.corrected)}, " if one.corrected is not None else ""
    said += f"real {decimal(one.real)}"
    marks: list[Markup] = []
    if one.reach:
        marks.append(band(axis, one.averaged - one.reach, one.averaged + one.reach, "paired noise"))
    ends = [one.averaged, one.real] if one.corrected is None else [one.averaged, one.real, one.corrected]
    across = {"x1": axis.at(min(ends)), "x2": axis.at(max(ends)), "y1": MIDDLE, "y2": MIDDLE}
    marks.append(element("line", **across, class_="link"))
    marks += [dot(axis, one.averaged, "surrogate ring", said), dot(axis, one.real, "soup", said)]
    if one.corrected is not None:
        marks.append(diamond(axis, one.corrected, "expected", said))
    return row(axis, f"soup {number}, of {one.soup.size}", marks, signed(one.gained), said)


def _key(kept: Sequence[Kept]) -> list[tuple[str, str]]:
    """The meanings of the marks that are there."""
    key = [("surrogate ring dot", "averaged logits, which cost no pass"), ("soup dot", "the real soup")]
    if any(one.corrected is not None for one in kept):
        key.insert(1, ("diamond expected", "calibrated: what the soups before it led to expect"))
    if any(one.reach for one in kept):
        key.append(("band", "paired noise: a soup within it keeps what averaged logits promised"))
    return key
