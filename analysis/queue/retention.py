"""The retention: how long the API keeps finished jobs, found from their counts; and the number of jobs that ended.

In the class rolling the count of a terminal status is E(t) = N(t) - N(t - R), where N is the number of jobs that ended
until t, and R the retention. With R known, N(t) = E(t) + N(t - R) gives N slot by slot. Of the time before the record
two facts are known: how many jobs ended in the last R of it, and that no number of ends is negative.

A record may go early: its job ended at s, and at r < s + R the record is deleted, or its job is restarted. Then the
equation counts one job less from r to s + R, and again after each retention: N(t) = E(t) + N(t - R) + W(t), where W(t)
are the jobs that ended in (t - R, t] and whose records are gone. So W is never negative, and unrolled, N(b) - N(a) is
what the equation gives, plus at most the records that go early, and minus at most as many, in (a, b] and in the same
interval any number of retentions before. A record that goes shows as a negative number of ends, once: a fall that was
there one retention before is a repetition.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np

from analysis.arrays import Floats, Ints
from analysis.calendar import HOUR
from analysis.compiled import compiled
from analysis.estimate import Estimate

USUAL: Final = tuple(
    HOUR * hours for hours in (1, 2, 3, 6, 12, 24, 48, 72, 96, 120, 168, 240, 336, 360, 720, 1440, 2160)
)
"""Retentions that services and people choose; they are tried in addition to the delays at which falls follow rises. The
right retention is found in 74 of 100 simulated rolling series, with and without this list: tests/benchmarks/classes.py.
"""
UNEXPLAINED: Final = 0.05
"""The largest share of the falls that a retention may leave unexplained. The right retention is found in 79 of 100
simulated rolling series; in 74 at 0, 76 at 0.02, 79 at 0.08: tests/benchmarks/classes.py."""
ECHO: Final = 0.25
"""The smallest echo of a retention: half of the 1/2 that is expected. The right retention is found in 74 of 100
simulated rolling series, and a wrong one in 0.2 % of all 600 series; at 0.125 in 77 and 0.5 %, at 0.5 in 40 and 0.2 %:
tests/benchmarks/classes.py."""
FEWEST_ECHOES: Final = 4
"""The fewest falls that follow rises; among thousands of delays, a few do so by chance. A wrong retention is found in
0.2 % of 600 simulated series, and the right one in 74 of 100 rolling series; at 1 in 1.0 % and 74, at 16 in 0.2 % and
64: tests/benchmarks/classes.py."""


def find_retention(slots: Ints, counts: list[Ints], steps: Iterable[int]) -> int | None:
    """Return the retention, in seconds, that explains the falls of terminal counts; None if no retention does.

    Parameters
    ----------
    slots
        n, in seconds.
    counts
        n jobs for each status that is taken to roll.
    steps
        Distances of slots in stretches of the record, in seconds. They are tried in turn until a retention is found: at
        one step only pairs of slots at this distance are used, and stretches with closer slots have such pairs too.
    """
    total: Ints = np.sum(counts, axis=0)
    for step in steps:
        changes = _on_grid(slots, total, step)
        echoes = {delay: _echo(changes, delay) for delay in _candidates(changes, step)}
        likely = (delay for delay, echo in echoes.items() if echo >= ECHO)
        for delay in sorted(likely, key=lambda delay: -echoes[delay]):
            if explains(slots, total, delay * step):
                return delay * step
    return None


def _on_grid(slots: Ints, total: Ints, step: int) -> Floats:
    """Return the change of a count in each step, on the grid that holds most slots; NaN beside a missing slot."""
    phases, times = np.unique(slots % step, return_counts=True)
    on = slots % step == phases[times.argmax()]
    grid = slots[on] // step
    changes = np.full(int(grid[-1] - grid[0]) + 1, np.nan)
    whole = np.diff(grid) == 1
    changes[(grid[1:] - grid[:1])[whole]] = np.diff(total[on])[whole]
    return changes


def _candidates(changes: Floats, step: int) -> set[int]:
    """Return the usual retentions, and the five delays at which falls follow rises most often, in steps."""
    size = len(changes)
    rises, falls = np.maximum(np.nan_to_num(changes), 0), np.maximum(-np.nan_to_num(changes), 0)
    length = 1 << (2 * size - 1).bit_length()
    together = np.fft.irfft(np.fft.rfft(falls, length) * np.conj(np.fft.rfft(rises, length)), length)[1:size]
    likely = {int(delay) + 1 for delay in np.argsort(together)[-5:]}
    return likely | {retention // step for retention in USUAL if retention % step == 0 and retention // step < size}


def _echo(changes: Floats, delay: int) -> float:
    """Return the correlation of the changes of a count with those a delay before, with its sign reversed: at most 1.

    A job that ends leaves the count one retention later. Changes of N(t) - N(t - R) that lie R apart have a correlation
    of -1/2 if numbers of ends are independent, however large they are; those any other time apart have 0.
    """
    before, after = changes[:-delay], changes[delay:]
    known = ~np.isnan(before) & ~np.isnan(after)
    before, after = before[known], after[known]
    if ((before > 0) & (after < 0)).sum() < FEWEST_ECHOES:
        return 0.0
    return float(-(before @ after) / np.sqrt((before @ before) * (after @ after)))


def explains(slots: Ints, total: Ints, retention: int) -> bool:
    """Return whether the falls of a count after the first retention are explained by jobs that ended before."""
    later = slots[1:] > slots[0] + retention
    falls = np.maximum(-np.diff(total), 0)[later].sum()
    if not falls:
        return False
    ended = ended_since(slots, total, retention, later_too=False)
    # Ends that would have to be negative, whenever within a gap its jobs ended.
    back = np.maximum(ended.low[:-1] - ended.high[1:], 0)
    if not back.any():
        return True
    # A record that goes early makes the same fall after each retention: it counts once.
    until = np.concatenate([[0.0], np.cumsum(back)])
    repeated = np.diff(np.interp(slots - retention, slots, until))
    return bool(np.maximum(back - repeated, 0)[later].sum() <= UNEXPLAINED * falls)


def ended_since(slots: Ints, count: Ints, retention: int, *, later_too: bool = True) -> Estimate:
    """Return the jobs that ended since the first slot in one status that rolls, at each slot.

    Parameters
    ----------
    slots, count
        n slots, in seconds, and the jobs at each.
    retention
        In seconds.
    later_too
        Whether slots after the first retention are used too, to find when jobs of the time before the record ended.
    """
    first = slots <= slots[0] + retention
    n = int(first.sum())
    old = int(count[0])
    # Jobs that ended before the record leave the count in the first retention: at least as many as it falls by.
    expired = _least_expired(slots, count, retention, n, later_too=later_too)[0]
    known = min(float(expired.sum()), float(old))
    least, most = np.cumsum(expired), old - (expired.sum() - np.cumsum(expired))
    passed = (slots[1:n] - slots[0]) / retention
    ended = Estimate(*np.empty((3, len(slots))))
    # The fewer of these jobs have left the count, the fewer jobs ended since.
    left = (old - least - (old - known) * passed, old - least, old - most)
    for values, still_counted in zip(ended, left, strict=True):
        values[0] = 0
        values[1:n] = count[1:n] - np.clip(still_counted, 0, old)
    _follow(slots, count, retention, n, ended)
    return ended


@compiled
def _follow(slots: Ints, count: Ints, retention: int, n: int, ended: Estimate) -> None:
    """Fill in the jobs that ended, for the slots after the first retention: N(t) = E(t) + N(t - R).

    Without a slot at t - R, N(t - R) is bounded by the slots on both sides, and its point is interpolated.
    """
    point, low, high = ended
    before = 0
    for slot in range(n, len(slots)):
        instant = slots[slot] - retention
        while slots[before + 1] <= instant:
            before += 1
        after = before if slots[before] == instant else before + 1
        share = (instant - slots[before]) / (slots[after] - slots[before]) if after > before else 0.0
        point[slot] = count[slot] + point[before] + share * (point[after] - point[before])
        low[slot] = count[slot] + low[before]
        high[slot] = count[slot] + high[after]


def removed(slots: Ints, count: Ints, retention: int) -> Ints:
    """Return the records that left before the retention, as far as they show, in each of n - 1 intervals.

    Falls are such records only if more jobs than the count had at first would have ended before the record; else the
    falls may be of jobs that ended before it.
    """
    n = int((slots <= slots[0] + retention).sum())
    expired, falls = _least_expired(slots, count, retention, n, later_too=True)
    early = np.zeros(len(slots) - 1, np.int64)
    excess = int(expired.sum()) - int(count[0])
    if excess <= 0:
        return early
    for places, jobs in falls:
        early[places] += jobs.astype(np.int64)
    # Those beyond the falls of later retentions are among the falls of the first.
    first = np.maximum(-np.diff(count[:n]), 0)
    early[: n - 1] += np.diff(np.minimum(np.cumsum(first), max(excess - int(early.sum()), 0)), prepend=0)
    return early


def _least_expired(
    slots: Ints, count: Ints, retention: int, n: int, *, later_too: bool
) -> tuple[Floats, list[tuple[Ints, Floats]]]:
    """Return the fewest jobs from before the record that left the count, in each interval of the first retention.

    The number of ends is never negative: not in this interval, and not in the intervals any number of retentions later.

    Returns
    -------
    tuple
        The jobs in each interval; and for each later retention the intervals that added to them, with the jobs added.
    """
    begins, ends = slots[: n - 1], slots[1:n]
    change = np.diff(count[:n]).astype(float)
    least: Floats = np.maximum(0.0, -change)
    sound = np.ones(n - 1, np.bool_)
    falls = []
    turn = 1
    while later_too and slots[0] + turn * retention < slots[-1]:
        places = []
        for instants in (begins, ends):
            place = np.minimum(np.searchsorted(slots, instants + turn * retention), len(slots) - 1)
            sound &= slots[place] == instants + turn * retention
            places.append(place)
        change += np.where(sound, count[places[1]] - count[places[0]], 0)
        more = np.where(sound, np.maximum(-change - least, 0), 0)
        falls.append((places[0][more > 0], more[more > 0]))
        least = least + more
        turn += 1
    return least, falls
