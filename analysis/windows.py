"""Windows of time, (start, end], in a zone: hours, days of 23 to 25, weeks from Monday, months, or the whole."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from analysis.arrays import Bools, Floats, Ints
from analysis.errors import RequestRefused
from analysis.notes import mark

EVERY: Final = ("1h", "3h", "6h", "1d", "1w", "1mo", "all")
STEPS: Final = {"1h": 1, "3h": 3, "6h": 6}
MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 86_400
WEEK: Final = 7 * DAY
WEEK_HOURS: Final = 168
INSTANTS: Final = (
    "window_start", "window_end", "other_start", "other_end", "changed_at", "earliest", "latest", "judged_from",
    "may_pass_from", "passes_from", "order_by",
)  # fmt: skip
LABELS: Final = ("project", "pool", "pool_name", "type", "window_start", "window_end", "interval_seconds")
TEXTS: Final = (
    *LABELS[:4], "measure", "unit", "flavor", "currency", "quantile", "direction", "queue", "order", "verdict",
    "confidence", "reason", "needed_confidence",
    "needed_reason", "history", "method", "note",
)  # fmt: skip
Columns: TypeAlias = dict[str, NDArray[Any] | str | None]
"""What is said of windows: by column a value a window, or one for all."""


def zone_of(name: str | ZoneInfo) -> ZoneInfo:
    """Return a zone by its name.

    Raises
    ------
    RequestRefused
    """
    try:
        return name if isinstance(name, ZoneInfo) else ZoneInfo(name)
    except (KeyError, ValueError, OSError, TypeError):
        raise RequestRefused(f"there is no zone {name!r}: take a name such as Asia/Shanghai, or UTC") from None


def windows(first: int, last: int, every: str, zone: ZoneInfo) -> list[tuple[int, int]]:
    """Return the windows that share an instant with (first, last].

    Parameters
    ----------
    first, last
        Seconds since 1970, UTC.
    every
        One of `EVERY`.

    Returns
    -------
    list
        Start and end of each in seconds since 1970, UTC; ``all`` is (first, last] itself.
    """
    if every == "all" or last <= first:
        return [(first, last)] if last > first else []
    bounds = _hours(first, last, STEPS[every], zone) if every in STEPS else _days(first, every, zone)
    found = []
    start = next(bounds)
    for end in bounds:
        if end > first:
            found.append((start, end))
        if end >= last:
            break
        start = end
    return found


def _hours(first: int, last: int, step: int, zone: ZoneInfo) -> Iterator[int]:
    """Return the instants at which a whole hour begins on the zone's clock, `step` apart in the zone's days.

    Where its clocks change one of them is longer or shorter.
    """
    # Twice as far as a step, since a change of clocks may make one longer.
    start = first // HOUR * HOUR - 2 * step * HOUR
    offset = _offset(start, zone)
    for begin in range(start, last + (2 + 2 * step) * HOUR, HOUR):
        after = _offset(begin + HOUR, zone)
        # Where the offset changes within it an hour of UTC may begin none of the zone's, or two.
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
        # A day that the zone left out has none of its own.
        if start != before:
            yield start
        before, day = start, _next(day, every)


def first_instant(day: date, zone: ZoneInfo) -> int:
    """Return when a day begins in a zone, in seconds since 1970: at midnight, or after it where the clocks skip that.

    A day that the zone left out begins with the next one.
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


def ratio(part: Floats, whole: Floats) -> Floats:
    """Return part over whole, NaN where there is no whole."""
    share: Floats = np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)
    return share


def between(slots: Ints, flow: Ints, instants: Ints | Floats) -> Floats:
    """Return what flowed until each instant since the first slot, that of each interval spread evenly over it.

    Parameters
    ----------
    slots
        The n slots that bound n - 1 intervals, in seconds.
    flow
        Of each interval.
    """
    until: Floats = np.interp(instants, slots, np.concatenate([[0], np.cumsum(flow)]))
    return until


def bounds_since(slots: Ints, low: Ints, high: Ints, besides: Ints, windows: Ints, *, level: bool) -> tuple[Ints, Ints]:
    """Return the fewest and the most that happened in each window, of what had happened since the first slot.

    Parameters
    ----------
    low, high
        Bounds of what had happened until each slot.
    besides
        What may have happened besides until each slot; only what each interval added is in doubt.
    windows
        A row a window: start and end, in seconds.
    level
        Whether what had happened until a window's start is itself in doubt; else what each interval added is.
    """
    starts, ends = windows.T
    last = len(slots) - 1
    before, after = (high, low) if level else (low, high)
    a, b = np.searchsorted(slots, starts), np.searchsorted(slots, ends, side="right") - 1
    fewest = np.where(b > a, low[b] - before[np.minimum(a, last)], 0)
    a = np.maximum(np.searchsorted(slots, starts, side="right") - 1, 0)
    b = np.minimum(np.searchsorted(slots, ends), last)
    most = np.where(b > a, high[b] - after[a] + besides[b] - besides[a], 0)
    return np.maximum(fewest, 0), np.maximum(most, 0)


def coverage(slots: Ints, intervals: Ints, windows: Ints, span: tuple[int, int]) -> Floats:
    """Return which share of the slots of a record's part of each window was observed; NaN where it has no part.

    Parameters
    ----------
    slots, intervals
        The observed slots and the poll interval at each, in seconds.
    windows
        A row a window: start and end, in seconds.
    span
        Start and end of the record, in seconds.
    """
    until = np.concatenate([[0], np.cumsum(intervals)])
    before, after = until[np.searchsorted(slots, windows, side="right")].T
    starts, ends = np.clip(windows, *span).T
    share: Floats = np.minimum((after - before) / np.maximum(ends - starts, 1), 1.0)
    # A window that begins with the last slot, or ends with the first, has that slot alone.
    return np.where((windows[:, 0] <= span[1]) & (windows[:, 1] >= span[0]), share, np.nan)


@dataclass(frozen=True)
class Windows:
    """What is said of the windows of a group."""

    cut: Ints
    """A row a window: start and end, in seconds."""
    said: Columns
    """The columns of the estimate, with ``history`` and ``queue``; of series that are too short only a ``note``."""
    coverage: Floats
    begins_in: Bools
    """Whether the record begins in a window, and whether it ends in it."""
    ends_in: Bools
    last: int
    """The last slot, in seconds."""
    hidden: Bools
    """Whether jobs were in statuses that no document names, in slots of each window."""
    unknown_after: float
    """The last slot at which all is known, where the record ends with jobs in such statuses; else infinite."""
    bounded: bool
    """Whether the counts bound what came from above, in each of the group's series."""
    note: str
    """Of the series."""


def as_rows(found: Windows) -> Columns:
    """Make a row of each window."""
    pieces = (
        np.asarray(found.said["note"]),
        np.where(found.begins_in, mark("note", "the record begins in it"), ""),
        np.where(found.ends_in, mark("note", "the record ends in it"), ""),
        np.asarray(found.note),
    )
    notes = zip(*(np.broadcast_to(piece, len(found.cut)) for piece in pieces), strict=True)
    return found.said | {
        "window_start": found.cut[:, 0],
        "window_end": found.cut[:, 1],
        "note": np.array(["; ".join(filter(None, each)) for each in notes], object),
        "coverage": found.coverage,
    }
