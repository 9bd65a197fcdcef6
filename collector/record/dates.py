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


def date_hint(text: str) -> str:
    """Return ``; did you mean DATE?`` for the end of a message, with the date or age that resembles a text, or nothing.

    >>> [date_hint(text).rpartition(" ")[2] for text in ("2026-13-01", "2026-02-30", "31.1.2026", "3 months", "x")]
    ['2026-01-13?', '2026-02-28?', '2026-01-31?', '90d?', '']
    """
    numbers = [int(number) for number in re.findall(r"\d{1,4}", text)][:3]
    meant = _age(text.strip().casefold()) or _date(numbers, text)
    return "" if meant is None else f"; did you mean {meant}?"


def _age(text: str) -> str | None:
    word = text.removeprefix("last").strip(" -_")
    if word in SPOKEN:
        return SPOKEN[word]
    written = re.fullmatch(r"(\d{1,5})\s*([a-z]+)(\s+ago)?", text)
    if written is None:
        return None
    known = [unit for start, unit in UNITS.items() if written[2].startswith(start)]
    return f"{int(written[1]) * known[0][0]}{known[0][1]}" if known else None


def _date(numbers: list[int], text: str) -> str | None:
    """Return the date that three numbers are: the year first or last, the month before the day unless it cannot be."""
    if len(numbers) != 3:
        return None
    if re.match(r"\s*\d{4}", text):
        year, month, day = numbers
    else:
        # With dots the day comes first.
        (first, second, year), dots = numbers, "." in text
        month, day = (second, first) if dots else (first, second)
    if month > MONTHS >= day:
        month, day = day, month
    if not (1 <= month <= MONTHS and 1 <= year <= date.max.year and day):
        return None
    return date(year, month, min(day, calendar.monthrange(year, month)[1])).isoformat()
