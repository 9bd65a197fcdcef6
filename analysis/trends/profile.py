"""A usual week: waits, queue length and arrivals by hour of the week, on the clock of a zone."""

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from analysis.arrays import Floats, ratio
from analysis.calendar import WEEK_HOURS
from analysis.estimate import Estimate
from analysis.notes import joined, note
from analysis.queue import waits
from analysis.queue.discipline import Waiting
from analysis.queue.floor import enough
from analysis.queue.job_counts import JobCount
from analysis.queue.observation import Observation
from analysis.queue.waits import Waits
from analysis.schemas.schema import Columns
from analysis.stats.batches import WEEKS
from analysis.trends.daily import last_open
from analysis.windows import Windows


@dataclass(frozen=True)
class Hours:
    """The estimates of n hours."""

    waits: Waits
    queue_mean: Floats


def hours_of(waiting: Sequence[Waiting], queues: Sequence[JobCount], windows: Windows) -> Hours:
    """Estimate the arrivals, the mean wait and the mean queue length in each hour."""
    queue = np.sum([level.mean(windows) for level in queues], axis=0)
    return Hours(waits.estimate(waiting, windows, None, ()), queue)


def profile(observation: Observation, hours: Hours | None, zone: ZoneInfo) -> Columns:
    """Return a usual week of 168 rows, averaged over the hours of a group.

    When clocks go forward, the skipped hour of that day is not counted; when they go back, the repeated hour counts
    twice.
    """
    used = observation.whole & enough(observation.coverage)
    n, windows = int(used.sum()), observation.windows
    local = pd.to_datetime(windows.starts, unit="s", utc=True).tz_convert(zone)
    hour = (local.day_of_week * 24 + local.hour).to_numpy()[used]

    def total(values: Floats) -> Floats:
        return np.bincount(hour, values, WEEK_HOURS).astype(float)

    unknown = Estimate.unknown(n)
    arrivals, mean, queue = unknown, unknown, unknown.point
    if hours is not None:
        arrivals, mean = (
            estimate.each(lambda values: np.asarray(values, float)[used])
            for estimate in (hours.waits.arrivals, hours.waits.mean)
        )
        queue = hours.queue_mean[used]
    times = np.bincount(hour, minlength=WEEK_HOURS).astype(float)
    # Hours without arrivals have no wait and add none; a wait without upper bound leaves its hour without one.
    censored = last_open(np.isnan(mean.high), np.nan_to_num(arrivals.point) > 0)
    weights = arrivals if observation.bounded else Estimate(arrivals.point, arrivals.point, arrivals.point)
    waited = []
    # A mean is smallest where the most jobs share the least waiting.
    for seconds, jobs in zip(mean, (weights.point, weights.high, weights.low), strict=True):
        counted = np.where(censored, 0.0, jobs)
        spent = np.where(counted > 0, seconds * counted, 0.0)
        waited.append(ratio(total(spent), total(np.nan_to_num(counted))))
    known = np.isfinite(queue)
    place = np.arange(WEEK_HOURS)
    few = note("fewer than three weeks: one unusual week may dominate")
    last = note("last hours left out, their jobs may still wait: {hours}", hours=int(censored.sum()))
    covered = windows[used] if used.any() else windows
    return {
        "window_start": np.full(WEEK_HOURS, float(covered.starts[0])),
        "window_end": np.full(WEEK_HOURS, float(covered.ends[-1])),
        "weekday": place // 24 + 1,
        "hour": place % 24,
        "weeks": times,
        **arrivals.each(lambda values: ratio(total(values), times)).columns("arrivals"),
        **Estimate(*waited).columns("wait_seconds"),
        "queue_mean": ratio(total(np.where(known, queue, 0.0)), total(known.astype(float))),
        "coverage": ratio(total(observation.coverage[used]), times),
        "retention": observation.retention,
        "method": note("mean of the same hour over all weeks"),
        "note": joined(few if times.min() < WEEKS else None, last if censored.any() else None, observation.notes),
    }
