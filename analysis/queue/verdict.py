"""Whether more jobs waited too long than may: one of four verdicts, for every reader."""

from typing import Final

import numpy as np

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


def judge(said: Columns, coverage: Floats, ends: Ints, last: int, limit: int, share: float) -> Columns:
    """Judge each window.

    Over: for every order of service more waited longer than the limit. May be over: in the assumed order, or in another
    one. Within: in none. Else there is no point, and the bounds leave both open.

    Parameters
    ----------
    said
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
        ``verdict``; where that is `UNJUDGED` the ``reason``, and ``judged_from``: from when on (in seconds) polls that
        go on can tell, NaN where none can.
    """
    n = len(ends)
    if "over_slo" not in said:
        unjudged = np.full(n, UNJUDGED, object)
        return {"verdict": unjudged, "reason": np.full(n, TOO_SHORT, object), "judged_from": np.full(n, np.nan)}
    value, low, high = (np.asarray(said[f"over_slo{end}"], float) for end in ("", "_low", "_high"))
    waiting, censored, arrivals, most = (
        np.asarray(said[name], float) for name in ("waiting", "censored", "arrivals", "arrivals_high")
    )
    seen = enough(coverage)
    # Where nobody came, those who came before tell nothing of it.
    quiet = seen & (most == 0) & (waiting == 0)
    verdicts = np.select(
        [low > share, (high <= share) | quiet, ~np.isnan(value)], [OVER, WITHIN, MAY_BE_OVER], UNJUDGED
    ).astype(object)
    open_ = verdicts == UNJUDGED
    reasons = [
        _reason(*each) if unjudged else ""
        for unjudged, *each in zip(open_, seen, censored, arrivals, waiting, most, strict=True)
    ]
    # Whoever still waits has passed the limit by then, or has left.
    from_ = np.where(open_ & seen & (censored > 0) & (ends + limit > last), last + limit, np.nan)
    return {"verdict": verdicts, "reason": np.array(reasons, object), "judged_from": from_}


def _reason(seen: bool, censored: float, arrivals: float, waiting: float, most: float) -> str:
    if not seen:
        return LITTLE
    if censored > 0:
        still = mark("note", "{left:.0f} of {of:.0f} jobs still waited at the end")
        return still.format(left=censored, of=arrivals)
    if most == 0 and waiting > 0:
        return mark("note", "no arrivals, and {waiting:.0f} jobs that came before still wait").format(waiting=waiting)
    return mark("note", "what came of the jobs is not known")
