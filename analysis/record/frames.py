"""Frames of a record: observed slots, counts and attempts, with times in UTC."""

from typing import Any

import numpy as np
import pandas as pd

from analysis.arrays import Ints
from analysis.record.database import Record
from analysis.record.series import COUNTS, KEY, UNKNOWN
from collector.record.selection import Selection


def scrapes(record: Record) -> pd.DataFrame:
    """Return the slots in which each pool was observed, see `History.scrapes`."""
    parts = [
        {
            "project": pool.project,
            "pool": pool.pool,
            "slot": _utc(pool.slots),
            "interval_seconds": pool.intervals,
            "total": _nullable(pool.totals),
        }
        for pools, _ in record.read(Selection())
        for pool in pools
    ]
    return _stacked(parts, ["project", "pool", "slot", "interval_seconds", "total"])


def counts(record: Record) -> pd.DataFrame:
    """Return the counts of each series at every observed slot, see `History.counts`."""
    parts = [
        {
            **dict(zip(KEY, series.key, strict=True)),
            "slot": _utc(series.slots),
            "interval_seconds": series.intervals,
            **{name: _nullable(series.counts[name]) for name in COUNTS},
        }
        for _, all_series in record.read(Selection())
        for series in all_series
    ]
    return _stacked(parts, [*KEY, "slot", "interval_seconds", *COUNTS])


def attempts(record: Record, selection: Selection) -> pd.DataFrame:
    """Return the number of attempts to poll each pool, by outcome, see `History.attempts`."""
    columns = ["project", "pool", "pool_name", "outcome", "attempts", "first_slot", "last_slot"]
    frame = pd.DataFrame(record.attempts(selection), columns=columns)
    return frame.assign(**{name: pd.to_datetime(frame[name], utc=True) for name in ("first_slot", "last_slot")})


def _utc(seconds: Ints) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(seconds.astype("datetime64[s]").astype("datetime64[us]"), tz="UTC")


def _nullable(count: Ints) -> pd.arrays.IntegerArray:
    return pd.arrays.IntegerArray(count.astype(np.int64), count == UNKNOWN)


def _stacked(parts: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    if parts:
        return pd.concat([pd.DataFrame(part) for part in parts], ignore_index=True)
    dtypes = {name: "Int64" for name in columns if name in COUNTS}
    return pd.DataFrame(columns=columns).astype(dtypes | {"slot": "datetime64[us, UTC]", "interval_seconds": "int64"})
