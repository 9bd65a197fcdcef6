"""How long the API keeps finished jobs, found from their counts, and what ended in truth.

Under a rolling history the count of a terminal status is E(t) = N(t) - N(t - R), where N is what ended until t and R
the retention. With R known, N(t) = E(t) + N(t - R) gives all of it, step by step; before the record only how many had
ended in the R before it is known, and that no number of ends is ever negative.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numba
import numpy as np

from analysis.arrays import Floats, Ints
from analysis.windows import HOUR

# What services and people choose; other retentions are found by the falls that follow rises.
USUAL: Final = tuple(
    HOUR * hours for hours in (1, 2, 3, 6, 12, 24, 48, 72, 96, 120, 168, 240, 336, 360, 720, 1440, 2160)
)
# The largest share of the falls that a retention may leave unexplained.
UNEXPLAINED: Final = 0.02
# Half of what is expected of the retention; by chance a few falls follow rises at one of thousands of delays.
ECHO: Final = 0.25
FEWEST_ECHOES: Final = 4


@dataclass(frozen=True)
class Ends:
    """What ended until each slot, counted from the first slot on: a point with its bounds."""

    point: Floats
    low: Floats
    high: Floats


def find_retention(slots: Ints, counts: list[Ints], steps: Iterable[int]) -> int | None:
    """Return the retention, in seconds, that explains the falls of terminal counts; None where none does.

    Parameters
    ----------
    slots
        Seconds.
    counts
        Of each status that is thought to roll.
    steps
        How far apart slots are in stretches of the record, in seconds. The first by which a retention is found counts:
        what lies further apart than a step is not seen by it, and what is closer together is.
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
    """Return the change of a count in each step between where most slots are; NaN where one of the two is not there."""
    phases, times = np.unique(slots % step, return_counts=True)
    on = slots % step == phases[times.argmax()]
    grid = slots[on] // step
    changes = np.full(int(grid[-1] - grid[0]) + 1, np.nan)
    whole = np.diff(grid) == 1
    changes[(grid[1:] - grid[:1])[whole]] = np.diff(total[on])[whole]
    return changes


def _candidates(changes: Floats, step: int) -> set[int]:
    """Return the usual retentions, and the delays at which falls follow rises most often, in steps."""
    size = len(changes)
    rises, falls = np.maximum(np.nan_to_num(changes), 0), np.maximum(-np.nan_to_num(changes), 0)
    length = 1 << (2 * size - 1).bit_length()
    together = np.fft.irfft(np.fft.rfft(falls, length) * np.conj(np.fft.rfft(rises, length)), length)[1:size]
    found = {int(delay) + 1 for delay in np.argsort(together)[-5:]}
    return found | {retention // step for retention in USUAL if retention % step == 0 and retention // step < size}


def _echo(changes: Floats, delay: int) -> float:
    """Return how alike the changes of a count are to those a delay before with the sign turned: at most 1.

    What ends goes out of sight a retention later. Of changes N(t) - N(t - R), each N on its own, those R apart have a
    correlation of -1/2 however many ends there are, and those any other time apart of 0.
    """
    before, after = changes[:-delay], changes[delay:]
    known = ~np.isnan(before) & ~np.isnan(after)
    before, after = before[known], after[known]
    if ((before > 0) & (after < 0)).sum() < FEWEST_ECHOES:
        return 0.0
    return float(-(before @ after) / np.sqrt((before @ before) * (after @ after)))


def explains(slots: Ints, total: Ints, retention: int) -> bool:
    """Tell whether the falls of a count, after the first retention, follow from what ended before."""
    later = slots[1:] > slots[0] + retention
    falls = np.maximum(-np.diff(total), 0)[later].sum()
    if not falls:
        return False
    ended = ended_since(slots, total, retention, later_too=False)
    # What would have to have un-ended, wherever the ends of a gap were in it.
    back = np.maximum(ended.low[:-1] - ended.high[1:], 0)
    return bool(back[later].sum() <= UNEXPLAINED * falls)


def ended_since(slots: Ints, count: Ints, retention: int, *, later_too: bool = True) -> Ends:
    """Return what ended since the first slot, of one status that rolls.

    Parameters
    ----------
    slots, count
        Of n slots, in seconds and jobs.
    retention
        In seconds.
    later_too
        Whether what later slots say is used to place what had ended before the record.
    """
    first = slots <= slots[0] + retention
    n = int(first.sum())
    old = int(count[0])
    # When those that had ended before the record went out of sight: at least as many as the counts fell by.
    gone = _least_gone(slots, count, retention, n, later_too=later_too)
    known = min(float(gone.sum()), float(old))
    least, most = np.cumsum(gone), old - (gone.sum() - np.cumsum(gone))
    passed = (slots[1:n] - slots[0]) / retention
    point = np.empty(len(slots))
    low, high = point.copy(), point.copy()
    for ends, left in (
        (point, old - least - (old - known) * passed),
        (low, old - least),
        (high, old - most),
    ):
        ends[0] = 0
        ends[1:n] = count[1:n] - np.clip(left, 0, old)
    _follow(slots, count, retention, n, point, low, high)
    return Ends(point, low, high)


@numba.njit(cache=True, nogil=True)
def _follow(slots: Ints, count: Ints, retention: int, n: int, point: Floats, low: Floats, high: Floats) -> None:
    """Fill in what ended after the first retention, slot by slot: what is counted now, and what had ended by then.

    Where there is no slot one retention before, it lies between those beside it: the point in proportion.
    """
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


def _least_gone(slots: Ints, count: Ints, retention: int, n: int, *, later_too: bool) -> Floats:
    """Return for each interval of the first retention how many, at least, of what ended before went out of sight.

    Ends are never negative: neither in this interval nor, one or more retentions later, in the one that follows it.
    """
    begins, ends = slots[: n - 1], slots[1:n]
    change = np.diff(count[:n]).astype(float)
    least: Floats = np.maximum(0.0, -change)
    sound = np.ones(n - 1, np.bool_)
    turn = 1
    while later_too and slots[0] + turn * retention < slots[-1]:
        there = []
        for instants in (begins, ends):
            place = np.minimum(np.searchsorted(slots, instants + turn * retention), len(slots) - 1)
            sound &= slots[place] == instants + turn * retention
            there.append(count[place])
        change += np.where(sound, there[1] - there[0], 0)
        least = np.where(sound, np.maximum(least, -change), least)
        turn += 1
    return least
