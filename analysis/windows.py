"""Windows of time, (start, end], in a zone: hours, days of 23 to 25, weeks from Monday, months, or the whole."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from analysis.errors import RequestRefused

EVERY: Final = ("1h", "3h", "6h", "1d", "1w", "1mo", "all")
HOURS: Final = {"1h": 1, "3h": 3, "6h": 6}
HOUR: Final = 3600


def zone_of(name: str) -> ZoneInfo:
    """Return a zone by its name.

    Raises
    ------
    RequestRefused
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
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
    bounds = _hours(first, last, HOURS[every], zone) if every in HOURS else _days(first, every, zone)
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
    """Return the whole hours of the zone's clock, which lie off those of UTC by its offset's minutes, `step` apart.

    They are counted in the zone's days: where its clocks change one step is longer or shorter.
    """
    offset = int((datetime.fromtimestamp(first, zone).utcoffset() or timedelta()).total_seconds()) % HOUR
    start = (first + offset) // HOUR * HOUR - offset
    hours = range(start - step * HOUR, last + (2 + step) * HOUR, HOUR)
    yield from (hour for hour in hours if step == 1 or datetime.fromtimestamp(hour, zone).hour % step == 0)


def _days(first: int, every: str, zone: ZoneInfo) -> Iterator[int]:
    day = datetime.fromtimestamp(first, zone).date()
    if every == "1w":
        day -= timedelta(days=day.weekday())
    elif every == "1mo":
        day = day.replace(day=1)
    # A slot at midnight counts what happened before: it may be the end of the window before.
    while True:
        yield int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())
        day = _next(day, every)


def _next(day: date, every: str) -> date:
    if every == "1mo":
        return (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    return day + timedelta(days=7 if every == "1w" else 1)


def utc(seconds: int) -> datetime:
    """Return an instant as an aware time."""
    return datetime.fromtimestamp(seconds, UTC)
