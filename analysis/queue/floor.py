"""The floor of observation: what is said of a window of which too little was seen is bounds and a note, no point."""

import re
from typing import Final

import numpy as np

from analysis.arrays import Bools, Floats
from analysis.notes import mark
from analysis.windows import Columns

LEAST: Final = 0.5
"""The coverage below which waits and queue lengths have no point."""
CARRIED: Final = 1.1
"""What conservation carries across a gap keeps its point while its upper bound is at most so many times its lower."""
MEASURED: Final = re.compile(r"(mean|p\d+)_seconds|over_slo|(queue|running)_(mean|max)")
COUNTED_LOW: Final = re.compile(r"(arrivals|departures|completed|finished|failed|terminated)_low")
CONSERVED: Final = ("arrivals", "departures", "completed", "finished", "failed", "terminated")
LAST_SEEN: Final = ("queue_start", "queue_end", "came_until", "abnormal")
"""Counts of the last slot before an instant: of a window without slots they are those of another window."""
MADE_OF: Final = {
    "failure_rate": ("failed", "finished"),
    "failure_rate_of_ran": ("failed", "completed"),
    "starts_low": ("departures", "terminated"),
    "starts_high": ("departures", "terminated"),
    "drain_seconds": ("queue_end", "departures"),
    "drain_low_seconds": ("queue_end", "departures"),
    "drain_high_seconds": ("queue_end", "departures"),
}
"""What has no value where one of these has none."""


def enough(coverage: Floats) -> Bools:
    """Tell of which windows enough was observed for points of waits and queue lengths."""
    seen: Bools = coverage >= LEAST
    return seen


def without_points(columns: Columns, coverage: Floats) -> Columns:
    """Leave out the points of windows of which too little was observed, and say so; their bounds stay.

    Parameters
    ----------
    columns
        Of an estimate, a value a window; of what conservation carries with bounds, as ``failed_low``.
    coverage
        Of each window, in [0, 1].

    Returns
    -------
    dict
        The same columns.
    """
    little, nothing = ~enough(coverage), coverage == 0
    if not little.any():
        return columns
    floored = dict(columns)
    dropped: dict[str, Bools] = {}
    for name, values in columns.items():
        if values is None or isinstance(values, str):
            continue
        if MEASURED.fullmatch(name):
            dropped[name] = little
        elif name in LAST_SEEN:
            dropped[name] = nothing
        elif name in CONSERVED:
            low, high = (np.asarray(columns[f"{name}{bound}"], float) for bound in ("_low", "_high"))
            # Without any slot a zero is what nobody saw.
            carried = (high <= CARRIED * low) & ~(nothing & (high == 0))
            dropped[name] = little & ~carried
    for name, parts in MADE_OF.items():
        if columns.get(name) is not None:
            dropped[name] = np.any([dropped[part] for part in parts], axis=0)
    for name, none in dropped.items():
        floored[name] = np.where(none, np.nan, np.asarray(columns[name], float))
    if dropped:
        notes = np.broadcast_to(np.asarray(columns["note"], object), len(coverage))
        why = mark("note", "less than half of it was observed: bounds alone")
        floored["note"] = np.array(
            ["; ".join(filter(None, (note, why if few else ""))) for note, few in zip(notes, little, strict=True)],
            object,
        )
    return floored


def bounds_alone(columns: Columns, hidden: Bools, unknown: Bools) -> Columns:
    """Leave bounds alone of windows in which jobs were in statuses that no document names.

    Parameters
    ----------
    columns
        Of an estimate, a value a window.
    hidden
        Which windows have slots with such jobs: what is known of the others tells nothing of these.
    unknown
        Which windows end after the last slot at which the counts are known: of them there are lower bounds alone, and
        say so. A count is at least what is known of it; a wait or a share may be as little as nothing.

    Returns
    -------
    dict
        The same columns.
    """
    if not (hidden | unknown).any():
        return columns
    left = dict(columns)
    for name, values in columns.items():
        known = np.asarray(values)
        if known.dtype.kind not in "iuf":
            continue
        if "_low" in name:
            left[name] = known if COUNTED_LOW.fullmatch(name) else np.where(unknown, 0.0, known)
        else:
            left[name] = np.where(unknown if "_high" in name else hidden | unknown, np.nan, known)
    why = mark("note", "what came later is not known: lower bounds alone")
    notes = np.broadcast_to(np.asarray(columns["note"], object), len(unknown))
    both = ((note, why if more else "") for note, more in zip(notes, unknown, strict=True))
    left["note"] = np.array(["; ".join(filter(None, pair)) for pair in both], object)
    return left
