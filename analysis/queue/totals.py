"""What flowed through a queue in a window: arrivals, departures, ends by outcome, and how long it takes to drain."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.special import gammaincinv

from analysis.arrays import Floats, Ints
from analysis.queue.conservation import Flows
from analysis.queue.levels import level_of
from analysis.windows import Columns, between, bounds_since, ratio
from collector.record.statuses import ENDED

LEVEL: Final = 0.95
# Into so many parts a window is cut to see how unevenly its jobs leave.
PARTS: Final = 24


COLUMNS: Final = (
    "arrivals",
    "arrivals_low",
    "arrivals_high",
    "departures",
    "came_until",
    "left_until",
    "starts_low",
    "starts_high",
    *(status.lower() for status in ENDED),
    "queue_start",
    "queue_end",
    "queue_mean",
    "queue_max",
    "running_mean",
    "running_max",
    "abnormal",
    "drain_seconds",
    "drain_low_seconds",
    "drain_high_seconds",
)


def arrivals_of(group: Sequence[Flows], windows: Ints) -> Floats:
    """Return the jobs that came to the queues of a group in each window."""
    came: Floats = np.sum(
        [np.diff(between(each.series.slots, each.arrivals, windows))[:, 0] * each.unseen for each in group], axis=0
    )
    return came


def load(group: Sequence[Flows], windows: Ints) -> Columns:
    """Sum up the flows of the series of a group in each window.

    Parameters
    ----------
    windows
        A row a window: start and end, in seconds.

    Returns
    -------
    dict
        The columns that `History.flows` describes, NaN for what is not known, and bounds of what left and ended.
    """
    n = len(windows)
    unknown = np.full(n, np.nan)
    # Of every window its instants at equal distances: the first is its start, the last its end.
    instants = windows[:, :1] + np.diff(windows) * np.linspace(0, 1, PARTS + 1)
    arrivals, parts = arrivals_of(group, windows), np.zeros((n, PARTS))
    came, gone = np.zeros((2, n)), np.zeros((2, n))
    ended, ended_bounds = dict.fromkeys(ENDED, np.zeros(n)), dict.fromkeys(ENDED, np.zeros((2, n)))
    for each in group:
        slots = each.series.slots
        parts += np.diff(between(slots, each.departures, instants))
        low, high, besides = each.came_low, each.came_high, each.came_besides
        came += bounds_since(slots, low, high, besides, windows, level=each.level)
        gone += bounds_since(slots, low - each.queue, high - each.queue, besides, windows, level=each.level)
        for status in ENDED:
            found = each.ended.get(status)
            counted = unknown if found is None else np.diff(between(slots, found.point, windows))[:, 0]
            ended[status] = ended[status] + counted
            bounds = (
                unknown
                if found is None
                else bounds_since(slots, found.since_low, found.since_high, found.besides, windows, level=found.level)
            )
            ended_bounds[status] = ended_bounds[status] + bounds
    bounded = all(each.bounded for each in group)
    departures, left = parts.sum(axis=1), _at(group, windows, 1)
    left_until = np.cumsum(departures)
    return {
        "arrivals": arrivals,
        "arrivals_low": came[0].astype(np.int64),
        "arrivals_high": np.maximum(came[1].astype(np.int64), np.rint(arrivals)) if bounded else unknown,
        "departures": departures,
        "departures_low": gone[0],
        "departures_high": gone[1] if bounded else unknown,
        "came_until": left_until + left,
        "left_until": left_until,
        "starts_low": np.maximum(departures - ended["Terminated"], 0.0),
        "starts_high": np.where(np.isnan(ended["Terminated"]), np.nan, departures),
        **{status.lower(): count for status, count in ended.items()},
        **{f"{status.lower()}_low": low for status, (low, _) in ended_bounds.items()},
        **{f"{status.lower()}_high": high for status, (_, high) in ended_bounds.items()},
        "queue_start": _at(group, windows, 0),
        "queue_end": left,
        **{
            f"{name}_{what}": getattr(level, of)(windows)
            for name, level in (("queue", level_of(group)), ("running", level_of(group, "Running")))
            for what, of in (("mean", "mean"), ("max", "most"))
        },
        "abnormal": _at(group, windows, 1, "Abnormal"),
        **_drain(left, parts, np.diff(windows)[:, 0]),
        "method": "conservation" if bounded else "smallest flows and a model",
        "note": "",
    }


def _at(group: Sequence[Flows], windows: Ints, side: int, status: str | None = None) -> Floats:
    """Return how many waited, or were in a status, at the last slot until each window's start (0) or end (1).

    NaN before the first slot. What has not been seen since before the window is gone, or nobody knows of it: its last
    queue is none of now.
    """
    total, present = np.zeros(len(windows)), np.zeros(len(windows), np.bool_)
    for each in group:
        place = np.searchsorted(each.series.slots, windows[:, side], side="right") - 1
        counts = each.queue if status is None else each.series.counts[status]
        there = each.series.slots[-1] > windows[:, 0]
        total += np.where(there, np.where(place < 0, np.nan, counts[place]), 0.0)
        present |= there
    return np.where(present, total, np.nan)


def _drain(left: Floats, parts: Floats, seconds: Ints) -> Columns:
    """Return how long a queue takes to leave at the rate of its window, by a gamma interval of that rate.

    Jobs that leave in bursts tell less: their number is divided by the variance over the mean of the window's parts.
    """
    jobs = parts.sum(axis=1)
    some = jobs > 0
    phi = np.ones(len(jobs))
    np.divide(parts.var(axis=1, ddof=1), parts.mean(axis=1), out=phi, where=some)
    phi = np.maximum(phi, 1.0)
    tail = (1 - LEVEL) / 2
    slow, fast = (gammaincinv(jobs / phi + 0.5, p) * phi for p in (tail, 1 - tail))
    drain: Columns = {}
    for name, rate in (("drain", jobs), ("drain_low", fast), ("drain_high", slow)):
        drain[f"{name}_seconds"] = np.where(left == 0, 0.0, np.where(some, ratio(left * seconds, rate), np.nan))
    return drain
