"""The estimates of one window of some series, None for what is not known: for tests without a record."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, TypeAlias

import numpy as np

from analysis.estimate import Estimate, columns_of
from analysis.notes import Note, Notes
from analysis.queue import failures, totals, waits
from analysis.queue.conservation import Flows
from analysis.queue.discipline import Waiting
from analysis.queue.failures import Ending
from analysis.schemas.queue import QUANTILES
from analysis.schemas.schema import Columns
from analysis.text.language import rendered
from analysis.windows import Windows
from collector.record.statuses import ENDED

Bounds: TypeAlias = tuple[float | None, float | None, float | None]
"""A point, low and high."""


@dataclass(frozen=True)
class Waited:
    """The waits of one window."""

    arrivals: float | None
    arrivals_low: int
    arrivals_high: int | None
    mean: Bounds
    quantiles: dict[int, Bounds]
    over: Bounds
    note: str


def estimate(group: Sequence[Waiting], start: int, end: int, limit: int | None) -> Waited:
    """Estimate the waits of one window."""
    estimates = waits.estimate(group, Windows.one(start, end), limit)
    arrivals, low, high = _bounds(estimates.arrivals)
    assert low is not None
    return Waited(
        arrivals,
        int(low),
        None if high is None else int(high),
        _bounds(estimates.mean),
        {quantile: _bounds(estimates.quantiles[quantile]) for quantile in QUANTILES},
        (None, None, None) if estimates.over is None else _bounds(estimates.over),
        rendered(estimates.notes[0]),
    )


def totals_of(group: Sequence[Flows], start: int, end: int) -> SimpleNamespace:
    """Sum up the flows of one window: its columns, with `ended` by outcome and `drain` in seconds with its bounds."""
    columns = _only(totals.totals(group, Windows.one(start, end)).columns())
    ended = {status: columns[status.lower()] for status in ENDED}
    drain = tuple(columns[name] for name in columns_of("drain_seconds"))
    return SimpleNamespace(**columns, ended=ended, drain=drain)


def failures_of(group: Sequence[Ending], start: int, end: int) -> SimpleNamespace:
    """Estimate the failure rate of one window: its columns, None for those that there are not."""
    nothing = dict.fromkeys((*columns_of("finished"), "failed", *columns_of("failure_rate"), "failure_rate_of_ran"))
    return SimpleNamespace(**nothing | _only(failures.estimate(group, Windows.one(start, end)).columns()))


def _only(columns: Columns) -> dict[str, Any]:
    """Return the values of a single window, notes as text."""
    values: dict[str, Any] = {}
    for name, column in columns.items():
        value = column[0] if isinstance(column, np.ndarray) else column
        value = rendered(value) if isinstance(value, Note | Notes) else value
        values[name] = None if isinstance(value, float) and np.isnan(value) else value
    return values


def _bounds(estimate: Estimate) -> Bounds:
    point, low, high = (None if np.isnan(bound[0]) else bound[0] for bound in estimate)
    return point, low, high
