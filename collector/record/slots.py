"""Slots and durations: the wall clock floored to the interval, and how people write lengths of time."""

import re
from datetime import UTC, datetime, timedelta

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def slot_of(instant: datetime, interval: timedelta) -> datetime:
    """Return the slot that an instant belongs to: the instant floored to the interval, counted from 1970 in UTC.

    >>> slot_of(datetime(2026, 1, 15, 8, 34, 59, tzinfo=UTC), timedelta(minutes=5)).isoformat()
    '2026-01-15T08:30:00+00:00'
    """
    return instant - (instant - EPOCH) % interval


def parse_duration(text: str) -> timedelta:
    """Read a length of time: a whole number with its unit (``90s``, ``5m``, ``1h``, ``14d``, ``1w``).

    Raises
    ------
    ValueError
        When the text is no such length; the message says what one looks like.

    >>> parse_duration("5m").total_seconds()
    300.0
    """
    match = re.fullmatch(r"\s*([0-9]{1,9})\s*([smhdw])\s*", text)
    try:
        if match is not None:
            return timedelta(seconds=int(match[1]) * UNITS[match[2]])
    except OverflowError:
        pass
    raise ValueError(f"{text!r} is no length of time: give a whole number with s, m, h, d or w, such as 5m")


def say_duration(length: timedelta) -> str:
    """Write a length of time of whole seconds as `parse_duration` reads it, in the largest unit that leaves no rest.

    >>> say_duration(timedelta(minutes=5))
    '5m'
    """
    seconds = int(length.total_seconds())
    unit = max((name for name in UNITS if seconds % UNITS[name] == 0), key=UNITS.__getitem__)
    return f"{seconds // UNITS[unit]}{unit}"


def parse_instant(text: str, now: datetime) -> datetime:
    """Read an instant: ISO 8601 (without an offset: UTC) or a length of time before now (``7d``).

    Raises
    ------
    ValueError
        When the text is neither.
    """
    try:
        return now - parse_duration(text)
    except (ValueError, OverflowError):
        pass
    try:
        instant = datetime.fromisoformat(text)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r} is no instant: give a date such as 2026-01-31 or 2026-01-31T08:00, or an age such as 7d"
        ) from None


def naive(instant: datetime) -> datetime:
    """Return an aware instant as the tables store it: UTC without a zone."""
    return instant.astimezone(UTC).replace(tzinfo=None)
