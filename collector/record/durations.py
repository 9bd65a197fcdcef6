"""Durations as people write them: a number and a unit."""

import re
from datetime import timedelta
from typing import Final

UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
"""Seconds by unit, as `say_duration` writes it."""
SPELLED: Final = UNITS | {"min": UNITS["m"]} | {unit.upper(): UNITS[unit] for unit in ("d", "h", "w")}
DURATION: Final = re.compile(r"\s*([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*([A-Za-z]+)\s*")


def parse_duration(text: str) -> timedelta:
    """Read a duration: a number with its unit (``90s``, ``5m``, ``5min``, ``1.5h``, ``14d``, ``1w``).

    D, H and W are accepted too; M is not, see `refuse_ambiguous`.

    Raises
    ------
    ValueError
        When the text is not a duration; the message gives an example.

    >>> parse_duration("1.5m").total_seconds()
    90.0
    """
    refuse_ambiguous(text)
    written = DURATION.fullmatch(text)
    try:
        if written is not None and written[2] in SPELLED:
            return timedelta(seconds=float(written[1]) * SPELLED[written[2]])
    except OverflowError:
        pass
    raise ValueError(f"{text!r} is not a duration: give a number with s, m (or min), h, d or w, such as 5m")


def refuse_ambiguous(text: str) -> None:
    """Raise a ValueError for a number with M, which could be minutes or months."""
    written = DURATION.fullmatch(text)
    if written is not None and written[2] == "M":
        raise ValueError(f"{text!r} is ambiguous: write m for minutes, mo for months where a window is meant")


def spell_duration(length: timedelta) -> str:
    """Write a duration as people say it, in whole units: less than two minutes in seconds, and so on.

    >>> spell_duration(timedelta(seconds=300)), spell_duration(timedelta(days=3, hours=1))
    ('5 minutes', '3 days')
    """
    seconds = round(length.total_seconds())
    for unit, name in ((UNITS["d"], "day"), (UNITS["h"], "hour"), (UNITS["m"], "minute"), (1, "second")):
        if seconds >= 2 * unit or seconds == unit:
            return f"{seconds // unit:,} {name}{'' if seconds // unit == 1 else 's'}"
    return "0 seconds"


def spell_age(length: timedelta) -> str:
    """Write how long ago something was, as people say it.

    >>> spell_age(timedelta(seconds=185)), spell_age(timedelta(seconds=100))
    ('3 minutes ago', '1 minute ago')
    """
    minute = timedelta(minutes=1)
    if length >= minute:
        length -= length % minute
    return f"{spell_duration(length)} ago" if length >= timedelta(seconds=1) else "now"


def spell_every(interval: timedelta) -> str:
    """Write an interval as people say it.

    >>> spell_every(timedelta(minutes=1)), spell_every(timedelta(minutes=5))
    ('every minute', 'every 5 minutes')
    """
    return f"every {spell_duration(interval).removeprefix('1 ')}"


def say_duration(length: timedelta) -> str:
    """Write a duration as `parse_duration` reads it, in the largest unit of which it is a whole number.

    >>> say_duration(timedelta(minutes=5))
    '5m'
    """
    seconds = length.total_seconds()
    if seconds % 1:
        return f"{seconds:.6f}".rstrip("0") + "s"
    unit = max((name for name in UNITS if seconds % UNITS[name] == 0), key=UNITS.__getitem__)
    return f"{seconds / UNITS[unit]:.0f}{unit}"
