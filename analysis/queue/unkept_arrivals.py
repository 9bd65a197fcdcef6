"""The arrivals in a series whose finished jobs the API does not keep, by a model; none where the model does not hold.

Two kinds of arrivals do not show in the counts. Where many jobs arrive and end between two slots, arrivals and ends
cancel, see `active_changes`. And a job that arrives and ends between the same two slots never shows. The number of such
jobs follows from slots that are left out: a lag of two intervals misses more jobs than a lag of one, and a lag of zero
would miss none. A straight line through the arrivals at both lags gives those at zero.

The model assumes that jobs arrive one by one, and the counts tell whether they do. Arrays of jobs make jumps. Small
arrays make the changes skew. Where people submit again after each failure, busy intervals follow one another. In these
cases only the arrivals that show are extended to a lag of zero, and only where few can be missing.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.arrays import Floats, Ints
from analysis.notes import Note, note
from analysis.queue.active_changes import JUMP, TREND, Active, Level, active_of, least_arrivals, level_of
from analysis.record.series import Series
from analysis.stats.skellam import cancelled

TOO_FEW: Final = note("arrivals are not known: too few slots")
TOGETHER: Final = note("arrivals are not known: jobs arrive together")
TOO_SHORT: Final = note("arrivals are not known: many jobs may end within a poll interval")

METHOD: Final = note("fewest arrivals that explain the counts, and more by a model")
LAGS: Final = (1, 2, 4)
FEWEST: Final = 4 * TREND
"""The fewest intervals for an estimate: with fewer, the trend is all that there is."""
LARGEST_ERROR: Final = 0.1
"""The largest standard error, over the estimate: the estimate is to be within 0.8 to 1.25 of the truth, two errors."""
SHORT: Final = (1.1, 2.5)
"""The shortest mean run time, in poll intervals, and that below which a lag of two intervals must give nearly the same
as one. Servers that are always busy with jobs of nearly one length end as many in every interval, and below three
intervals nothing tells this from fewer jobs."""
MISSED: Final = (0.12, 0.1)
"""The largest share of arrivals that a lag of two intervals may miss more than a lag of one: for run times below the
second of `SHORT`, and for others, if a lag of four misses few more. At 0.10 and 0.06, 3 % fewer weeks are answered."""
SHAPE: Final = 1.1
"""The least of what a lag of four misses more than a lag of two, over what that misses more than a lag of one. It is 2
where run times are of one kind. Without this limit two more of 300 simulated pools are off: half of their jobs run for
a tenth of the time of the others."""
CLUSTERED: Final = 0.03
"""The largest part of the variance of changes by which activity in an interval comes with that in the next. It is 0.05
to 0.30 in the traces of clusters, and below 0.02 in simulated pools whose jobs run for three intervals or more."""
PARTS: Final = 40
"""Parts of the record, from which the standard error of that part of the variance is found."""
FAR: Final = range(8, 17)
"""Intervals later, at which activity is not that of the same jobs or people any more."""
SIGNIFICANT: Final = 3.0
"""Standard errors from which a difference counts: one of 370 is as large by chance."""
SKEW: Final = (3.0, 0.1)
"""Standard errors, and the share of arrivals, from which skew tells of arrays. Without it three more of 150 simulated
pools of short jobs are off."""
MOST_JUMPS: Final = (2, 1 / 5000)
"""The most jumps without arrays, and that as a share of the intervals. Without it one more of 63 pools of traces, and
one more of 120 with arrays, is off."""
SHORTEST: Final = 10
"""Seconds: run times below it are rare. In the traces of clusters one job in ten runs for 7 to 50 seconds."""
MOST_LOST: Final = 0.15
DOUBT: Final = 1.25
"""The arrivals that show are used if at most `MOST_LOST` of them are lost from one interval to two, and if the estimate
would be at most `DOUBT` times as large if as many were lost at each halving of the interval, down to `SHORTEST`."""
AGREEMENT: Final = (0.8, 1.25)
"""The estimate from the scatter of changes over that from arrivals that show, where the latter is used. Without it 11
more of 570 simulated pools are off. All limits were chosen on tests/benchmarks/unkept.py, seeds below 1000."""


@dataclass(frozen=True)
class Unkept:
    """Arrivals between n slots."""

    shown: Ints
    """n - 1: the fewest that explain the counts."""
    arrivals: Ints
    """n - 1: the estimate; `shown` where there is none."""
    refused: Note | None
    """Why there is no estimate."""


def unkept_arrivals(series: Series, queue: str) -> Unkept:
    """Estimate the arrivals of a series; `queue` is one of `QUEUES`: the statuses that count as waiting."""
    shown = least_arrivals(series, queue)
    if len(shown) < FEWEST or not shown.any():
        return Unkept(shown, shown, TOO_FEW if shown.any() else None)
    active = active_of(series, queue)
    levels = [level_of(active, least_arrivals(series, queue, lag), lag) for lag in LAGS]
    one, two, four = levels
    if four.regular.sum() < FEWEST or not min(one.mean(), one.least()) > 0:
        return Unkept(shown, shown, TOO_FEW)
    # Half of all arrivals and ends; where active jobs became more, more arrived than ended.
    growth = (active.steady[-1] + active.jumped[-1]) / len(shown)
    by_scatter = 2 * one.mean() - two.mean() + growth / 2
    # The share of arrivals that show falls about exponentially with the lag: many run times are short, few are long.
    by_counts = one.least() ** 2 / max(two.least(), one.least() / 2)
    refused = _doubt(active, levels, by_scatter)
    if refused is None:
        changes = np.rint(np.diff(active.steady)).astype(np.int64)
        # The root of the product of the rates of arrivals and of ends.
        hidden = cancelled(changes, np.sqrt(np.maximum(one.rates**2 - one.trend**2 / 4, 0.0)))
        factor = max(by_scatter - one.least(), 0.0) / max(float(hidden[one.regular].mean()), 1e-12)
        return Unkept(shown, shown + _whole(hidden * factor), None)
    step, (low, high) = float(np.median(np.diff(series.slots))), AGREEMENT
    if _few_lost(one, two, step) and low * by_counts <= by_scatter <= high * by_counts:
        missed = np.multiply(shown, by_counts / one.least() - 1, dtype=np.float64)
        return Unkept(shown, shown + _whole(missed), None)
    return Unkept(shown, shown, refused)


def _doubt(active: Active, levels: list[Level], arrivals: float) -> Note | None:
    """Return why the scatter of changes does not tell the arrivals, which it puts at so many an interval; else None."""
    one, two, four = (level.mean() for level in levels)
    hidden = min(2 * max(one - levels[0].least(), 0.0) / one, 1.0)
    jumped = active.jumps.sum() > max(MOST_JUMPS[0], MOST_JUMPS[1] * len(active.jumps))
    if jumped or _skewed(active, levels[0], hidden) or _clustered(active, levels[0]):
        return TOGETHER
    lost, lost_later = (one - two) / one, (two - four) / one
    short, long = (intervals * arrivals for intervals in SHORT)
    if active.running < short or (active.running < long and abs(lost) > MISSED[0]):
        return TOO_SHORT
    # With n changes the error of their first autocorrelation is 1 / sqrt(n); it matters for hidden arrivals.
    error = hidden / np.sqrt(levels[0].regular.sum())
    if lost > max(MISSED[1], SIGNIFICANT * error) and lost_later < SHAPE * lost:
        return TOO_SHORT
    # That of their variance is sqrt(2 / n).
    return TOO_FEW if error * np.sqrt(3) > LARGEST_ERROR else None


def _skewed(active: Active, level: Level, hidden: float) -> bool:
    """Return whether the changes are skew, as arrays make them, by more than the share of hidden arrivals allows.

    Pairs of jobs at a rate p add 6 p to the third cumulant, and 2 p to the variance; larger arrays add less to it.
    """
    single = level.changes[level.regular & ~active.jumps].astype(float)
    skew, error, variance = (single**3).sum(), np.sqrt((single**6).sum()), (single**2).sum()
    return bool(skew > SKEW[0] * error and skew / 3 * hidden > SKEW[1] * variance)


def _clustered(active: Active, level: Level) -> bool:
    """Return whether an interval with much change follows another, more than the further intervals do."""
    most = JUMP[0] * np.sqrt(2 * level.rates) + JUMP[1]
    activity = np.where(active.jumps, 0.0, np.minimum(np.abs(level.changes), most))
    n = len(activity) - FAR[-1]
    far = np.mean([activity[lag : n + lag] for lag in FAR], axis=0)
    excess = activity[:n] * (activity[1 : n + 1] - far)
    parts = np.array([part.mean() for part in np.array_split(excess, PARTS)])
    clustered, error = parts.mean(), parts.std(ddof=1) / np.sqrt(len(parts))
    return bool(clustered > max(CLUSTERED * (activity**2).mean(), SIGNIFICANT * error))


def _few_lost(one: Level, two: Level, step: float) -> bool:
    """Return whether few of the arrivals that show are lost from one interval, of so many seconds, to two."""
    lost = (one.least() - two.least()) / one.least()
    halvings = np.log2(step / SHORTEST)
    return bool(lost <= MOST_LOST and 1 + lost * halvings <= DOUBT * (1 + lost))


def _whole(flow: Floats) -> Ints:
    """Return a flow in whole jobs, whose sum stays within half a job of that of the flow."""
    whole: Ints = np.diff(np.floor(np.cumsum(flow) + 0.5), prepend=0.0).astype(np.int64)
    return whole
