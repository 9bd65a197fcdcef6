"""One series: the counts of one job type of one pool over the slots in which all of them are known."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.arrays import Ints
from collector.record.statuses import STATUSES

COUNTS: Final = ("total", *STATUSES)
KEY: Final = ("project", "pool", "type")
UNKNOWN: Final = -1


@dataclass(frozen=True)
class Pool:
    """A pool, and the slots in which it was observed."""

    project: str
    pool: str
    name: str | None
    """The display name that it has now; None where discovery has not told."""
    queue_policy: str | None
    slots: Ints
    """Seconds since 1970, UTC, rising."""
    intervals: Ints
    """The poll interval in force at each, in seconds."""
    totals: Ints
    """The jobs of all types at each."""
    nodes: tuple[tuple[int, dict[str, int]], ...] = ()
    """How many nodes of each flavor it had from when on, in seconds, rising; empty where discovery has not told."""


@dataclass(frozen=True)
class Series:
    """The counts of one job type of one pool over the slots in which the pool was observed."""

    pool: Pool
    type: str
    slots: Ints
    """Seconds since 1970, UTC, rising."""
    intervals: Ints
    """The poll interval in force at each, in seconds."""
    counts: dict[str, Ints]
    """Of each of `COUNTS`: jobs at each slot, `UNKNOWN` where that was not said."""

    @property
    def key(self) -> tuple[str, str, str]:
        """Project, pool and type."""
        return self.pool.project, self.pool.pool, self.type

    def known(self) -> "Series":
        """Return the slots at which every count is known."""
        if all(count.min(initial=0) > UNKNOWN for count in self.counts.values()):
            return self
        known = np.all([count != UNKNOWN for count in self.counts.values()], axis=0)
        counts = {name: count[known] for name, count in self.counts.items()}
        return Series(self.pool, self.type, self.slots[known], self.intervals[known], counts)


def read_counts(pool: Pool, slots: Ints, rows: dict[str, Ints], other: Ints, listed: Ints) -> dict[str, Ints]:
    """Read what answers left out: the one rule.

    A type that was not listed has no jobs where the answer's outer total is the sum of those listed. A status that was
    not named is zero where the item's total is the sum of those named. Everything else stays unknown; no zero is made
    of it.

    Parameters
    ----------
    pool
        With the n slots in which it was observed.
    slots
        Of the rows of one type, each one of the pool's.
    rows
        For each of `COUNTS` the row's count; `UNKNOWN` where it was not said.
    other
        The jobs of each row in statuses that no document names.
    listed
        At each of the pool's n slots the sum of the totals of the types listed.

    Returns
    -------
    dict
        For each of `COUNTS` n counts, `UNKNOWN` where that is what they are.
    """
    if len(slots) == len(pool.slots) and all(count.min(initial=0) >= 0 for count in rows.values()):
        # Listed in every slot, and nothing left out.
        return {name: rows[name] for name in COUNTS}
    place = np.searchsorted(pool.slots, slots)
    agrees = rows["total"] == sum(np.maximum(rows[status], 0) for status in STATUSES) + other
    empty = listed == pool.totals
    counts = {}
    for name in COUNTS:
        count = np.where(empty, np.int64(0), np.int64(UNKNOWN))
        count[place] = np.where((rows[name] == UNKNOWN) & agrees, 0, rows[name])
        counts[name] = count
    return counts
