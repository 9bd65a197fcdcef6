"""The least coverage of a window for point estimates: below it there are bounds and a note."""

import re
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analysis.arrays import Bools, Floats
from analysis.estimate import Estimate, columns_of
from analysis.notes import Note, joined, note
from analysis.schemas.schema import Columns

LEAST: Final = 0.5
"""The coverage below which waits and queue lengths have no point estimate."""
CARRIED: Final = 1.1
"""Counts that conservation carries across a gap keep their point if the upper bound is at most this times the lower."""
MEASURED: Final = re.compile(r"(mean|p\d+)_seconds|over_slo|(queue|running)_(mean|max)")
CONSERVED: Final = ("arrivals", "departures", "completed", "finished", "failed", "terminated")
COUNTED_LOW: Final = tuple(columns_of(name)[1] for name in CONSERVED)
LAST_SEEN: Final = ("queue_start", "queue_end", "came_until", "abnormal")
"""Counts at the last slot before an instant: for a window without slots that slot lies in another window."""
MADE_OF: Final = {
    "failure_rate": ("failed", "finished"),
    "failure_rate_of_ran": ("failed", "completed"),
    "starts_low": ("departures", "terminated"),
    "starts_high": ("departures", "terminated"),
    **dict.fromkeys(columns_of("drain_seconds"), ("queue_end", "departures")),
}
"""Columns that are computed from other columns, and have no value where one of those has none."""


def enough(coverage: Floats) -> Bools:
    """Return whether each window has the coverage that point estimates of waits and queue lengths need."""
    observed: Bools = coverage >= LEAST
    return observed


def without_points(columns: Columns, coverage: Floats) -> Columns:
    """Remove the point estimates of windows with too little coverage, and add a note; their bounds stay.

    Parameters
    ----------
    columns
        The columns of an estimate, with a value for each of n windows; counts in `CONSERVED` have their bounds beside
        them, as ``failed_low``.
    coverage
        n, of 1.

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
        if not isinstance(values, np.ndarray):
            continue
        if MEASURED.fullmatch(name):
            dropped[name] = little
        elif name in LAST_SEEN:
            dropped[name] = nothing
        elif name in CONSERVED:
            _, low, high = Estimate.of(columns, name)
            # A zero in a window without slots was not observed.
            carried = (high <= CARRIED * low) & ~(nothing & (high == 0))
            dropped[name] = little & ~carried
    for name, parts in MADE_OF.items():
        if columns.get(name) is not None:
            dropped[name] = np.any([dropped[part] for part in parts], axis=0)
    for name, none in dropped.items():
        floored[name] = np.where(none, np.nan, np.asarray(columns[name], float))
    if dropped:
        floored["note"] = _with(columns, note("coverage below 50%: bounds only"), little)
    return floored


def bounds_alone(columns: Columns, hidden: Bools, unknown: Bools) -> Columns:
    """Remove the points of windows in which jobs were in undocumented statuses; other windows stay as they are.

    Parameters
    ----------
    columns
        The columns of an estimate, with a value for each of n windows.
    hidden
        n: whether a window has slots with such jobs. The counts of its other slots do not show what happened in such
        slots.
    unknown
        n: whether a window ends after the last slot with known counts. It has only lower bounds, and a note: a count
        is at least its known part, while a wait or a share may be zero.

    Returns
    -------
    dict
        The same columns.
    """
    if not (hidden | unknown).any():
        return columns
    left = dict(columns)
    for name, known in columns.items():
        if not isinstance(known, np.ndarray) or known.dtype.kind not in "iuf":
            continue
        if "_low" in name:
            left[name] = known if name in COUNTED_LOW else np.where(unknown, 0.0, known)
        else:
            left[name] = np.where(unknown if "_high" in name else hidden | unknown, np.nan, known)
    left["note"] = _with(columns, note("the last slots are not known: lower bounds only"), unknown)
    return left


def _with(columns: Columns, reason: Note, where: Bools) -> NDArray[Any]:
    """Return the notes of n windows, with one more note in the windows where `where` is true."""
    notes = np.broadcast_to(np.asarray(columns["note"], object), len(where))
    return np.array([joined(own, reason if more else None) for own, more in zip(notes, where, strict=True)], object)
