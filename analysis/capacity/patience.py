"""Who gave up in the queue: how many of the jobs that were terminated had not started, and how patient jobs are.

A job is terminated while it waits or while it runs, and the counts do not tell which. Terminations that go with the
queue rather than with what runs are of jobs that gave up.
"""

from typing import Final

import numpy as np

from analysis.arrays import Floats, Ints
from analysis.windows import DAY

ROUNDS: Final = 500
CLOSE: Final = 1e-4
# A likelihood ratio, over the overdispersion of days, that chance reaches once in a thousand times where nobody gives
# up (chi-square of one degree of freedom, on the edge of what is possible).
SURE: Final = 9.5
"""Below this nobody is said to give up."""


def give_ups(terminated: Ints, waited: Floats, ran: Floats, slots: Ints) -> tuple[float, Ints]:
    """Return how often a job that waits gives up, a second, and how many of who was terminated had given up.

    Terminations are Poisson with a rate of their own for each second waited and for each second run (maximum
    likelihood by expectation and maximisation: Dempster, Laird and Rubin, 1977).

    Parameters
    ----------
    terminated
        n - 1: jobs terminated in each interval.
    waited, ran
        n - 1: job-seconds in the queue, and busy, in each interval.
    slots
        n, in seconds.
    """
    nobody = np.zeros(len(terminated), np.int64)
    telling = (terminated > 0) & (waited + ran > 0)
    exposure, jobs = np.array([waited.sum(), ran.sum()]), terminated[telling]
    if not waited[telling].any():
        return 0.0, nobody
    seconds = np.array([waited[telling], ran[telling]])
    rates = jobs.sum() / exposure.sum() * np.ones(2)
    for _round in range(ROUNDS):
        parts = rates[:, None] * seconds
        fitted = np.divide((parts / parts.sum(axis=0)) @ jobs, exposure, out=np.zeros(2), where=exposure > 0)
        settled = (abs(fitted - rates) <= CLOSE * rates).all()
        rates = fitted
        if settled:
            break
    expected = rates @ np.array([waited, ran])
    alone = jobs.sum() / exposure[1] * ran if exposure[1] else nobody.astype(float)
    if not _better(terminated, expected, alone, slots):
        return 0.0, nobody
    share = np.divide(rates[0] * waited, expected, out=np.zeros(len(expected)), where=expected > 0)
    gave_up: Ints = np.diff(np.floor(np.cumsum(terminated * share) + 0.5), prepend=0).astype(np.int64)
    return float(rates[0]), gave_up


def _better(terminated: Ints, expected: Floats, alone: Floats, slots: Ints) -> bool:
    """Tell whether who waits has to have a part in the terminations that were counted."""
    any_ = terminated > 0
    if (alone[any_] <= 0).any():
        return True
    ratio = 2 * float((terminated[any_] * np.log(expected[any_] / alone[any_])).sum() - (expected - alone).sum())
    day = (slots[1:] - slots[0]) // DAY
    counted, modelled = (np.bincount(day, jobs) for jobs in (terminated, expected))
    days = modelled > 0
    scatter = float((np.square(counted[days] - modelled[days]) / modelled[days]).sum()) / max(int(days.sum()) - 2, 1)
    return ratio > SURE * max(scatter, 1.0)
