"""Figures in words: durations, numbers and shares as people say them, with their bounds."""

from typing import Final
from unicodedata import bidirectional

import pandas as pd

from analysis.text.language import _
from analysis.windows import DAY, HOUR, MINUTE

RIGHT_TO_LEFT: Final = ("R", "AL", "AN", "RLE", "RLO", "RLI")


def duration(seconds: float | None, interval: float = 0.0) -> str:
    """Say a duration as people do, no finer than the poll interval.

    >>> [duration(seconds, 300) for seconds in (0, 750, 12600, 259200)]
    ['under 5 min', '12 min', '3.5 h', '3 d']
    """
    if seconds is None or pd.isna(seconds):
        return "-"
    if interval and seconds < interval:
        return _("under {duration}").format(duration=duration(interval))
    for unit, text, until in (
        (1, _("{amount} s"), 90),
        (MINUTE, _("{amount} min"), 90 * MINUTE),
        (HOUR, _("{amount} h"), 2 * DAY),
        (DAY, _("{amount} d"), float("inf")),
    ):
        if seconds < until:
            amount = seconds / unit
            return text.format(amount=f"{amount:.0f}" if amount >= 10 or amount == int(amount) else f"{amount:.1f}")
    return "-"


def with_bounds(row: pd.Series, name: str) -> str:
    """Say a wait with its bounds, no finer than the row's poll interval: 12 min (5 min-3.5 h)."""
    interval = row["interval_seconds"]
    point, low, high = (row[f"{name}{bound}_seconds"] for bound in ("", "_low", "_high"))
    if pd.isna(low) and pd.isna(high):
        return "-"
    least = "0" if pd.isna(low) or low < interval else duration(low)
    if pd.isna(high):
        bounds = _("{least} or more").format(least=least)
    else:
        bounds = f"{least}-{duration(high)}" if high >= interval else duration(high, interval)
    if high < interval:
        return bounds
    return f"{duration(point, interval)} ({bounds})"


def named(row: pd.Series) -> str:
    """Return what a pool is called, its id where it has no name; see `isolated`."""
    return isolated(row["pool_name"] if pd.notna(row["pool_name"]) else row["pool"])


def isolated(name: str) -> str:
    """Keep a name that is written from right to left from turning around what stands beside it."""
    rightward = any(bidirectional(letter) in RIGHT_TO_LEFT for letter in name)
    return f"\u2068{name}\u2069" if rightward else name


def shortened(text: str, longest: int) -> str:
    """Leave out the middle of a long name: what tells names apart is often at their end."""
    return text if len(text) <= longest else f"{text[: longest // 2]}…{text[-((longest - 1) // 2) :]}"


def said(text: str | None) -> str:
    """Say a word, or that there is none."""
    return text if isinstance(text, str) and text else "-"


def number(value: float) -> str:
    """Say a number of jobs."""
    return "-" if pd.isna(value) else f"{value:,.0f}"


def percent(value: float, digits: int = 0) -> str:
    """Say a share."""
    return "-" if pd.isna(value) else f"{value:.{digits}%}"


def share_with_bounds(row: pd.Series, name: str) -> str:
    """Say a share with its bounds: 12% (9%-15%); of bounds alone: - (9%-15%)."""
    point, low, high = (row[f"{name}{bound}"] for bound in ("", "_low", "_high"))
    return "-" if pd.isna(point) and pd.isna(low) else f"{percent(point)} ({percent(low)}-{percent(high)})"
