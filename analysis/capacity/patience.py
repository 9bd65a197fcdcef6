"""Jobs that give up in the queue: how many of the terminated jobs had not started, and the rate at which jobs give up.

A job is terminated while it waits or while it runs, and the counts do not show which. Terminations that vary with the
queue, and not with the running jobs, are taken for jobs that gave up.
"""

from typing import Final

import numpy as np

from analysis.arrays import Floats, Ints
from analysis.calendar import DAY

ROUNDS: Final = 500
"""The largest number of rounds of the maximisation."""
CLOSE: Final = 1e-4
"""The maximisation ends when both rates change by at most this share."""
LEAST_RATIO: Final = 9.5
"""The smallest likelihood ratio, over the overdispersion of days, at which jobs are taken to give up. If no job gives
up, chance exceeds it once in a thousand times (chi-square with one degree of freedom, at the edge of the parameter
space)."""


def give_ups_of(terminated: Ints, waiting_seconds: Floats, busy_seconds: Floats, slots: Ints) -> tuple[float, Ints]:
    """Return the give-ups per second of waiting, and the give-ups among the terminated jobs of each interval (n - 1).

    Terminations are Poisson with one rate per second of waiting and another per second of running, by maximum
    likelihood (expectation and maximisation: Dempster, Laird and Rubin, 1977).

    Parameters
    ----------
    terminated
        n - 1: jobs terminated in each interval.
    waiting_seconds, busy_seconds
        n - 1: job-seconds in the queue, and of busy jobs, in each interval.
    slots
        n, in seconds.
    """
    nobody = np.zeros(len(terminated), np.int64)
    telling = (terminated > 0) & (waiting_seconds + busy_seconds > 0)
    exposure, jobs = np.array([waiting_seconds.sum(), busy_seconds.sum()]), terminated[telling]
    if not waiting_seconds[telling].any():
        return 0.0, nobody
    seconds = np.array([waiting_seconds[telling], busy_seconds[telling]])
    rates = jobs.sum() / exposure.sum() * np.ones(2)
    for _round in range(ROUNDS):
        parts = rates[:, None] * seconds
        fitted = np.divide((parts / parts.sum(axis=0)) @ jobs, exposure, out=np.zeros(2), where=exposure > 0)
        settled = (abs(fitted - rates) <= CLOSE * rates).all()
        rates = fitted
        if settled:
            break
    expected = rates @ np.array([waiting_seconds, busy_seconds])
    without = jobs.sum() / exposure[1] * busy_seconds if exposure[1] else nobody.astype(float)
    if not _fits_better(terminated, expected, without, slots):
        return 0.0, nobody
    share = np.divide(rates[0] * waiting_seconds, expected, out=np.zeros(len(expected)), where=expected > 0)
    give_ups: Ints = np.diff(np.floor(np.cumsum(terminated * share) + 0.5), prepend=0).astype(np.int64)
    return float(rates[0]), give_ups


def _fits_better(terminated: Ints, expected: Floats, without: Floats, slots: Ints) -> bool:
    """Return whether a model in which waiting jobs give up explains the terminations better than a model without."""
    some = terminated > 0
    if (without[some] <= 0).any():
        return True
    ratio = 2 * float((terminated[some] * np.log(expected[some] / without[some])).sum() - (expected - without).sum())
    day = (slots[1:] - slots[0]) // DAY
    counted, modelled = (np.bincount(day, jobs) for jobs in (terminated, expected))
    days = modelled > 0
    scatter = float((np.square(counted[days] - modelled[days]) / modelled[days]).sum()) / max(int(days.sum()) - 2, 1)
    return ratio > LEAST_RATIO * max(scatter, 1.0)
