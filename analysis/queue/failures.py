"""How often jobs fail: Failed among all that ended in a window, with an interval for the underlying rate.

Failures come in bursts, so that n jobs tell less than n coin tosses would: the interval is that of n / phi jobs, with
phi from how much the days of the last four weeks differ (Pearson's chi-square over its degrees of freedom).
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from analysis.arrays import Floats, Ints
from analysis.notes import mark
from analysis.queue.conservation import Flows
from analysis.stats.proportions import jeffreys
from analysis.windows import DAY, Columns, bounds_since, ratio
from collector.record.statuses import ENDED

TRAILING_DAYS: Final = 28
FEWEST_DAYS: Final = 10
COLUMNS: Final = (
    "finished",
    "finished_low",
    "finished_high",
    "failed",
    "failure_rate",
    "failure_rate_low",
    "failure_rate_high",
    "failure_rate_of_ran",
    "overdispersion",
)


class Ending:
    """What ended in one series, by outcome."""

    def __init__(self, flows: Flows) -> None:
        self.kept = bool(flows.ended) and flows.bounded
        slots = flows.series.slots
        # Slots around which nothing ended tell nothing.
        changes = np.zeros(len(slots), np.bool_)
        changes[0] = changes[-1] = True
        for each in flows.ended.values():
            moved = (each.point != 0) | (np.diff(each.since_low) != 0) | (np.diff(each.since_high + each.besides) != 0)
            changes[1:] |= moved
            changes[:-1] |= moved
        self.slots = slots[changes]
        # As np.interp takes them: else it makes them so, whole, at every call.
        self._instants = self.slots.astype(float)
        self.since = {
            status: np.concatenate([[0.0], np.cumsum(each.point)])[changes] for status, each in flows.ended.items()
        }
        self.level = {status: each.level for status, each in flows.ended.items()}
        self.low = {status: each.since_low[changes] for status, each in flows.ended.items()}
        self.high = {status: each.since_high[changes] for status, each in flows.ended.items()}
        self.besides = {status: each.besides[changes] for status, each in flows.ended.items()}

    def until(self, instants: Ints | Floats) -> dict[str, Floats]:
        """Return what had ended by outcome until each instant, each end anywhere in its interval."""
        return {
            status: np.interp(instants, self._instants, self.since[status]) if self.since else np.zeros(instants.shape)
            for status in ENDED
        }


def estimate(group: Sequence[Ending], windows: Ints) -> Columns:
    """Estimate the failure rate of what ended in each window, over the series of a group.

    Parameters
    ----------
    windows
        A row a window: start and end, in seconds.

    Returns
    -------
    dict
        The columns that `History.failures` describes, NaN for what is not known, and bounds of who failed and
        completed.
    """
    method = "Jeffreys on n / overdispersion"
    if not all(each.kept for each in group):
        note = mark("note", "ends are not counted long enough to say how they ended")
        return dict.fromkeys(COLUMNS) | {"method": method, "note": note}
    ended, low, high = ends(group, windows)
    finished, fewest, most = (np.sum(list(each.values()), axis=0) for each in (ended, low, high))
    phi, days = overdispersion(group, windows[:, 1])
    some = (most > 0) & (finished > 0)
    failed, ran = np.where(some, ended["Failed"], 0.0), ended["Failed"] + ended["Completed"]
    divisor = np.nan_to_num(phi, nan=1.0)
    interval = (
        jeffreys(low["Failed"], low["Failed"] + most - high["Failed"], divisor)[0],
        jeffreys(high["Failed"], high["Failed"] + fewest - low["Failed"], divisor)[1],
    )
    none = mark("note", "nothing ended")
    few = mark("note", "ends on {number} of the last {days} days: too few to say how they scatter")
    notes = [
        none if not any_ else few.format(number=number, days=TRAILING_DAYS) if number < FEWEST_DAYS else ""
        for any_, number in zip(some, days, strict=True)
    ]
    return {
        "finished": finished,
        "finished_low": fewest,
        "finished_high": most,
        "failed": failed,
        "failed_low": low["Failed"],
        "failed_high": high["Failed"],
        "completed": ended["Completed"],
        "completed_low": low["Completed"],
        "completed_high": high["Completed"],
        "failure_rate": np.where(some, ratio(failed, finished), np.nan),
        "failure_rate_low": np.where(some, interval[0], np.nan),
        "failure_rate_high": np.where(some, interval[1], np.nan),
        "failure_rate_of_ran": np.where(some, ratio(failed, ran), np.nan),
        "overdispersion": phi,
        "method": method,
        "note": np.array(notes, object),
    }


def ends(group: Sequence[Ending], windows: Ints) -> tuple[dict[str, Floats], dict[str, Ints], dict[str, Ints]]:
    """Return by outcome how many ended in each window, and the fewest and the most that can have."""
    ended = dict.fromkeys(ENDED, np.zeros(len(windows)))
    low, high = (dict.fromkeys(ENDED, np.zeros(len(windows), np.int64)) for _ in range(2))
    for each in group:
        for status, count in each.until(windows).items():
            ended[status] = ended[status] + np.diff(count)[:, 0]
            if status in each.low:
                bounds = each.slots, each.low[status], each.high[status], each.besides[status]
                fewest, most = bounds_since(*bounds, windows, level=each.level[status])
                low[status], high[status] = low[status] + fewest, high[status] + most
    return ended, low, high


def overdispersion(group: Sequence[Ending], instants: Ints) -> tuple[Floats, Ints]:
    """Return by how much days differ more than coin tosses would, over the four weeks before each instant.

    Returns
    -------
    tuple
        Pearson's chi-square over days less one, at least 1, NaN where fewer than ten days had ends; and how many had.
    """
    days = dict.fromkeys(ENDED, np.zeros((len(instants), TRAILING_DAYS)))
    for each in group:
        for status, counts in each.until(instants[:, None] - DAY * np.arange(TRAILING_DAYS, -1, -1.0)).items():
            days[status] = days[status] + np.diff(counts)
    finished = np.sum(list(days.values()), axis=0)
    had = (finished > 0).sum(axis=1)
    rate = days["Failed"].sum(axis=1) / np.maximum(finished.sum(axis=1), 1e-300)
    expected = finished * rate[:, None]
    variance = expected * (1 - rate[:, None])
    # Where none failed, or all did, nothing scatters.
    square = np.divide((days["Failed"] - expected) ** 2, variance, out=np.zeros(variance.shape), where=variance > 0)
    phi = np.maximum(1.0, square.sum(axis=1) / np.maximum(had - 1, 1))
    return np.where(had < FEWEST_DAYS, np.nan, phi), had
