"""The daily values of a group, for trends: wait, share over a limit, arrivals, failure rate, each with its bounds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np

from analysis.arrays import Bools, Floats, Ints, ratio
from analysis.calendar import DAY
from analysis.estimate import Estimate
from analysis.notes import Notes, joined, note, word
from analysis.queue import failures, waits
from analysis.queue.discipline import Waiting
from analysis.queue.failures import Ending
from analysis.queue.floor import enough
from analysis.queue.observation import Observation
from analysis.queue.waits import Waits
from analysis.stats.batches import Days, Stretches
from analysis.windows import Windows

LENGTHS: Final = (28, 7)
"""The lengths, in days, of the stretches whose waits are bounded together, in addition to one stretch of all days."""


@dataclass(frozen=True)
class Together:
    """The waits of stretches of days, bounded together."""

    first: Ints
    last: Ints
    """The first day of each stretch, and the day after its last day."""
    waits: Waits


@dataclass(frozen=True)
class Daily:
    """The estimates of n days."""

    waits: Waits
    together: Together | None
    """None where no day's waits have an upper bound."""
    rate: Estimate
    """The failure rate, bounded by the counts alone; unknown where ends do not show in the counts."""
    finished: Floats
    """n: jobs that ended."""


class Measure(NamedTuple):
    """One measure of the days."""

    name: str
    days: Days
    notes: Notes
    """Notes on days that are left out."""


def daily(waiting: Sequence[Waiting], ending: Sequence[Ending], windows: Windows, limit: int | None) -> Daily:
    """Estimate mean waits, shares over a limit and arrivals, and count ends, in each day."""
    estimates = waits.estimate(waiting, windows, limit, ())
    # The stretches end with the last day whose waits have an upper bound.
    bounded = np.flatnonzero((estimates.arrivals.point > 0) & ~np.isnan(estimates.mean.high))
    days = int(bounded[-1]) + 1 if len(bounded) else 0
    together = None
    if days:
        first, last = _spans(days)
        spans = Windows(windows.starts[first], windows.ends[last - 1])
        together = Together(first, last, waits.estimate(waiting, spans, limit, ()))
    if not all(series.kept for series in ending):
        n = len(windows)
        return Daily(estimates, together, Estimate.unknown(n), np.full(n, np.nan))
    ends = failures.ends_of(ending, windows)
    failed, completed, terminated = (ends.by_status[status] for status in ("Failed", "Completed", "Terminated"))
    rate = Estimate(
        ratio(failed.point, ends.finished.point),
        failed.low / np.maximum(failed.low + (completed.high + terminated.high), 1),
        failed.high / np.maximum(failed.high + (completed.low + terminated.low), 1),
    )
    return Daily(estimates, together, rate, ends.finished.point)


def _spans(days: int) -> tuple[Ints, Ints]:
    """Return stretches of `days` days, the longest first: the first day of each, and the day after its last day."""
    lengths = [days, *(length for length in LENGTHS if length < days)]
    first = [np.arange(0, days, max(length, 1)) for length in lengths]
    last = [np.minimum(starts + length, days) for starts, length in zip(first, lengths, strict=True)]
    return np.concatenate(first), np.concatenate(last)


def measures(observation: Observation, daily: Daily | None) -> Iterator[Measure]:
    """Yield each measure with its daily values, without the days on which it is not known well enough.

    Left out are days in which the record begins or ends, and days of which less than half was observed. Of the wait and
    of the share over the limit, the last days without an upper bound are left out too, as their jobs may still wait;
    but not if they are half of the days or more.
    """
    n = len(observation.windows)
    nothing = Estimate.unknown(n)
    arrivals = nothing if daily is None else daily.waits.arrivals
    observed = observation.whole & enough(observation.coverage)
    unobserved = int((observation.whole & ~observed).sum())
    left_out = note("days left out, coverage below 50%: {days}", days=unobserved)
    notes = joined(left_out if unobserved else None)
    numbers = np.arange(n)
    means, over = (nothing, None) if daily is None else (daily.waits.mean, daily.waits.over)
    for name, estimate in ((word("wait"), means), (word("over"), over)):
        if estimate is None:
            continue
        censored = last_open(np.isnan(estimate.high), observed & (arrivals.point > 0))
        open_days = note("last days left out, their jobs may still wait: {days}", days=int(censored.sum()))
        days = _days_of(numbers, estimate, arrivals.point, observed & ~censored)
        if daily is not None and daily.together is not None:
            days = replace(days, stretches=_stretches(daily.together, name, arrivals.point, estimate))
        yield Measure(name, days, joined(notes, open_days if censored.any() else None))
    lengths = observation.windows.seconds / DAY
    a_day = arrivals.each(lambda jobs: jobs / lengths)
    yield Measure(word("arrivals"), _days_of(numbers, a_day, np.ones(n), observed), notes)
    rate, finished = (nothing, nothing.point) if daily is None else (daily.rate, daily.finished)
    yield Measure(word("failures"), _days_of(numbers, rate, finished, observed), notes)


def last_open(without: Bools, some: Bools) -> Bools:
    """Return which windows with jobs come after the last window with an upper bound; none if they are half or more."""
    bounded = np.flatnonzero(some & ~without)
    last: Bools = some & (np.arange(len(some)) > (bounded[-1] if len(bounded) else -1))
    return last if 2 * last.sum() < some.sum() else np.zeros(len(some), np.bool_)


def _stretches(together: Together, name: str, arrivals: Floats, estimate: Estimate) -> Stretches | None:
    """Return bounds of the sum of waits (job-seconds), or of the jobs over the limit, by stretch and by single day.

    None without a limit, where the bounds are of the jobs over it.
    """
    bounds = together.waits.mean if name == "wait" else together.waits.over
    if bounds is None:
        return None
    first, last = together.first, together.last
    until = np.concatenate([[0.0], np.cumsum(np.nan_to_num(arrivals))])
    jobs = np.concatenate([until[last] - until[first], np.nan_to_num(arrivals)])
    both = Estimate(*(np.concatenate(parts) for parts in zip(bounds, estimate, strict=True)))
    low, high = (np.where(jobs > 0, bound * np.maximum(jobs, 1e-300), 0.0) for bound in (both.open_low, both.open_high))
    days = np.arange(len(arrivals))
    return Stretches(np.concatenate([first, days]), np.concatenate([last, days + 1]), low, high)


def _days_of(numbers: Ints, estimate: Estimate, weights: Floats, chosen: Bools) -> Days:
    weights = np.nan_to_num(weights)
    some = chosen & np.isfinite(estimate.point) & (weights > 0)
    return Days(numbers, estimate.point, estimate.open_low, estimate.open_high, weights).where(some)
