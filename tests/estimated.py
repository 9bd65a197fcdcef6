"""The estimates of one window of some series, for tests without a record; unknown values are None."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, TypeAlias

import numpy as np

from analysis.queue import failures, totals, waits
from analysis.queue.conservation import Flows
from analysis.queue.discipline import Waiting
from analysis.queue.failures import Ending
from collector.record.statuses import ENDED

Bounds: TypeAlias = tuple[float | None, float | None, float | None]
"""Point estimate, lower and upper bound."""


@dataclass(frozen=True)
class Estimate:
    """The estimate of the waits of one window."""

    arrivals: float
    arrivals_low: int
    arrivals_high: int | None
    mean: Bounds
    quantiles: dict[int, Bounds]
    over: Bounds
    note: str


def estimate(group: Sequence[Waiting], start: int, end: int, limit: int | None) -> Estimate:
    """Estimate the waits of one window."""
    columns = _only(waits.estimate(group, np.array([(start, end)]), limit))
    quantiles = {quantile: _bounds(columns, f"p{quantile}{{}}_seconds") for quantile in waits.QUANTILES}
    over = (None, None, None) if limit is None else _bounds(columns, "over_slo{}")
    arrivals = (columns["arrivals"], columns["arrivals_low"], columns["arrivals_high"])
    return Estimate(*arrivals, _bounds(columns, "mean{}_seconds"), quantiles, over, columns["note"])


def load(group: Sequence[Flows], start: int, end: int) -> SimpleNamespace:
    """Return the columns of the flows of one window, with `ended` by outcome and `drain` in seconds with its bounds."""
    columns = _only(totals.load(group, np.array([(start, end)])))
    ended = {status: columns[status.lower()] for status in ENDED}
    return SimpleNamespace(**columns, ended=ended, drain=_bounds(columns, "drain{}_seconds"))


def failures_of(group: Sequence[Ending], start: int, end: int) -> SimpleNamespace:
    """Return the columns of the failure rate of one window."""
    return SimpleNamespace(**_only(failures.estimate(group, np.array([(start, end)]))))


def _only(columns: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: value if value is None or isinstance(value, str) else value[0] for name, value in columns.items()}
    return {name: None if isinstance(value, float) and np.isnan(value) else value for name, value in values.items()}


def _bounds(values: Mapping[str, Any], name: str) -> Bounds:
    return values[name.format("")], values[name.format("_low")], values[name.format("_high")]
