"""Dates, times and durations as users write them: ISO 8601, numbers with units, Python's types; nothing is guessed."""

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from analysis.calendar import first_instant
from analysis.errors import RequestRefused
from collector.record.durations import parse_duration

Instant: TypeAlias = str | datetime | date | np.datetime64 | timedelta | None
"""ISO 8601 (in the requested zone if it has no offset), or a duration back from the last slot; None: no limit."""
MONTH: Final = re.compile(r"[0-9]{4}-[0-9]{2}")
MONTHS: Final = re.compile(r"\s*([1-9][0-9]{0,2})\s*mo\s*")
"""A number of calendar months, as in ``every="1mo"``."""


def instant_of(value: object, zone: ZoneInfo) -> datetime:
    """Return an instant in UTC, naive; a month such as 2026-01 is its first day.

    Raises
    ------
    ValueError
        When it is not a date, a month or a time. A bare number is neither.
    """
    instant = value
    if isinstance(value, str):
        text = value.strip()
        text = f"{text}-01" if MONTH.fullmatch(text) else text
        day = len(text) <= len("2026-01-31")
        instant = (date if day else datetime).fromisoformat(text)
    elif isinstance(value, np.datetime64):
        instant = pd.Timestamp(value)
    if instant is pd.NaT or not isinstance(instant, date):
        raise ValueError("neither text in ISO 8601 nor a date or time")
    if not isinstance(instant, datetime):
        return datetime.fromtimestamp(first_instant(instant, zone), UTC).replace(tzinfo=None)
    aware = instant.replace(tzinfo=zone) if instant.tzinfo is None else instant
    return datetime.fromtimestamp(aware.timestamp(), UTC).replace(tzinfo=None)


def before(last: datetime, ago: str | timedelta, zone: ZoneInfo) -> datetime:
    """Return the instant some time before another one, both naive UTC; ago is a duration, or months such as ``1mo``.

    Calendar months before is the same day and time of that month in the zone, or its last day if it is shorter.

    Raises
    ------
    RequestRefused
        When it is neither.
    """
    months = MONTHS.fullmatch(ago) if isinstance(ago, str) else None
    if months is None:
        return last - duration_of(ago)
    local = last.replace(tzinfo=UTC).astimezone(zone)
    year, month = divmod(12 * local.year + local.month - 1 - int(months[1]), 12)
    day = min(local.day, monthrange(year, month + 1)[1])
    return local.replace(year=year, month=month + 1, day=day).astimezone(UTC).replace(tzinfo=None)


def seconds_of(value: str | timedelta) -> float:
    """Return a duration such as ``15m`` in seconds.

    Raises
    ------
    RequestRefused
        When it is not a duration, or not above zero.
    """
    return duration_of(value).total_seconds()


def duration_of(value: str | timedelta) -> timedelta:
    """Return a duration; raises the same errors as `seconds_of`."""
    if not isinstance(value, str | timedelta):
        raise RequestRefused(f"{value!r} has no unit: give a duration such as '15m', or a timedelta")
    try:
        duration = parse_duration(value) if isinstance(value, str) else value
    except ValueError as error:
        raise RequestRefused(str(error)) from None
    if duration <= timedelta():
        raise RequestRefused(f"{value!r} is not above zero: give a duration such as 15m")
    return duration
