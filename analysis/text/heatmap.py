"""A usual week as text: a map of days by hours, in which denser signs are longer waits."""

import math
from collections.abc import Iterator, Sequence
from typing import Final

import pandas as pd

from analysis.calendar import DAY, HOUR, MINUTE
from analysis.text.cells import DAYS
from analysis.text.units import duration, in_unit, unit_of
from collector.output.layout import prose
from collector.output.visible import one_line

SIGNS: Final = (".", ":", "+", "#", "@")
"""The signs of the classes of waits, from short to long: all fonts and encodings have them."""
NO_BREAK: Final = "\u00a0"
NO_JOB: Final = "-"
UNKNOWN: Final = "?"
EDGES: Final = (
    *(minutes * MINUTE for minutes in (1, 2, 5, 10, 15, 30)),
    *(hours * HOUR for hours in (1, 2, 4, 8, 16)),
    *(days * DAY for days in (1, 2, 4, 7, 14, 30)),
)
"""The ends of classes, in seconds."""


def heatmap(frame: pd.DataFrame, labels: Sequence[str], width: int | None) -> Iterator[str]:
    """Yield the lines of a map for each series of a profile, then a legend; every series has the same classes.

    A series of which nothing is known has no map.
    """
    waits = frame["wait_seconds"]
    edges = _edges(float(frame["interval_seconds"].max()), float(waits.max()))
    keys = ["project", "pool", "type"]
    parts = [part for _key, part in frame.groupby(keys, sort=False, dropna=False)]
    known = [part for part in parts if part["wait_seconds"].notna().any() or (part["arrivals"] == 0).any()]
    for part in known:
        yield one_line(", ".join(_names(part.iloc[0], labels)) or "all jobs")
        yield "     " + " ".join(f"{hour:02d}" for hour in range(24))
        cells = {(int(row["weekday"]), int(row["hour"])): _sign(row, edges) for _place, row in part.iterrows()}
        for number, day in enumerate(DAYS, 1):
            yield f"{day}  " + " ".join(2 * cells.get((number, hour), UNKNOWN) for hour in range(24))
        yield ""
    if len(known) < len(parts):
        yield prose(f"{len(parts) - len(known):,} of {len(parts):,} series: no wait is known in any hour", width)
    if known:
        legend = _legend(edges, bool(waits.notna().any()), _signs(pd.concat(known)))
        # An entry stays in one line.
        text = "mean wait: " + "  ".join(entry.replace(" ", NO_BREAK) for entry in legend)
        yield prose(text, width, " " * len("mean wait: ")).replace(NO_BREAK, " ")


def _names(row: pd.Series, labels: Sequence[str]) -> Iterator[str]:
    for label in labels:
        name = row["pool_name"] if label == "pool" and pd.notna(row["pool_name"]) else row[label]
        if pd.notna(name):
            yield str(name)


def _edges(interval: float, longest: float) -> list[float]:
    """Return the ends of at most five classes: the poll interval, below which no wait is known, and up to four more."""
    beyond = [float(edge) for edge in EDGES if interval < edge < longest] if not math.isnan(longest) else []
    step = max(1, math.ceil(len(beyond) / (len(SIGNS) - 2)))
    return [interval, *beyond[step - 1 :: step]]


def _sign(row: pd.Series, edges: Sequence[float]) -> str:
    if pd.notna(row["wait_seconds"]):
        return SIGNS[sum(row["wait_seconds"] >= edge for edge in edges)]
    return NO_JOB if row["arrivals"] == 0 else UNKNOWN


def _signs(frame: pd.DataFrame) -> set[str]:
    """Return which of the signs for hours without a wait are on the maps."""
    silent = frame[frame["wait_seconds"].isna()]
    none = silent["arrivals"] == 0
    return {sign for sign, is_there in ((NO_JOB, none.any()), (UNKNOWN, (~none).any())) if is_there}


def _legend(edges: Sequence[float], known: bool, others: set[str]) -> Iterator[str]:
    if known:
        yield f"{2 * SIGNS[0]} under {duration(edges[0])}"
        for sign, low, high in zip(SIGNS[1:], edges, edges[1:], strict=False):
            unit = unit_of(high)
            yield f"{2 * sign} {unit.text.format(amount=f'{in_unit(low, unit)}-{in_unit(high, unit)}')}"
        yield f"{2 * SIGNS[len(edges)]} {duration(edges[-1])} or more"
    if NO_JOB in others:
        yield f"{2 * NO_JOB} no job arrived"
    if UNKNOWN in others:
        yield f"{2 * UNKNOWN} not known"
