"""The floor of plans: the shortest record with which a plan of another capacity is possible.

Chosen on windows of 20 minutes to 30 days of 160 simulated pools (seeds below 1000 of tests/benchmarks/young.py, which
tests it on others): above the floor nineteen of twenty intervals cover the true value, below it every second interval.
"""

from typing import Final

import numpy as np

from analysis.calendar import DAY
from analysis.capacity.occupancy import Occupancy
from analysis.capacity.replicas import FEWEST_QUEUED
from analysis.notes import NOTHING, Notes, joined, note

FEWEST_ENDS: Final = 50
"""The fewest jobs that ended."""
RUN_TIMES: Final = 10.0
"""The shortest record, in mean run times: of jobs that ran for longer only the beginning was observed."""
SPELLS: Final = 3
"""If a queue formed fewer times than this, the record must be as long as `LASTING` instead."""
LASTING: Final = 25.0
"""The shortest record, in mean run times, if a queue lasts and rarely forms anew."""
LEAST_OBSERVED: Final = 0.25
"""The smallest share of the waiting of the arrived jobs that was observed; a model estimates the rest."""
MOST_DAYS: Final = 365
"""More days than this are not named as a need: from a short record their number is not known so exactly."""


def lacking(occupancy: Occupancy, observed_share: float) -> Notes:
    """Return notes on why a record is too short for a plan, and how much longer it must be; none if it is long enough.

    Parameters
    ----------
    observed_share
        The share of the waiting of the arrived jobs that was observed, of 1.
    """
    span = float(occupancy.slots[-1] - occupancy.slots[0])
    ended = int(occupancy.ends.sum())
    if not ended:
        return joined(note("not enough data: no job ended"))
    times = span * ended / max(occupancy.busy_seconds, 1.0)
    rising = (occupancy.queue[1:] > 0) & (occupancy.queue[:-1] == 0)
    spells = int(rising.sum()) + int(occupancy.queue[0] > 0)
    lasting = occupancy.queued_slots >= FEWEST_QUEUED and spells < SPELLS
    needed_times = LASTING if lasting else RUN_TIMES
    if ended < FEWEST_ENDS:
        reason = note("only {ended} jobs ended, at least {fewest} are needed", ended=ended, fewest=FEWEST_ENDS)
    elif times < needed_times:
        reason = note(
            "the record is {times:.1f} mean run times long, at least {wanted:.0f} are needed",
            times=times,
            wanted=needed_times,
        )
    elif not observed_share >= LEAST_OBSERVED:
        reason = note("{share:.0%} of the waiting of the jobs that arrived is still to come", share=1 - observed_share)
        return joined(note("not enough data: {note}", note=reason))
    else:
        return NOTHING
    more = span * (max(FEWEST_ENDS / ended, needed_times / times) - 1)
    days = float(np.ceil(more / DAY * 10) / 10)
    return joined(
        note("not enough data: {note}", note=reason),
        note("needs more than a year of further polls")
        if days > MOST_DAYS
        else note("needs about {days:.1f} more days", days=days),
    )
