"""The texts of the measures of trends: a value is a duration, a share or a number, by its measure."""

import math
from collections.abc import Sequence
from typing import Final

import pandas as pd

from analysis.notes import word
from analysis.text.language import _
from analysis.text.units import UNKNOWN, below, bracketed, figures_of, in_unit, to_tenths, unit_of

MEASURES: Final = {
    "wait": word("mean wait"),
    "over": word("over the limit"),
    "arrivals": word("arrivals a day"),
    "failures": word("failure rate"),
}
"""The names of the measures of trends."""
SHARES: Final = ("over", "failures")
"""The measures that are shares."""
MONTH: Final = 30
"""Slopes are shown as the change in this many days."""
PERCENT: Final = "{amount}%"
UNSEEN: Final = 0.0005
"""Differences of shares below this are rounded to zero: they are shown in tenths of a percentage point."""


def measure_name(measure: str) -> str:
    """Return the name of a measure of trends; a dash for no measure."""
    return _(MEASURES[measure]) if measure in MEASURES else UNKNOWN


def figure(measure: str, value: float, interval: float = 0.0, *, signed: bool = False) -> str:
    """Return the text of a measure's value: a duration, a share or a number; a question mark where it is unknown.

    Parameters
    ----------
    measure
        One of `MEASURES`.
    interval
        The poll interval in seconds; a shorter wait is written as "under" the interval.
    signed
        Whether the value is a difference: it has a sign, and that of shares is in percentage points.
    """
    text, (number_,) = _numbers(measure, (value,), interval, signed=signed)
    return number_ if math.isnan(value) else text.format(amount=number_)


def interval_of(row: pd.Series, name: str, times: float = 1.0, *, signed: bool = False) -> str:
    """Return the text of a measure's value with its interval: 12 (9-15) min, +2.0 (+1.0..+3.0) pt, 5.6% (3.7-9.1%).

    Parameters
    ----------
    name
        The column of the value.
    times
        All numbers are multiplied by it: a slope per day by `MONTH` is one per month.
    signed
        Whether the value is a difference, which has a sign.
    """
    point, low, high = (value * times for value in figures_of(row, name))
    if math.isnan(point):
        return UNKNOWN
    measure, interval = str(row["measure"]), float(row.get("interval_seconds", 0.0))
    text, (value, least, most) = _numbers(measure, (point, low, high), interval, signed=signed)
    if math.isnan(low) and math.isnan(high):
        return text.format(amount=value)
    if signed and measure in SHARES and max(abs(low), abs(high)) < UNSEEN:
        return _("under {number}").format(number=figure(measure, 2 * UNSEEN, signed=True).removeprefix("+"))
    # After rounding, both ends may be the same number.
    if least == most:
        return text.format(amount=value)
    bounds = f"{least}..{most}" if signed else f"{least}-{most}"
    if text == PERCENT:
        return bracketed(text.format(amount=value), text.format(amount=bounds))
    return text.format(amount=bracketed(value, bounds))


def _numbers(measure: str, values: Sequence[float], interval: float, *, signed: bool) -> tuple[str, list[str]]:
    """Return the text of the unit that suits values of a measure, and each value in that unit; `?` for NaN.

    A wait that is the first value and below the poll interval is "under" it.
    """
    # Waits are below zero by rounding errors only.
    sizes = [abs(value) if signed else max(value, 0.0) for value in values]
    text = "{amount}"
    if measure == "wait":
        known = [size for size in sizes if not math.isnan(size)] or [0.0]
        unit = unit_of(max(known[0], interval), max(known))
        # A number with a sign is not "<0.1".
        text, written = _(unit.text), to_tenths if signed else in_unit
        numbers = ["" if math.isnan(size) else written(size, unit) for size in sizes]
        if not signed and sizes[0] < interval:
            numbers[0] = below(interval, unit)
    elif measure not in SHARES:
        numbers = [f"{round(size, 1) + 0.0:,.1f}" for size in sizes]
    else:
        text = _("{amount} pt") if signed else PERCENT
        numbers = [f"{100 * (min(size, 1.0) if signed else size):.1f}" for size in sizes]
    return text, [
        "?" if math.isnan(value) else f"{'-' if value < 0 else '+'}{size}" if signed else size
        for value, size in zip(values, numbers, strict=True)
    ]
