"""How often jobs fail: failed jobs among all that ended in a window, with an interval for the underlying rate.

Failures come in bursts, so that n jobs carry less information than n independent jobs. The interval is that of n / phi
independent jobs, where phi is the overdispersion of the days of the last four weeks (Pearson's chi-square over its
degrees of freedom). Few days do not show phi, and chance makes it small as often as large: until ten days had ends, the
interval uses a prior together with these days, and is widened by what both leave open.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from analysis.arrays import Floats, Ints, ratio
from analysis.calendar import DAY
from analysis.estimate import Estimate
from analysis.notes import NOTHING, Notes, joined, note
from analysis.queue.conservation import Flows
from analysis.schemas.schema import Columns
from analysis.stats.batches import LEVEL
from analysis.stats.proportions import jeffreys
from analysis.windows import Since, Windows
from collector.record.statuses import ENDED

TRAILING_DAYS: Final = 28
FEWEST_DAYS: Final = 10
"""The fewest days with ends, of the last `TRAILING_DAYS`, for which overdispersion is measured."""
PRIOR_CORRELATION: Final = 0.2
"""The prior correlation of two jobs of a day, in whether they fail: m jobs a day have an overdispersion of
1 + 0.2 (m - 1)."""
PRIOR_DAYS: Final = 8
"""The number of days, in degrees of freedom, that the prior is worth. Of correlations of 0.05, 0.1 and 0.2 with 2, 4
and 8 days, this prior alone has intervals that hold the rate in about 90 % or more of young records of every kind in
tests/benchmarks/failure_intervals.py."""
METHOD: Final = note("Jeffreys on n / overdispersion")


@dataclass(frozen=True)
class Ending:
    """The jobs that ended in one series, by outcome."""

    kept: bool
    """Whether ends are counted for long enough to tell how jobs ended."""
    instants: Floats
    """n slots right before or after the end of a job, in seconds; the first and the last slot too. They are floats, as
    np.interp would convert all of them at every call."""
    until: Mapping[str, Floats]
    """By status, n: jobs that ended from the first slot until each slot; empty where ends do not show."""
    since: Mapping[str, Since]
    """By status: the bounds of these jobs."""

    def ended(self, instants: Ints | Floats) -> dict[str, Floats]:
        """Return, by status, the jobs that had ended until each instant; ends are spread evenly over their interval."""
        return {
            status: np.interp(instants, self.instants, self.until[status]) if self.until else np.zeros(instants.shape)
            for status in ENDED
        }


def ending_of(flows: Flows) -> Ending:
    """Return the jobs that ended in a series."""
    slots = flows.series.slots
    # Slots beside which no job ended are left out.
    changes = np.zeros(len(slots), np.bool_)
    changes[0] = changes[-1] = True
    for ended in flows.ended.values():
        since = ended.since
        moved = (ended.point != 0) | (np.diff(since.low) != 0) | (np.diff(since.high + since.besides) != 0)
        changes[1:] |= moved
        changes[:-1] |= moved
    return Ending(
        bool(flows.ended) and flows.counted,
        slots[changes].astype(float),
        {status: np.concatenate([[0.0], np.cumsum(ended.point)])[changes] for status, ended in flows.ended.items()},
        {status: ended.since.at(changes) for status, ended in flows.ended.items()},
    )


@dataclass(frozen=True)
class Ends:
    """The jobs that ended in each of n windows, by status."""

    by_status: Mapping[str, Estimate]

    @property
    def finished(self) -> Estimate:
        """All jobs that ended in each window."""
        return Estimate(*(np.sum(bounds, axis=0) for bounds in zip(*self.by_status.values(), strict=True)))


@dataclass(frozen=True)
class Failures:
    """The failure rate of the jobs that ended in each of n windows."""

    ends: Ends
    failed: Floats
    """n, in jobs; zero, never NaN, where no job ended."""
    rate: Estimate
    rate_of_ran: Floats
    """n: failed jobs over jobs that completed or failed."""
    overdispersion: Floats
    notes: NDArray[Any]
    """n `Notes`."""

    def columns(self) -> Columns:
        """Return the columns of the schema of failures, and the bounds of the counts that they are computed from."""
        failed = Estimate(self.failed, *self.ends.by_status["Failed"][1:])
        return {
            **self.ends.finished.columns("finished"),
            **failed.columns("failed"),
            **self.ends.by_status["Completed"].columns("completed"),
            **self.rate.columns("failure_rate"),
            "failure_rate_of_ran": self.rate_of_ran,
            "overdispersion": self.overdispersion,
            "method": METHOD,
            "note": self.notes,
        }


@dataclass(frozen=True)
class Uncounted:
    """No failure rate: ends are not counted for long enough."""

    def columns(self) -> Columns:
        """Return the columns method and note; the note says why there is no rate."""
        return {"method": METHOD, "note": note("finished jobs are not kept long enough to tell how they ended")}


def estimate(group: Sequence[Ending], windows: Windows) -> Failures | Uncounted:
    """Estimate the failure rate of the jobs that ended in each window, over the series of a group."""
    if not all(ending.kept for ending in group):
        return Uncounted()
    ends = ends_of(group, windows)
    finished, failed, completed = ends.finished, ends.by_status["Failed"], ends.by_status["Completed"]
    a_day = finished.point / np.maximum(windows.seconds / DAY, 1.0)
    phi, assumed, days = overdispersion(group, windows.ends, a_day)
    some = (finished.high > 0) & (finished.point > 0)
    number_failed, ran = np.where(some, failed.point, 0.0), failed.point + completed.point
    low = jeffreys(failed.low, failed.low + finished.high - failed.high, assumed)[0]
    high = jeffreys(failed.high, failed.high + finished.low - failed.low, assumed)[1]
    rate = Estimate(ratio(number_failed, finished.point), low, high)
    return Failures(
        ends,
        number_failed,
        Estimate(*(np.where(some, bound, np.nan) for bound in rate)),
        np.where(some, ratio(number_failed, ran), np.nan),
        phi,
        np.array([_notes(*window) for window in zip(some, days, strict=True)], object),
    )


def _notes(some: bool, days: int) -> Notes:
    """Return a note on why a window has no rate, or why its overdispersion is not known."""
    if not some:
        return joined(note("no job ended"))
    if days >= FEWEST_DAYS:
        return NOTHING
    few = note(
        "jobs ended on {number} of the last {days} days: "
        "too few to measure overdispersion, so that the interval is wide",
        number=int(days),
        days=TRAILING_DAYS,
    )
    return joined(few)


def ends_of(group: Sequence[Ending], windows: Windows) -> Ends:
    """Return, by status, the number of jobs that ended in each window, with bounds."""
    n = len(windows)
    ended = {status: Estimate(np.zeros(n), np.zeros(n, np.int64), np.zeros(n, np.int64)) for status in ENDED}
    for ending in group:
        for status, count in ending.ended(windows.edges).items():
            point, low, high = ended[status]
            fewest, most = windows.happened(ending.since[status]) if status in ending.since else (0, 0)
            ended[status] = Estimate(point + np.diff(count)[:, 0], low + fewest, high + most)
    return Ends(ended)


def overdispersion(group: Sequence[Ending], instants: Ints, a_day: Floats) -> tuple[Floats, Floats, Ints]:
    """Return the overdispersion of daily failures over the four weeks before each instant, and the days with ends.

    Parameters
    ----------
    a_day
        The jobs a day to which the interval applies: the prior is for at least so many, also after quiet weeks.

    Returns
    -------
    tuple
        Pearson's chi-square over the days with ends less one, at least 1; NaN where fewer than ten days had ends. Then
        the divisor of the number of jobs in an interval: the same; where it is NaN, the mean of chi-square and of a
        prior, weighted by their degrees of freedom, and widened to the quantile of Student's t with both (moderated
        variances: Smyth, Statistical Applications in Genetics and Molecular Biology 3 (2004), 3). And the number of
        days with ends.
    """
    days = dict.fromkeys(ENDED, np.zeros((len(instants), TRAILING_DAYS)))
    for ending in group:
        for status, counts in ending.ended(instants[:, None] - DAY * np.arange(TRAILING_DAYS, -1, -1.0)).items():
            days[status] = days[status] + np.diff(counts)
    finished = np.sum(list(days.values()), axis=0)
    with_ends, jobs = (finished > 0).sum(axis=1), np.maximum(finished.sum(axis=1), 1e-300)
    rate = days["Failed"].sum(axis=1) / jobs
    expected = finished * rate[:, None]
    variance = expected * (1 - rate[:, None])
    # Where no job failed, or all did, there is no variance.
    square = np.divide((days["Failed"] - expected) ** 2, variance, out=np.zeros(variance.shape), where=variance > 0)
    freedom, square = np.maximum(with_ends - 1, 0), square.sum(axis=1)
    phi = np.where(with_ends < FEWEST_DAYS, np.nan, np.maximum(1.0, square / np.maximum(freedom, 1)))
    # The jobs of the day of a job, as the mean over jobs.
    of_day = np.maximum((finished**2).sum(axis=1) / jobs, a_day)
    prior = 1 + PRIOR_CORRELATION * np.maximum(of_day - 1, 0.0)
    freedom = freedom + PRIOR_DAYS
    moderated = np.maximum(1.0, (PRIOR_DAYS * prior + square) / freedom)
    widening = (stdtrit(freedom, (1 + LEVEL) / 2) / ndtri((1 + LEVEL) / 2)) ** 2
    return phi, np.where(np.isnan(phi), moderated * widening, phi), with_ends
