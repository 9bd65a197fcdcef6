"""The date or age that a user may have meant, for the message about a text that is neither."""

import calendar
import re
from datetime import date
from typing import Final

SPOKEN: Final = {"today": "1d", "yesterday": "1d", "week": "1w", "month": "30d", "year": "365d"}
UNITS: Final = {
    "s": (1, "s"),
    "mi": (1, "m"),
    "h": (1, "h"),
    "d": (1, "d"),
    "w": (1, "w"),
    "mo": (30, "d"),
    "y": (365, "d"),
}
"""The unit of an age by how its name begins, and how many of them it is."""
MONTHS: Final = 12
YEAR_FIRST: Final = re.compile(r"\s*([0-9]{4})[^0-9]{1,2}([0-9]{1,2})[^0-9]{1,2}([0-9]{1,2})(?![0-9])")
YEAR_LAST: Final = re.compile(r"\s*([0-9]{1,2})[^0-9]{1,2}([0-9]{1,2})[^0-9]{1,2}([0-9]{4})(?![0-9])")


def date_hint(text: str) -> str:
    """Return ``; did you mean DATE?`` for the end of a message, with the date or age that resembles a text, or nothing.

    >>> [date_hint(text).rpartition(" ")[2] for text in ("2026-13-01", "2026-02-30", "31.1.2026", "3 months", "x")]
    ['2026-01-13?', '2026-02-28?', '2026-01-31?', '90d?', '']
    """
    meant = _age(text.strip().casefold()) or _date(text)
    return "" if meant is None else f"; did you mean {meant}?"


def _age(text: str) -> str | None:
    word = text.removeprefix("last").strip(" -_")
    if word in SPOKEN:
        return SPOKEN[word]
    written = re.fullmatch(r"([0-9]{1,5})\s*([a-z]+)(\s+ago)?", text)
    if written is None:
        return None
    known = [unit for start, unit in UNITS.items() if written[2].startswith(start)]
    return f"{int(written[1]) * known[0][0]}{known[0][1]}" if known else None


def _date(text: str) -> str | None:
    """Return the date that a text begins with: the year first or last, the month before the day unless it cannot be."""
    if written := YEAR_FIRST.match(text):
        year, month, day = map(int, written.groups())
    elif written := YEAR_LAST.match(text):
        month, day, year = map(int, written.groups())
        if "." in text:
            # With dots the day comes first.
            month, day = day, month
    else:
        return None
    if month > MONTHS >= day:
        month, day = day, month
    if not (1 <= month <= MONTHS and year and day):
        return None
    return date(year, month, min(day, calendar.monthrange(year, month)[1])).isoformat()
