"""The rows of answers on trends, changes and comparisons: what all have, and why some have no interval."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from analysis.estimate import columns_of
from analysis.notes import Days as MoreDays
from analysis.notes import Note, Notes, joined, note
from analysis.queue.observation import Observation
from analysis.schemas.schema import TEXTS, Columns, Kind, Schema
from analysis.stats.batches import FEWEST
from analysis.stats.regression import Fit
from analysis.trends.daily import Measure

SHARES: Final = ("over", "failures")
"""The measures that are shares of jobs."""
LEAST_DAYS: Final = 14
"""The fewest days whose correlation is measured: two weeks."""
MOST_DAYS: Final = 365
"""More days than this are not named as a need: from a short record their number is not known so exactly."""
METHOD: Final = note(
    "weighted least squares after removal of the weekly pattern; White errors, corrected for lag-1 autocorrelation"
)
Row = dict[str, Any]


def row_of(observation: Observation, measure: Measure, method: Note) -> Row:
    """Return the columns that a measure has with or without a result, over all days that lie wholly in the record."""
    inside, days = observation.whole, len(measure.days.values)
    span = observation.windows[inside] if inside.any() else observation.windows
    nothing = note("days with a value: {days}", days=days)
    return {
        "window_start": span.starts[0],
        "window_end": span.ends[-1],
        "measure": measure.name,
        "days": days,
        "coverage": float(observation.coverage[inside].mean()) if inside.any() else np.nan,
        "retention": observation.retention,
        "method": method,
        "note": joined(None if days > 1 else nothing, measure.notes, observation.notes),
    }


def complete(row: Row, notes: Notes) -> None:
    """Add notes to a row."""
    row["note"] = joined(row["note"], notes)


def batches_of(fit: Fit) -> Row:
    """Return the columns on how much a fit rests on."""
    return {"batches": fit.batches, "more_days": fit.more_days}


def without_bound(fit: Fit) -> Notes:
    """Return a note if a coefficient has no bound; else no note."""
    bounded = np.isfinite([fit.low, fit.high]).all()
    return joined(None if bounded else note("some waits have no upper bound: their jobs may still wait"))


def refusal(row: Row) -> Notes:
    """Return a note on why a row has no interval, and how many more days it needs; no note where it has enough batches.

    Where there are too few days to measure their correlation, ``more_days`` of the row is set too.
    """
    if row["batches"] >= FEWEST:
        return joined()
    if row["days"] >= LEAST_DAYS and row["more_days"] > MOST_DAYS:
        few = note(
            "not enough data: needs more than a year of further polls ({batches:.1f} independent days, of 10 needed)",
            batches=float(row["batches"]),
        )
        return joined(few)
    if row["days"] >= LEAST_DAYS:
        few = note(
            "not enough data: needs about {more} more ({batches:.1f} independent days, of 10 needed)",
            batches=float(row["batches"]),
            more=MoreDays(int(row["more_days"])),
        )
        return joined(few)
    row["more_days"] = LEAST_DAYS - row["days"]
    few = note(
        "not enough data: needs at least {more} more ({days} days are too few to measure their correlation)",
        days=row["days"],
        more=MoreDays(row["more_days"]),
    )
    return joined(few)


def bounds(name: str, low: float, high: float) -> Row:
    """Return the ends of an interval as columns; NaN for an end that is not finite."""
    ends = (bound if np.isfinite(bound) else np.nan for bound in (low, high))
    return dict(zip(columns_of(name)[1:], ends, strict=True))


def columns(rows: Sequence[Row], schema: Schema) -> Columns:
    """Return rows as columns; a value that a row does not have is missing."""
    kinds: dict[str, Kind] = {"window_start": Kind.INSTANT, "window_end": Kind.INSTANT}
    kinds |= {column.name: column.kind for column in schema}
    return {
        name: np.array([row.get(name) for row in rows], object if kind in TEXTS else float)
        for name, kind in kinds.items()
    }


def possible(name: str, fit: Fit, low: float, high: float) -> tuple[float, float]:
    """Return the ends of the interval of a difference, no further than levels allow: from zero on, shares up to 1.

    Parameters
    ----------
    fit
        Its first coefficient is the level that the difference is from.
    """
    if name in SHARES:
        return max(low, -1.0), min(high, 1.0)
    return max(low, 0.0 - fit.interval(0)[1]), high
