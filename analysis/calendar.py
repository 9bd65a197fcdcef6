"""The clock of a zone: where its hours, days of 23 to 25 hours, weeks from Monday and months begin."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

import numpy as np

from analysis.errors import RequestRefused
from analysis.windows import Windows
from collector.record.nearest import hint

EVERY: Final = ("1h", "3h", "6h", "1d", "1w", "1mo", "all")
STEPS: Final = {"1h": 1, "3h": 3, "6h": 6}
MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 86_400
WEEK: Final = 7 * DAY
"""Lengths of time in seconds."""
DAY_HOURS: Final = 24
WEEK_DAYS: Final = 7
SATURDAY: Final = 5
"""The first day of the weekend, counted from Monday."""
WEEK_HOURS: Final = 168


def zone_of(name: str | ZoneInfo) -> ZoneInfo:
    """Return the time zone with a name.

    Raises
    ------
    RequestRefused
        When there is no such zone.
    """
    try:
        return name if isinstance(name, ZoneInfo) else ZoneInfo(name)
    except (KeyError, ValueError, OSError, TypeError):
        near = hint(str(name), available_timezones())
        raise RequestRefused(f"there is no zone {name!r}: take a name such as Asia/Shanghai, or UTC{near}") from None


def windows_between(first: int, last: int, every: str, zone: ZoneInfo) -> Windows:
    """Return the windows that contain some part of (first, last].

    Parameters
    ----------
    first, last
        Seconds since 1970, UTC.
    every
        One of `EVERY`; ``all`` is (first, last] itself.

    Returns
    -------
    Windows
        In order of time; empty where `last` is not after `first`.
    """
    if every == "all" or last <= first:
        edges = [first, last] if last > first else []
    else:
        edges = _edges(first, last, every, zone)
    return Windows(np.array(edges[:-1], np.int64), np.array(edges[1:], np.int64))


def _edges(first: int, last: int, every: str, zone: ZoneInfo) -> list[int]:
    """Return the edges of consecutive windows that cover (first, last], in seconds since 1970.

    They go from the last start of a window at or before `first` to the first start at or after `last`.
    """
    starts = _hours(first, last, STEPS[every], zone) if every in STEPS else _days(first, every, zone)
    edges: list[int] = []
    for start in starts:
        if start <= first:
            edges = [start]
            continue
        edges.append(start)
        if start >= last:
            break
    return edges


def _hours(first: int, last: int, step: int, zone: ZoneInfo) -> Iterator[int]:
    """Yield when the zone's clock shows a whole hour that is a multiple of `step`, in seconds since 1970.

    Where the clock changes, the distance to the next such hour is longer or shorter than `step` hours.
    """
    # Two steps before and after: a change of clocks may make a step longer.
    start = first // HOUR * HOUR - 2 * step * HOUR
    offset = _offset(start, zone)
    for begin in range(start, last + (2 + 2 * step) * HOUR, HOUR):
        after = _offset(begin + HOUR, zone)
        # An hour of UTC in which the offset changes may contain the start of no hour of the zone, or of two.
        steps = range(-offset % HOUR, HOUR, HOUR) if after == offset else range(0, HOUR, MINUTE)
        offset = after
        for instant in (begin + step_ for step_ in steps):
            local = datetime.fromtimestamp(instant, zone)
            if local.minute == 0 and local.second == 0 and local.hour % step == 0:
                yield instant


def _offset(instant: int, zone: ZoneInfo) -> int:
    return int((datetime.fromtimestamp(instant, zone).utcoffset() or timedelta()).total_seconds())


def _days(first: int, every: str, zone: ZoneInfo) -> Iterator[int]:
    day = datetime.fromtimestamp(first, zone).date()
    if every == "1w":
        day -= timedelta(days=day.weekday())
    elif every == "1mo":
        day = day.replace(day=1)
    # A slot at midnight counts what happened before: it may be the end of the window before.
    before = None
    while True:
        start = first_instant(day, zone)
        # A day that the zone skipped has no start of its own.
        if start != before:
            yield start
        before, day = start, _next(day, every)


def first_instant(day: date, zone: ZoneInfo) -> int:
    """Return when a day begins in a zone, in seconds since 1970: at midnight, or after it where the clocks skip that.

    A day that the zone skipped, as where it crossed the date line, begins when the next day begins.
    """
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    instant = int(midnight.timestamp())
    if datetime.fromtimestamp(instant, zone).replace(tzinfo=None) == midnight.replace(tzinfo=None):
        return instant
    before, after = instant - 2 * DAY, instant + 2 * DAY
    while after - before > 1:
        middle = (before + after) // 2
        if datetime.fromtimestamp(middle, zone).date() < day:
            before = middle
        else:
            after = middle
    return after


def _next(day: date, every: str) -> date:
    if every == "1mo":
        return (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    return day + timedelta(days=7 if every == "1w" else 1)
