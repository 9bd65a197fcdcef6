"""What a record holds, a row a pool: the table that a demo ends with."""

from pathlib import Path
from typing import Any

import pandas as pd

from analysis.history import History
from analysis.record.series import KEY

ENDED = ["Completed", "Terminated", "Failed"]


def summarise(database: Path, spool: Path) -> list[dict[str, Any]]:
    """Return the summary of a record as plain values, None for what is unknown."""
    frame = summary(History(database, spool))
    rows = frame.astype(object).to_dict("records")
    return [{str(key): None if pd.isna(value) else value for key, value in row.items()} for row in rows]


def summary(history: History) -> pd.DataFrame:
    """Sum up each pool over the whole record.

    Returns
    -------
    pandas.DataFrame
        A row a pool: project, pool, slots (observed), coverage (their share of the slots from its first to its last),
        jobs_seen (at least: those there at first and every rise of the total since), queue_now, queue_mean and
        queue_max (jobs in Queue and Pending), finished and failed (at least: every rise of the terminal counts).
    """
    counts = history.counts()
    counts["queue"] = counts["Queue"] + counts["Pending"]
    counts["finished"] = counts[ENDED].sum(axis=1, skipna=False)
    by_series = counts.groupby(list(KEY), sort=False)
    for name, source in (("arrived", "total"), ("finished", "finished"), ("failed", "Failed")):
        counts[name] = by_series[source].diff().clip(lower=0)
    # The first slot of a series holds the jobs that were there before; an unknown count makes no rise.
    counts["arrived"] = counts["arrived"].where(by_series.cumcount() > 0, counts["total"])

    # A pool's queue is known where that of each of its types is.
    queued = counts.groupby(["project", "pool", "slot"])["queue"].agg(lambda q: q.sum(min_count=len(q)))
    weights = history.scrapes().set_index(["project", "pool", "slot"])["interval_seconds"].where(queued.notna())
    queue = queued.groupby(["project", "pool"])
    queue_seconds = (queued * weights).groupby(["project", "pool"]).sum()
    weight = weights.groupby(["project", "pool"]).sum()
    flows = counts.groupby(["project", "pool"])[["arrived", "finished", "failed"]].sum()
    observed = history.scrapes().groupby(["project", "pool"])
    slots = observed["slot"].agg(["size", "min", "max"])
    seconds = observed["interval_seconds"].agg(["sum", "last"])
    span = (slots["max"] - slots["min"]).dt.total_seconds() + seconds["last"]
    frame = pd.DataFrame(
        {
            "slots": slots["size"],
            "coverage": (seconds["sum"] / span).clip(upper=1.0),
            "jobs_seen": flows["arrived"],
            "queue_now": queue.last(),
            "queue_mean": queue_seconds / weight,
            "queue_max": queue.max(),
            "finished": flows["finished"],
            "failed": flows["failed"],
        }
    )
    return frame.reset_index()
