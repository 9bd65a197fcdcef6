"""Slots (times floored to the interval), and how a time is read from a user and stored in the tables."""

from datetime import UTC, datetime, timedelta
from typing import Final

from collector.record.dates import date_hint
from collector.record.durations import parse_duration, refuse_ambiguous

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def slot_of(instant: datetime, interval: timedelta) -> datetime:
    """Return the slot of an instant: the instant floored to the interval, counted from 1970 in UTC.

    >>> slot_of(datetime(2026, 1, 15, 8, 34, 59, tzinfo=UTC), timedelta(minutes=5)).isoformat()
    '2026-01-15T08:30:00+00:00'
    """
    return instant - (instant - EPOCH) % interval


def parse_instant(text: str, now: datetime) -> datetime:
    """Read a time: ISO 8601 (UTC where it has no offset) or a duration before now (``7d``).

    Raises
    ------
    ValueError
        When the text is neither; the message gives examples.
    """
    refuse_ambiguous(text)
    try:
        return now - parse_duration(text)
    except (ValueError, OverflowError):
        pass
    try:
        instant = datetime.fromisoformat(text)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r} is not a date or time: give a date such as 2026-01-31 or 2026-01-31T08:00, or an age such as 7d"
            + date_hint(text)
        ) from None


def naive(instant: datetime) -> datetime:
    """Return an aware datetime as the tables store it: naive UTC."""
    return instant.astimezone(UTC).replace(tzinfo=None)
