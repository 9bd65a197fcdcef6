"""One series: the counts of one job type of one pool over the slots in which all of them are known."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from analysis.arrays import Bools, Ints
from collector.record.odd import ODD, Run
from collector.record.statuses import ENDED, STATUSES

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
    logical: bool = False
    """Whether it is a part of another pool, which may count its jobs too: no document says."""


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
    hidden: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    """The slots at which jobs were in statuses that no document names."""
    undocumented: tuple[tuple[str, int], ...] = ()
    """The labels with jobs that no document names, and since when each is there, in seconds."""
    odd: tuple[Run, ...] = ()
    """Slots whose counts are not to be taken as they stand."""
    former: tuple[tuple[str, int], ...] = ()
    """The names that the type had before, each with the slot from which on it had another one."""
    doubt: Mapping[str, Ints] = field(default_factory=dict)
    """By ``active`` and each terminal status: by how much counts rose between a slot and the one before, where those
    between may be as they stand. Empty where there are none."""
    odd_slots: Mapping[str, Ints] = field(default_factory=dict)
    """Of a series of known slots: those that were left out, by the kind of their run, each once."""

    @property
    def key(self) -> tuple[str, str, str]:
        """Project, pool and type."""
        return self.pool.project, self.pool.pool, self.type

    def said(self) -> slice | Bools:
        """Return where the answers said every count, odd ones too, and no job was in an undocumented status."""
        if not len(self.hidden) and all(count.min(initial=0) > UNKNOWN for count in self.counts.values()):
            return slice(None)
        known: Bools = np.all([count != UNKNOWN for count in self.counts.values()], axis=0)
        return known & ~np.isin(self.slots, self.hidden)

    def within(self, since: int, until: int) -> "Series":
        """Return the slots from an instant to another, both included, in seconds."""
        span = slice(*np.searchsorted(self.slots, [since, until + 1]))
        return self.at(span)

    def known(self) -> "Series":
        """Return the slots at which every count is known: said, and not odd."""
        said = self.said()
        if not self.odd:
            return self if isinstance(said, slice) else self.at(said)
        whole = self.at(said)
        known = whole.at(~whole.left_out(self.odd))
        return replace(known, doubt=whole.rises(known.slots), odd_slots=self.by_kind())

    def left_out(self, runs: Iterable[Run]) -> Bools:
        """Return at which slots counts are odd."""
        odd = np.zeros(len(self.slots), np.bool_)
        for run in runs:
            odd |= (self.slots >= run.first) & (self.slots <= run.last)
        return odd

    def by_kind(self) -> dict[str, Ints]:
        """Return the odd slots by the kind of their run, each once."""
        counted, slots = np.zeros(len(self.slots), np.bool_), {}
        for kind in ODD:
            odd = self.left_out(run for run in self.odd if run.kind == kind) & ~counted
            slots[kind] = self.slots[odd]
            counted |= odd
        return slots

    def rises(self, known: Ints) -> dict[str, Ints]:
        """Return by how much counts rose, as they stand, until each of the known slots since the one before."""
        unsure = self.left_out(run for run in self.odd if not run.certain)
        # Steps to a slot that is in doubt, and the one from the last of these.
        steps = np.flatnonzero(unsure[1:] | unsure[:-1]) + 1
        places = np.searchsorted(known, self.slots[steps])
        steps, places = steps[places < len(known)], places[places < len(known)]
        if not len(steps):
            return {}
        ended = {status: self.counts[status] for status in ENDED}
        active = self.counts["total"] - np.sum(list(ended.values()), axis=0)
        rises = {}
        for name, count in {"active": active, **ended}.items():
            rises[name] = np.zeros(len(known), np.int64)
            np.add.at(rises[name], places, np.maximum(np.diff(count)[steps - 1], 0))
        return rises

    def besides(self, *names: str) -> Ints:
        """Return the sum of what is in doubt until each slot, of `doubt` all or those named."""
        rises = [rises for name, rises in self.doubt.items() if name in names or not names]
        return np.cumsum(np.sum(rises, axis=0)) if rises else np.zeros(len(self.slots), np.int64)

    def at(self, chosen: slice | Bools) -> "Series":
        """Return some of the slots."""
        counts = {name: count[chosen] for name, count in self.counts.items()}
        return replace(self, slots=self.slots[chosen], intervals=self.intervals[chosen], counts=counts)


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
    # Jobs in a status that no document names may be in any of those that were left out.
    agrees = (rows["total"] == sum(np.maximum(rows[status], 0) for status in STATUSES)) & (other == 0)
    empty = listed == pool.totals
    counts = {}
    for name in COUNTS:
        count = np.where(empty, np.int64(0), np.int64(UNKNOWN))
        count[place] = np.where((rows[name] == UNKNOWN) & agrees, 0, rows[name])
        counts[name] = count
    return counts
