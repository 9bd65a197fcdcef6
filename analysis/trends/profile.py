"""What a usual week looks like: waits, queue and arrivals by hour of the week, in a zone's own hours."""

from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from analysis.arrays import Floats, Ints
from analysis.notes import mark
from analysis.queue import waits
from analysis.queue.discipline import Waiting
from analysis.queue.floor import enough
from analysis.queue.levels import Level
from analysis.stats.batches import WEEKS
from analysis.trends.daily import last_open
from analysis.windows import WEEK_HOURS, Columns, Windows, ratio

PROFILE: Final = (
    "weekday", "hour", "weeks", "arrivals", "arrivals_low", "arrivals_high", "wait_seconds", "wait_low_seconds",
    "wait_high_seconds", "queue_mean", "coverage", "history", "method", "note",
)  # fmt: skip
"""weekday: 1 is Monday; hour: 0 to 23, in the zone. weeks: how many such hours were observed. arrivals: jobs an hour,
with bounds. wait: the mean of the jobs that came in them, with the bounds of these hours. queue_mean: jobs waiting."""


def of_hours(waiting: Sequence[Waiting], queued: Sequence[Level], windows: Ints) -> Columns:
    """Estimate arrivals, mean waits and the mean queue in each hour."""
    queue = np.sum([each.mean(windows) for each in queued], axis=0)
    return waits.estimate(waiting, windows, None, ()) | {"queue_mean": queue}


def profile(found: Windows, zone: ZoneInfo) -> Columns:
    """Conclude a week of 168 hours from the hours of a group.

    The hour that is skipped when clocks go forward has no part in it, the one that comes twice has two.
    """
    said = found.said
    whole = ~found.begins_in & ~found.ends_in & enough(found.coverage)
    starts = found.cut[:, 0]
    local = pd.to_datetime(starts, unit="s", utc=True).tz_convert(zone)
    hour = (local.day_of_week * 24 + local.hour).to_numpy()[whole]

    def column(name: str) -> Floats:
        values = said.get(name)
        return np.full(int(whole.sum()), np.nan) if values is None else np.asarray(values, float)[whole]

    def total(values: Floats) -> Floats:
        return np.bincount(hour, values, WEEK_HOURS).astype(float)

    times = np.bincount(hour, minlength=WEEK_HOURS).astype(float)
    arrivals = {f"arrivals{bound}": column(f"arrivals{bound}") for bound in ("", "_low", "_high")}
    # Of hours in which nobody came no wait is known, and none is missed; a wait without bound leaves its hour open.
    means = {}
    waiting = last_open(np.isnan(column("mean_high_seconds")), np.nan_to_num(arrivals["arrivals"]) > 0)
    for bound, weight in (("", "arrivals"), ("_low", "arrivals_high"), ("_high", "arrivals_low")):
        jobs = arrivals[weight] if found.bounded else arrivals["arrivals"]
        jobs = np.where(waiting, 0.0, jobs)
        seconds = np.where(jobs > 0, column(f"mean{bound}_seconds") * jobs, 0.0)
        means[f"wait{bound}_seconds"] = ratio(total(seconds), total(np.nan_to_num(jobs)))
    queue = column("queue_mean")
    known = np.isfinite(queue)
    at = np.arange(WEEK_HOURS)
    few = mark("note", "fewer than three weeks: one of them may be unlike the others") if times.min() < WEEKS else ""
    left_open = mark("note", "last hours whose waits are left out since their jobs may still wait: {hours}")
    last = left_open.format(hours=waiting.sum()) if waiting.any() else ""
    return {
        "window_start": np.full(WEEK_HOURS, float(starts[whole][0] if whole.any() else starts[0])),
        "window_end": np.full(WEEK_HOURS, float(found.cut[whole, 1][-1] if whole.any() else found.cut[-1, 1])),
        "weekday": at // 24 + 1,
        "hour": at % 24,
        "weeks": times,
        **{name: ratio(total(values), times) for name, values in arrivals.items()},
        **means,
        "queue_mean": ratio(total(np.where(known, queue, 0.0)), total(known.astype(float))),
        "coverage": ratio(total(found.coverage[whole]), times),
        "history": said["history"],
        "method": "means over weeks",
        "note": "; ".join(filter(None, (few, last, found.note))),
    }
