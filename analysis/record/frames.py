"""Frames: the counts of a record, what was observed, and times in the zone that was asked for."""

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
            "total": _counted(pool.totals),
        }
        for pools, _ in record.read(Selection())
        for pool in pools
    ]
    return _stacked(parts, ["project", "pool", "slot", "interval_seconds", "total"])


def counts(record: Record) -> pd.DataFrame:
    """Return the counts of each series at every observed slot, see `History.counts`."""
    parts = [
        {
            **dict(zip(KEY, each.key, strict=True)),
            "slot": _utc(each.slots),
            "interval_seconds": each.intervals,
            **{name: _counted(each.counts[name]) for name in COUNTS},
        }
        for _, series in record.read(Selection())
        for each in series
    ]
    return _stacked(parts, [*KEY, "slot", "interval_seconds", *COUNTS])


def attempts(record: Record, selection: Selection) -> pd.DataFrame:
    """Return how often each pool was asked, by outcome, see `History.attempts`."""
    names = ["project", "pool", "pool_name", "outcome", "attempts", "first_slot", "last_slot"]
    frame = pd.DataFrame(record.attempts(selection), columns=names)
    return frame.assign(**{name: pd.to_datetime(frame[name], utc=True) for name in ("first_slot", "last_slot")})


def _utc(seconds: Ints) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(seconds.astype("datetime64[s]").astype("datetime64[us]"), tz="UTC")


def _counted(count: Ints) -> pd.arrays.IntegerArray:
    return pd.arrays.IntegerArray(count.astype(np.int64), count == UNKNOWN)


def _stacked(parts: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    if parts:
        return pd.concat([pd.DataFrame(part) for part in parts], ignore_index=True)
    kinds = {name: "Int64" for name in columns if name in COUNTS}
    return pd.DataFrame(columns=columns).astype(kinds | {"slot": "datetime64[us, UTC]", "interval_seconds": "int64"})
