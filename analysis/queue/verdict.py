"""Whether more jobs waited too long than may: one of four verdicts, for every reader."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analysis.arrays import Floats, Ints
from analysis.notes import TOO_SHORT, mark
from analysis.queue.floor import enough
from analysis.windows import Columns

SHARE: Final = 0.1
"""Of the jobs, that may wait longer than the limit: nine of ten shall not."""
OVER: Final = mark("note", "over")
MAY_BE_OVER: Final = mark("note", "may be over")
WITHIN: Final = mark("note", "within")
UNJUDGED: Final = mark("note", "cannot be judged")
LITTLE: Final = mark("note", "less than half of it was observed")
COLUMNS: Final = ("verdict", "reason", "judged_from")


def compare(point: Floats, low: Floats, high: Floats, limit: float) -> NDArray[Any]:
    """Compare estimates with a limit: the verdict of each, of arrays of one length.

    Over: the lower bound is above it. Within: the upper bound is not. May be over: there is a point, and the limit lies
    between the bounds. Else it cannot be judged. NaN is a point or bound that is not known.
    """
    return np.select([low > limit, high <= limit, ~np.isnan(point)], [OVER, WITHIN, MAY_BE_OVER], UNJUDGED)


def judge(waits: Columns, coverage: Floats, ends: Ints, last: int, limit: int, share: float) -> Columns:
    """Judge the share of the jobs that waited longer than a limit, of each window.

    Parameters
    ----------
    waits
        The columns of `waits.estimate`, after the floor.
    coverage
        Of each window, in [0, 1].
    ends
        Of each window, in seconds.
    last
        The last slot, in seconds.
    limit
        On waits, in seconds.
    share
        Of the jobs that may wait longer, of 1.

    Returns
    -------
    dict
        ``verdict``, see `compare`; where a window cannot be judged the ``reason``, and ``judged_from``: from when on
        (in seconds) polls that go on can tell, NaN where none can.
    """
    n = len(ends)
    if "over_slo" not in waits:
        verdicts, reasons = np.full(n, UNJUDGED, object), np.full(n, TOO_SHORT, object)
        return {"verdict": verdicts, "reason": reasons, "judged_from": np.full(n, np.nan)}
    point, low, high = (np.asarray(waits[f"over_slo{bound}"], float) for bound in ("", "_low", "_high"))
    waiting, censored, arrivals, most = (
        np.asarray(waits[name], float) for name in ("waiting", "censored", "arrivals", "arrivals_high")
    )
    observed = enough(coverage)
    verdicts = compare(point, low, high, share).astype(object)
    # Without arrivals there is no share. Where nobody waits either, nobody waited too long.
    verdicts[observed & (most == 0) & (waiting == 0)] = WITHIN
    unjudged = verdicts == UNJUDGED
    reasons = np.full(n, "", object)
    for window in np.flatnonzero(unjudged):
        reasons[window] = _reason(
            observed[window], censored[window], arrivals[window], waiting[window], none=most[window] == 0
        )
    # By then every job that waits now has left, or has waited for longer than the limit.
    soon = unjudged & observed & (censored > 0) & (ends + limit > last)
    return {"verdict": verdicts, "reason": reasons, "judged_from": np.where(soon, last + limit, np.nan)}


def _reason(observed: bool, censored: float, arrivals: float, waiting: float, *, none: bool) -> str:
    if not observed:
        return LITTLE
    if censored > 0:
        still = mark("note", "{left:.0f} of {of:.0f} jobs still waited at the end")
        return still.format(left=censored, of=arrivals)
    if none and waiting > 0:
        return mark("note", "no arrivals, and {waiting:.0f} jobs that came before still wait").format(waiting=waiting)
    return mark("note", "what came of the jobs is not known")
