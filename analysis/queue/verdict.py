"""Whether more jobs than allowed waited longer than a limit: one of four verdicts."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analysis.estimate import Estimate
from analysis.notes import NOTHING, TOO_SHORT, Instant, Note, joined, note, word
from analysis.queue.floor import enough
from analysis.queue.observation import Observation
from analysis.queue.waits import Waits
from analysis.schemas.schema import Columns

OVER: Final = word("over")
MAY_BE_OVER: Final = word("may be over")
WITHIN: Final = word("within")
UNJUDGED: Final = word("cannot be judged")
LITTLE: Final = note("coverage below 50%")


def compare(estimate: Estimate, limit: float) -> NDArray[Any]:
    """Return the verdict on each value of an estimate, compared with a limit.

    Over: the lower bound is above the limit. Within: the upper bound is not above it. May be over: neither, and there
    is a point estimate. Cannot be judged: none of these.
    """
    conditions = [estimate.low > limit, estimate.high <= limit, ~np.isnan(estimate.point)]
    return np.select(conditions, [OVER, WITHIN, MAY_BE_OVER], UNJUDGED)


def judge(observation: Observation, waits: Waits | None, columns: Columns, limit: int, share: float) -> Columns:
    """Return the verdict on the share of the jobs that waited longer than a limit, in each window.

    Parameters
    ----------
    waits
        None where all series are too short.
    columns
        The columns of the waits, after `floor` has removed points of windows with too little coverage.
    limit
        The limit on waits, in seconds.
    share
        The share of the jobs that may wait longer, of 1.

    Returns
    -------
    dict
        ``verdict``, see `compare`. Where a window cannot be judged, its ``reason``, and in ``judged_from`` the time
        (in seconds since 1970) from which it can be judged if polls go on; NaN where it never can.
    """
    n, ends = len(observation.windows), observation.windows.ends
    if waits is None:
        return {"verdict": np.full(n, UNJUDGED, object), "reason": TOO_SHORT, "judged_from": np.full(n, np.nan)}
    over, arrivals = Estimate.of(columns, "over_slo"), Estimate.of(columns, "arrivals")
    known = ~observation.hidden & ~observation.unknown
    waiting, censored = (np.where(known, jobs, np.nan) for jobs in (waits.waiting, waits.censored))
    observed = enough(observation.coverage)
    verdicts = compare(over, share).astype(object)
    # Without arrivals there is no share. If no job waits either, no job waited too long.
    verdicts[observed & (arrivals.high == 0) & (waiting == 0)] = WITHIN
    # What is not known alone could be more than the share allowed.
    silent = observation.silent & (1 - observation.coverage > share)
    verdicts[silent & (verdicts == WITHIN)] = UNJUDGED
    unjudged = verdicts == UNJUDGED
    reasons = np.full(n, NOTHING, object)
    for window in np.flatnonzero(unjudged):
        reasons[window] = joined(
            LITTLE
            if not observed[window]
            else note("no good answer after {instant}", instant=Instant(int(observation.silent_after)))
            if silent[window]
            else _reason(censored[window], arrivals.point[window], arrivals.high[window], waiting[window])
        )
    # By then every job that waits now has left, or has waited for longer than the limit.
    possible = observed & ~silent & (censored > 0) & ~np.isnan(arrivals.point)
    soon = unjudged & possible & (ends + limit > observation.last)
    judged_from = np.where(soon, observation.last + limit, np.nan)
    return {"verdict": verdicts, "reason": reasons, "judged_from": judged_from}


def _reason(censored: float, arrivals: float, arrivals_high: float, waiting: float) -> Note:
    if censored > 0 and not np.isnan(arrivals):
        return note("{left:.0f} of {jobs:.0f} jobs still waited at the end", left=float(censored), jobs=float(arrivals))
    if arrivals_high == 0 and waiting > 0:
        return note("no arrivals, and {waiting:.0f} earlier jobs still wait", waiting=float(waiting))
    return note("how long the jobs waited is not known")
