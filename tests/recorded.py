"""Series and records that tests make by hand, from counts or from known jobs."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from analysis.arrays import Floats, Ints
from analysis.record.series import COUNTS, Pool, Series
from collector.record.schema import migrate
from collector.record.statuses import STATUSES

MONDAY = 1_767_571_200
"""5 January 2026, 00:00 UTC, in seconds since 1970."""
KEPT = -1
"""A retention: finished jobs are kept for ever."""


def series_of(slots: ArrayLike, counts: Mapping[str, ArrayLike], unnamed: ArrayLike = 0, policy: str = "") -> Series:
    """Make a series from counts by status (0 where missing), and from `unnamed` jobs, which only the total counts."""
    at = np.asarray(slots, np.int64)
    by_status = {status: np.asarray(counts.get(status, np.zeros(len(at))), np.int64) for status in STATUSES}
    total: Ints = np.sum(list(by_status.values()), axis=0) + np.asarray(unnamed, np.int64)
    intervals = np.full(len(at), np.diff(at).min(initial=300), np.int64)
    pool = Pool("p", "a", None, policy, at, intervals, total)
    return Series(pool, "train", at, intervals, {"total": total, **by_status})


def observed(
    slots: ArrayLike,
    came: Floats,
    started: Floats,
    ended: Floats,
    outcomes: Sequence[str] | None = None,
    retention: float = KEPT,
) -> Series:
    """Return the counts by status at each slot of jobs with known arrivals, starts, ends (in seconds) and outcomes.

    A finished job is kept for `retention` seconds; 0: not at all, `KEPT`: for ever.
    """
    at = np.asarray(slots, np.int64)
    outcome = np.asarray(outcomes if outcomes is not None else ["Completed"] * len(came))

    def until(times: Floats) -> Ints:
        return np.searchsorted(np.sort(times), at, side="right").astype(np.int64)

    counts = {"Queue": until(came) - until(started), "Running": until(started) - until(ended)}
    for status in ("Completed", "Failed", "Terminated"):
        ends = ended[outcome == status]
        counts[status] = until(ends) - (until(ends + retention) if retention >= 0 else 0)
    return series_of(at, counts)


def record_of(
    folder: Path,
    pools: Mapping[tuple[str, str], Mapping[str, Series]],
    nodes: Mapping[tuple[str, str], Sequence[tuple[datetime, int]]] | None = None,
    interval: int = 300,
) -> Path:
    """Write a database with series by type for each pool (by project and id), all from one run.

    `nodes` has each pool's number of nodes with the slot of its change; `interval` is that of polls, in seconds.
    """
    folder.mkdir(exist_ok=True)
    path = folder / "record.duckdb"
    snapshots, scrapes = [], []
    for (project, pool), types in pools.items():
        frames = [
            pd.DataFrame(
                {"project": project, "pool": pool, "type": kind, "slot": _naive(series.slots), **series.counts}
            )
            for kind, series in types.items()
        ]
        snapshots += frames
        if frames:
            totals = pd.concat(frames).groupby("slot", as_index=False)["total"].sum()
            scrapes.append(totals.assign(project=project, pool=pool, interval_seconds=interval, outcome="ok"))
    with duckdb.connect(str(path)) as connection:
        migrate(connection, 0, "test")
        connection.register("items", pd.concat(snapshots))
        connection.register("answers", pd.concat(scrapes).assign(run=datetime(2026, 1, 1)))
        kept = ", ".join(f'"{name}"' for name in ("project", "pool", "type", "slot", *COUNTS))
        connection.execute(f"INSERT INTO snapshots BY NAME SELECT {kept} FROM items ORDER BY ALL")
        connection.execute("INSERT INTO scrapes BY NAME FROM answers ORDER BY ALL")
        for (project, pool), changes in (nodes or {}).items():
            for slot, number in changes:
                connection.execute(
                    """INSERT INTO pools BY NAME SELECT $1 AS run, $1 AS slot, $2 AS project, $3 AS pool,
                    true AS listed, [{'flavor': 'f', 'count': $4, 'available': $4}] AS nodes""",
                    [slot, project, pool, number],
                )
    return path


def _naive(slots: Ints) -> "pd.Series[pd.Timestamp]":
    return pd.Series(pd.to_datetime(slots, unit="s"))
