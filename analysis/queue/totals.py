"""The flows of a queue in each window: arrivals, departures, ends by outcome, and the time to drain the queue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import gammaincinv

from analysis.arrays import Floats, Ints, ratio
from analysis.estimate import Estimate
from analysis.notes import NOTHING, Note, note
from analysis.queue.conservation import Flows
from analysis.queue.job_counts import job_count_of
from analysis.queue.unkept_arrivals import METHOD
from analysis.schemas.schema import Columns
from analysis.stats.batches import LEVEL
from analysis.windows import Windows, flowed_until
from collector.record.statuses import ENDED

PARTS: Final = 24
"""The equal parts of a window from which the variance of departures and loads is measured: the hours of a day."""


@dataclass(frozen=True)
class Totals:
    """The flows of the queue of a group in each of n windows, in jobs."""

    arrivals: Estimate
    departures: Estimate
    ended: Mapping[str, Estimate]
    """By status; unknown where ends do not show in the counts."""
    queue_start: Floats
    queue_end: Floats
    queue_mean: Floats
    queue_max: Floats
    running_mean: Floats
    running_max: Floats
    abnormal: Floats
    drain: Estimate
    """The time that the queue at the window's end takes to drain, in seconds."""
    method: Note

    def columns(self) -> Columns:
        """Return the columns of the schema of flows, and the bounds of the counts that they are computed from."""
        departures, terminated = self.departures.point, self.ended["Terminated"].point
        left_until = np.cumsum(departures)
        columns: Columns = {
            **self.arrivals.columns("arrivals"),
            **self.departures.columns("departures"),
            "came_until": left_until + self.queue_end,
            "left_until": left_until,
            "starts_low": np.maximum(departures - terminated, 0.0),
            "starts_high": np.where(np.isnan(terminated), np.nan, departures),
        }
        for status, estimate in self.ended.items():
            columns |= estimate.columns(status.lower())
        return columns | {
            "queue_start": self.queue_start,
            "queue_end": self.queue_end,
            "queue_mean": self.queue_mean,
            "queue_max": self.queue_max,
            "running_mean": self.running_mean,
            "running_max": self.running_max,
            "abnormal": self.abnormal,
            **self.drain.columns("drain_seconds"),
            "method": self.method,
            "note": NOTHING,
        }


def arrivals_of(group: Sequence[Flows], windows: Windows) -> Floats:
    """Return the number of jobs that arrived in the queues of a group in each window; NaN where it is not estimated."""
    if any(flows.unestimated for flows in group):
        return np.full(len(windows), np.nan)
    arrivals: Floats = np.sum([windows.flowed(flows.series.slots, flows.arrivals) for flows in group], axis=0)
    return arrivals


def totals(group: Sequence[Flows], windows: Windows) -> Totals:
    """Return the flows in each window, summed over the series of a group."""
    n = len(windows)
    unknown = np.full(n, np.nan)
    instants = windows.parts(PARTS)
    parts = np.zeros((n, PARTS))
    arrived, departed = np.zeros((2, n)), np.zeros((2, n))
    ended = {status: Estimate(np.zeros(n), np.zeros(n), np.zeros(n)) for status in ENDED}
    for flows in group:
        parts += np.diff(flowed_until(flows.series.slots, flows.departures, instants))
        arrived += windows.happened(flows.arrived)
        departed += windows.happened(flows.departed)
        for status, sums in ended.items():
            ends = flows.ended.get(status)
            own = (unknown, unknown, unknown)
            if ends is not None:
                own = windows.flowed(flows.series.slots, ends.point), *windows.happened(ends.since)
            ended[status] = Estimate(*(total + more for total, more in zip(sums, own, strict=True)))
    if any(flows.unestimated for flows in group):
        parts[...] = np.nan
    bounded, counted = all(flows.bounded for flows in group), all(flows.counted for flows in group)
    arrivals, departures, queue_end = arrivals_of(group, windows), parts.sum(axis=1), _at(group, windows, windows.ends)
    arrivals_high = np.maximum(arrived[1].astype(np.int64), np.rint(arrivals)) if bounded else unknown
    waiting, running = job_count_of(group), job_count_of(group, "Running")
    return Totals(
        Estimate(arrivals, arrived[0].astype(np.int64), arrivals_high),
        Estimate(departures, departed[0], departed[1] if bounded else unknown),
        ended,
        _at(group, windows, windows.starts),
        queue_end,
        waiting.mean(windows),
        waiting.most(windows),
        running.mean(windows),
        running.most(windows),
        _at(group, windows, windows.ends, "Abnormal"),
        _drain(queue_end, parts, windows.seconds),
        note("conservation") if counted else METHOD,
    )


def _at(group: Sequence[Flows], windows: Windows, instants: Ints, status: str | None = None) -> Floats:
    """Return the number of jobs that waited, or were in a status, at the last slot until an instant of each window.

    NaN before the first slot. A series that has no slot after the window's start adds nothing: its last queue is out
    of date. NaN where this is so for all series.
    """
    total, present = np.zeros(len(windows)), np.zeros(len(windows), np.bool_)
    for flows in group:
        place = np.searchsorted(flows.series.slots, instants, side="right") - 1
        counts = flows.queue if status is None else flows.series.counts[status]
        there = flows.series.slots[-1] > windows.starts
        total += np.where(there, np.where(place < 0, np.nan, counts[place]), 0.0)
        present |= there
    return np.where(present, total, np.nan)


def _drain(left: Floats, parts: Floats, seconds: Ints) -> Estimate:
    """Return the time that a queue takes to drain at its window's rate, in seconds, by a gamma interval of the rate.

    Jobs that leave in bursts count as fewer: their number is divided by the variance over the mean of the window's
    parts.
    """
    jobs = parts.sum(axis=1)
    some = jobs > 0
    phi = np.ones(len(jobs))
    np.divide(parts.var(axis=1, ddof=1), parts.mean(axis=1), out=phi, where=some)
    phi = np.maximum(phi, 1.0)
    tail = (1 - LEVEL) / 2
    slow, fast = (gammaincinv(jobs / phi + 0.5, p) * phi for p in (tail, 1 - tail))
    drain = Estimate(jobs, fast, slow)
    return drain.each(lambda rate: np.where(left == 0, 0.0, np.where(some, ratio(left * seconds, rate), np.nan)))
