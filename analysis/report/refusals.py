"""What cannot be told yet of trends, changes and comparisons, and after how many more days it can: one line each."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import pandas as pd

from analysis.capacity.floor import MOST_DAYS
from analysis.notes import Notes
from analysis.text.language import _, listed, plural
from analysis.text.measures import MEASURES, measure_name

TENTHS: Final = 3
"""Fewer days than this are given to a tenth."""
COUNTED: Final = ("batches", "more")
"""The fields of the notes that say how many days a row has and how many it needs."""


def untold(parts: Mapping[str, pd.DataFrame]) -> dict[str, float]:
    """Return the measures of a series whose change cannot be told yet, with the number of further days that each needs.

    Parameters
    ----------
    parts
        The frames of one series; those named trend and compare are read.
    """
    days: dict[str, list[float]] = {}
    for name in ("trend", "compare"):
        for _place, row in parts.get(name, pd.DataFrame()).iterrows():
            days.setdefault(str(row["measure"]), []).append(0.0 if is_told(row) else float(row["more_days"]))
    # What one of the two can tell is told.
    return {measure: _least(numbers) for measure, numbers in days.items() if 0.0 not in numbers}


def _least(numbers: Iterable[float]) -> float:
    """Return the smallest known number of days; NaN where none is known."""
    return min((number for number in numbers if number == number), default=float("nan"))  # noqa: PLR0124 - NaN


def is_told(row: pd.Series) -> bool:
    """Return whether a row of a trend or a comparison has a direction, or that none is shown."""
    return isinstance(row["direction"], str)


def line(needs: Mapping[str, float]) -> str:
    """Return one line on the measures of a series of which no change can be told yet; empty where there are none."""
    if not needs:
        return ""
    which = "" if set(needs) >= set(MEASURES) - {"over"} else listed(map(measure_name, needs))
    days = span(needs.values())
    if which:
        text = _("No change of {measures} can be told yet: {days}.")
        return (text if days else _("No change of {measures} can be told yet.")).format(measures=which, days=days)
    return _("No change can be told yet: {days}.").format(days=days) if days else _("No change can be told yet.")


def span(numbers: Iterable[float]) -> str:
    """Return how many further days are needed, as "needs about 2 to 18 more days"; empty where that is unknown."""
    known = sorted(number for number in numbers if pd.notna(number) and number > 0)
    if not known:
        return ""
    if known[0] > MOST_DAYS:
        return _("needs more than a year of further polls")
    least, most = (f"{number:.0f}" if number >= TENTHS else f"{number:.2g}" for number in (known[0], known[-1]))
    if known[-1] > MOST_DAYS:
        return _("needs about {least} more days, or more than a year").format(least=least)
    if least == most:
        number = 1 if least == "1" else 2
        return plural("needs about {n} more day", "needs about {n} more days", number).format(n=least)
    return _("needs about {least} to {most} more days").format(least=least, most=most)


def without_refusals(row: pd.Series) -> Iterator[Notes]:
    """Yield the notes of a row of a trend or a comparison, without those that `line` replaces."""
    for about in row["note"] or Notes():
        if is_told(row) or not {name for name, _field in about.fields} & set(COUNTED):
            yield Notes((about,))
