"""Values as text: durations, numbers and shares as people write them, with their bounds."""

import math
from typing import Final, NamedTuple
from unicodedata import bidirectional

import numpy as np
import pandas as pd

from analysis.calendar import DAY, HOUR, MINUTE
from analysis.estimate import SECONDS, columns_of
from analysis.notes import word
from analysis.text.catalogue import _
from collector.output.visible import one_line

RIGHT_TO_LEFT: Final = ("R", "AL", "AN")
NO_BOUND: Final = word("no upper bound")
UNKNOWN: Final = "-"
"""The text of an unknown value."""


class Unit(NamedTuple):
    """A unit of durations."""

    seconds: int
    text: str
    until: float
    """Durations below this many seconds are written in the unit."""


UNITS: Final = (
    Unit(1, word("{amount} s"), 90),
    Unit(MINUTE, word("{amount} min"), 90 * MINUTE),
    Unit(HOUR, word("{amount} h"), 2 * DAY),
    Unit(DAY, word("{amount} d"), math.inf),
)
WIDE: Final = 1000
"""From this many units on, an upper bound asks for a longer unit; but see `SMALL`."""
SMALL: Final = 0.05
"""A value below this share of the longer unit keeps the shorter unit: in the longer one it would round to zero."""

TENTH: Final = 0.1
"""The smallest number of a unit that is shown."""


def unit_of(seconds: float, most: float = 0.0) -> Unit:
    """Return the unit in which a cell shows a duration and its upper bound; both are given in seconds."""
    shortest = next((place for place, unit in enumerate(UNITS) if seconds < unit.until), len(UNITS) - 1)
    unit = UNITS[shortest]
    for longer in UNITS[shortest + 1 :]:
        if not most >= WIDE * unit.seconds or seconds < SMALL * longer.seconds:
            break
        unit = longer
    return unit


def in_unit(seconds: float, unit: Unit) -> str:
    """Return the number of a duration in a unit: whole from ten on, else to a tenth. Only zero is "0"."""
    number = to_tenths(seconds, unit)
    return less_than(TENTH * unit.seconds, unit) if number == "0" and seconds > 0 else number


def to_tenths(seconds: float, unit: Unit) -> str:
    """Return the number of a duration in a unit, see `in_unit`; also of a short one, which may be rounded to zero."""
    size = seconds / unit.seconds
    return f"{size:,.0f}" if size >= 10 else f"{size:.1f}".removesuffix(".0")


def less_than(seconds: float, unit: Unit) -> str:
    """Return the number of a duration below some seconds, such as the poll interval, beside others in a unit: <5."""
    return f"<{to_tenths(max(seconds, TENTH * unit.seconds), unit)}"


def duration(seconds: float | None, interval: float = 0.0, unit: Unit | None = None) -> str:
    """Return the text of a duration in the unit that suits it, or in the given unit; a dash where it is unknown.

    Both `seconds` and the poll interval are in seconds; a duration below the interval is written as "under" it.

    >>> [duration(seconds, 300) for seconds in (0, 750, 12600, 259200)]
    ['under 5 min', '12 min', '3.5 h', '3 d']
    """
    if seconds is None or pd.isna(seconds) or math.isinf(seconds):
        return UNKNOWN
    if interval and seconds < interval:
        return _("under {duration}").format(duration=duration(interval))
    unit = unit or unit_of(seconds)
    return _(unit.text).format(amount=in_unit(seconds, unit))


def figures_of(row: pd.Series, name: str) -> tuple[float, float, float]:
    """Return a row's value with its lower and upper bound, by the name of the value's column; NaN where unknown."""
    point, low, high = (math.nan if pd.isna(row[column]) else float(row[column]) for column in columns_of(name))
    return point, low, high


def wait_parts(row: pd.Series, name: str) -> tuple[str, str]:
    """Return the texts of a duration and of its bounds, in one unit; below the row's poll interval as "under" it.

    Parameters
    ----------
    name
        The column of the duration without its unit, such as ``mean``.

    Returns
    -------
    tuple
        The value: ``12 min``, ``under 5 min``, or ``-`` where it is unknown. The bounds: ``5-210 min`` or ``5 min or
        more``; empty where there are none, or where the upper bound is below the poll interval.
    """
    point, low, high, interval, unit = _wait_of(row, name)
    if math.isnan(low) and math.isnan(high):
        return UNKNOWN, ""
    if high < interval:
        return duration(high, interval), ""
    bounds = _bounds_in(unit, low, high, interval)
    if math.isnan(high):
        least = "" if bounds is None else _(unit.text).format(amount=bounds)
        return duration(point, interval, unit), _("{least} or more").format(least=least) if least else _(NO_BOUND)
    return duration(point, interval, unit), _(unit.text).format(amount=bounds)


def _wait_of(row: pd.Series, name: str) -> tuple[float, float, float, float, Unit]:
    """Return the figures of a duration and the row's poll interval, in seconds, and the unit that shows them."""
    point, low, high = figures_of(row, f"{name}{SECONDS}")
    interval = float(row["interval_seconds"])
    known = next((seconds for seconds in (point, low, high) if not math.isnan(seconds)), 0.0)
    return point, low, high, interval, unit_of(max(known, interval), high)


def _bounds_in(unit: Unit, low: float, high: float, interval: float) -> str | None:
    """Return two bounds as numbers in a unit; the lower one alone if there is no upper one, from the poll interval on.

    A lower bound below the poll interval is less than the interval, and zero only if it is zero.
    """
    if math.isnan(high):
        return in_unit(low, unit) if low >= interval and low > 0 else None
    least = less_than(interval, unit) if 0 < low < interval else in_unit(0.0 if math.isnan(low) else low, unit)
    return f"{least}-{in_unit(high, unit)}"


def below(seconds: float, unit: Unit) -> str:
    """Return the number of a duration below some seconds, such as the poll interval, in a unit: under 5."""
    return _("under {duration}").format(duration=less_than(seconds, unit).removeprefix("<"))


def share_parts(row: pd.Series, name: str, digits: int = 0) -> tuple[str, str]:
    """Return the texts of a share and of its bounds: ``12%`` and ``9-15%``; see `wait_parts`."""
    point, low, high = figures_of(row, name)
    if math.isnan(low):
        bounds = "" if math.isnan(high) else _("at most {number}").format(number=percent(high, digits))
    elif math.isnan(high):
        bounds = _("{least} or more").format(least=percent(low, digits))
    else:
        bounds = f"{percent(low, digits).removesuffix('%')}-{percent(high, digits)}"
    return percent(point, digits), bounds


def count_parts(row: pd.Series, name: str) -> tuple[str, str]:
    """Return the texts of a number of jobs and of its bounds: ``12`` and ``9-15``; see `wait_parts`."""
    point, low, high = figures_of(row, name)
    if math.isnan(low):
        bounds = "" if math.isnan(high) else _("at most {number}").format(number=number(high))
    elif math.isnan(high):
        bounds = _("{least} or more").format(least=number(low))
    else:
        bounds = f"{number(low)}-{number(high)}"
    return number(point), bounds


def bracketed(value: str, bounds: str) -> str:
    """Return the value with the bounds, if there are any, in brackets behind it."""
    return _("{number} ({bounds})").format(number=value, bounds=bounds) if bounds else value


def with_bounds(row: pd.Series, name: str) -> str:
    """Return the text of a duration with its bounds, and their unit once: 12 (5-210) min; see `wait_parts`."""
    point, low, high, interval, unit = _wait_of(row, name)
    bounds = _bounds_in(unit, low, high, interval)
    if math.isnan(point) or high < interval or bounds is None:
        return bracketed(*wait_parts(row, name))
    value = below(interval, unit) if point < interval else in_unit(point, unit)
    if math.isnan(high):
        bounds = _("{least} or more").format(least=bounds)
    return _(unit.text).format(amount=bracketed(value, bounds))


def share_with_bounds(row: pd.Series, name: str) -> str:
    """Return the text of a share with its bounds: 12% (9-15%); - (9-15%) where only the bounds are known."""
    return bracketed(*share_parts(row, name))


def between(row: pd.Series, name: str) -> str:
    """Return the text of a number with its interval: 12.4 (10.1-14.8)."""
    point, low, high = figures_of(row, name)
    least, most = rounded(low), rounded(high)
    # After rounding, both ends may be the same number.
    if math.isnan(point) or math.isnan(low) or least == most:
        return rounded(point)
    bounds = _("{least} or more").format(least=least) if math.isnan(high) else f"{least}-{most}"
    return bracketed(rounded(point), bounds)


def named(row: pd.Series) -> str:
    """Return the display name of a row's pool, or its id where it has no name; see `isolated`."""
    return isolated(row["pool_name"] if pd.notna(row["pool_name"]) else row["pool"])


def isolated(name: str) -> str:
    """Return a name so that it changes nothing beside it: without control characters and line feeds, and isolated.

    A name is isolated if its script runs from right to left.
    """
    name = one_line(name)
    rightward = any(bidirectional(letter) in RIGHT_TO_LEFT for letter in name)
    return f"\u2068{name}\u2069" if rightward else name


def or_dash(text: str | None) -> str:
    """Return a text, or a dash where it is missing or empty."""
    return text if isinstance(text, str) and text else UNKNOWN


def number(value: float) -> str:
    """Return the text of a number, rounded to a whole one."""
    return UNKNOWN if pd.isna(value) else f"{value:,.0f}"


def rounded(value: float) -> str:
    """Return the text of a number, rounded to a tenth; from a hundred on to a whole number.

    >>> [rounded(value) for value in (1.96, 1033.2, float("nan"))]
    ['2.0', '1,033', '-']
    """
    return UNKNOWN if pd.isna(value) else f"{value:,.{0 if value >= 100 else 1}f}"


def amount(value: float) -> str:
    """Write a capacity: whole nodes, or concurrent jobs to a tenth.

    >>> [amount(value) for value in (16.0, 5.995, float("nan"))]
    ['16', '6.0', '-']
    """
    integral = np.isclose(value, np.rint(value), rtol=0, atol=1e-9)
    return UNKNOWN if np.isnan(value) else f"{value:,.0f}" if integral else f"{value:,.1f}"


def percent(value: float, digits: int = 0) -> str:
    """Return the text of a share of 1 in per cent."""
    return UNKNOWN if pd.isna(value) else f"{value:.{digits}%}"
