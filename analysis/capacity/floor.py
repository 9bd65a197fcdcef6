"""The floor of plans: what has to be seen of a pool before anything is said of another capacity.

Chosen on windows of 20 minutes to 30 days of 160 simulated pools (seeds below 1000 of tests/benchmarks/young.py, which
judges it on others): above it the truth lies in nineteen of twenty intervals, below it in every second one.
"""

from typing import Final

import numpy as np

from analysis.capacity.occupancy import Counted
from analysis.capacity.replicas import FEWEST_QUEUED
from analysis.notes import mark
from analysis.windows import DAY

FEWEST_ENDS: Final = 50
RUN_TIMES: Final = 10.0
"""How many run times the record is long: of jobs that ran for longer only the beginning was seen."""
SPELLS: Final = 3
"""Times at which a queue formed; one that lasts through has to be seen for"""
LASTING: Final = 25.0
"""run times."""
LEAST_SEEN: Final = 0.25
"""Of the waiting of the jobs that came: the rest is a model's."""


def lacking(seen: Counted, share_seen: float) -> str:
    """Say what a plan lacks, and how much more it takes; nothing where it lacks nothing.

    Parameters
    ----------
    share_seen
        How much of the waiting of the jobs that came was seen, of 1.
    """
    span = float(seen.slots[-1] - seen.slots[0])
    ended = int(seen.ends.sum())
    if not ended:
        return mark("note", "too little was seen: no job ended")
    times = span * ended / max(seen.busy_seconds, 1.0)
    rising = (seen.queue[1:] > 0) & (seen.queue[:-1] == 0)
    spells = int(rising.sum()) + int(seen.queue[0] > 0)
    lasting = seen.queued >= FEWEST_QUEUED and spells < SPELLS
    wanted = LASTING if lasting else RUN_TIMES
    reason = ""
    if ended < FEWEST_ENDS:
        reason = mark("note", "{ended} jobs ended, of {fewest} that it takes").format(ended=ended, fewest=FEWEST_ENDS)
    elif times < wanted:
        text = mark("note", "the record is {times:.1f} run times long, of {wanted:.0f} that it takes")
        reason = text.format(times=times, wanted=wanted)
    elif not share_seen >= LEAST_SEEN:
        text = mark("note", "{share:.0%} of the waiting of the jobs that came is still to come")
        return _too_little(text.format(share=1 - share_seen))
    if not reason:
        return ""
    more = span * (max(FEWEST_ENDS / ended, wanted / times) - 1)
    text = mark("note", "as it goes, about {days:.1f} days more are needed")
    return f"{_too_little(reason)}; {text.format(days=np.ceil(more / DAY * 10) / 10)}"


def _too_little(reason: str) -> str:
    return mark("note", "too little was seen: {note}").format(note=reason)
