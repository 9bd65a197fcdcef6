"""How often jobs fail: failed jobs among all that ended in a window, with an interval for the underlying rate.

Failures come in bursts, so that n jobs carry less information than n independent jobs. The interval is that of n / phi
independent jobs, where phi is the overdispersion of the days of the last four weeks (see `stats.bursts`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analysis.arrays import Floats, Ints, ratio
from analysis.calendar import DAY
from analysis.estimate import Estimate
from analysis.notes import NOTHING, Notes, joined, note
from analysis.queue.conservation import Flows
from analysis.schemas.schema import Columns
from analysis.stats.bursts import FEWEST_DAYS, overdispersion
from analysis.stats.proportions import jeffreys
from analysis.windows import Since, Windows
from collector.record.statuses import ENDED

TRAILING_DAYS: Final = 28
"""The days before the end of a window whose failures show the overdispersion."""
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
    """n; NaN where fewer than `FEWEST_DAYS` of the last `TRAILING_DAYS` had ends."""
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
    lengths = np.maximum(windows.seconds / DAY, 1.0)
    phi, days = overdispersion(*_by_day(group, windows.ends), finished.point / lengths, lengths)
    some = (finished.high > 0) & (finished.point > 0)
    number_failed, ran = np.where(some, failed.point, 0.0), failed.point + completed.point
    low = jeffreys(failed.low, failed.low + finished.high - failed.high, phi)[0]
    high = jeffreys(failed.high, failed.high + finished.low - failed.low, phi)[1]
    rate = Estimate(ratio(number_failed, finished.point), low, high)
    return Failures(
        ends,
        number_failed,
        Estimate(*(np.where(some, bound, np.nan) for bound in rate)),
        np.where(some, ratio(number_failed, ran), np.nan),
        np.where(days < FEWEST_DAYS, np.nan, phi),
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


def _by_day(group: Sequence[Ending], instants: Ints) -> tuple[Floats, Floats]:
    """Return the jobs that failed, and all that ended, on each of the `TRAILING_DAYS` before each instant."""
    days = dict.fromkeys(ENDED, np.zeros((len(instants), TRAILING_DAYS)))
    for ending in group:
        for status, counts in ending.ended(instants[:, None] - DAY * np.arange(TRAILING_DAYS, -1, -1.0)).items():
            days[status] = days[status] + np.diff(counts)
    return days["Failed"], np.sum(list(days.values()), axis=0)
