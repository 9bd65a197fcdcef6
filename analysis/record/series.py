"""One series: the counts of one job type of one pool over the slots in which the pool was observed."""

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
"""Stands for a count that an answer left out and that does not follow from the answer's totals."""


@dataclass(frozen=True)
class Pool:
    """A pool, and the slots in which it was observed."""

    project: str
    pool: str
    name: str | None
    """The latest display name; None if discovery has not listed the pool."""
    queue_policy: str | None
    slots: Ints
    """Seconds since 1970, UTC, rising."""
    intervals: Ints
    """The poll interval in force at each slot, in seconds."""
    totals: Ints
    """The jobs of all types at each slot."""
    nodes: tuple[tuple[int, dict[str, int]], ...] = ()
    """Slots, in seconds, rising, each with the nodes by flavor from then on; empty if discovery has not listed any."""
    logical: bool = False
    """Whether the pool is a part of another pool, its parent. No document says whether the parent counts its jobs too.
    """
    asked_until: int = 0
    """The last slot in which the pool was polled, with or without an answer, in seconds since 1970."""


@dataclass(frozen=True)
class Series:
    """The counts of one job type of one pool over the slots in which the pool was observed."""

    pool: Pool
    type: str
    slots: Ints
    """Seconds since 1970, UTC, rising."""
    intervals: Ints
    """The poll interval in force at each slot, in seconds."""
    counts: dict[str, Ints]
    """For each of `COUNTS` the jobs at each slot; `UNKNOWN` where the answer did not state them."""
    hidden: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    """The slots at which jobs were in undocumented statuses."""
    undocumented: tuple[tuple[str, int], ...] = ()
    """The undocumented labels with jobs, each with the first slot that has it, in seconds."""
    odd: tuple[Run, ...] = ()
    """Runs of slots whose counts are not to be trusted."""
    former: tuple[tuple[str, int], ...] = ()
    """The former names of the type, each with the slot of its change to the next name."""
    doubt: Mapping[str, Ints] = field(default_factory=dict)
    """For ``active`` and each terminal status: the rises of its count, in jobs, summed over the odd slots between each
    slot and the slot before. Only odd slots whose counts may still be right add to it. Empty if there are none."""
    odd_slots: Mapping[str, Ints] = field(default_factory=dict)
    """In a series of known slots: the odd slots that were left out, by the kind of their run, each once."""

    @property
    def key(self) -> tuple[str, str, str]:
        """Project, pool and type."""
        return self.pool.project, self.pool.pool, self.type

    def stated(self) -> slice | Bools:
        """Return the slots, odd ones too, whose answers state every count and no job in an undocumented status."""
        if not len(self.hidden) and all(count.min(initial=0) > UNKNOWN for count in self.counts.values()):
            return slice(None)
        known: Bools = np.all([count != UNKNOWN for count in self.counts.values()], axis=0)
        return known & ~np.isin(self.slots, self.hidden)

    def within(self, since: int, until: int) -> "Series":
        """Return the slots of the series from one instant to another, both included, in seconds since 1970."""
        span = slice(*np.searchsorted(self.slots, [since, until + 1]))
        inside = self.at(span)
        # A poll after the span does not show that answers are missing in it, nor does a last part of an interval.
        if until < self.pool.asked_until and len(inside.intervals):
            until -= until % int(inside.intervals[-1])
        return replace(inside, pool=replace(self.pool, asked_until=min(self.pool.asked_until, until)))

    def known(self) -> "Series":
        """Return the series at the slots at which every count is known: stated, and not odd."""
        stated = self.stated()
        if not self.odd:
            return self if isinstance(stated, slice) else self.at(stated)
        with_odd = self.at(stated)
        known = with_odd.at(~with_odd.in_runs(self.odd))
        return replace(known, doubt=with_odd.rises(known.slots), odd_slots=self.odd_by_kind())

    def in_runs(self, runs: Iterable[Run]) -> Bools:
        """Return for each slot whether it lies in one of these stretches of odd slots."""
        inside = np.zeros(len(self.slots), np.bool_)
        for run in runs:
            inside |= (self.slots >= run.first) & (self.slots <= run.last)
        return inside

    def odd_by_kind(self) -> dict[str, Ints]:
        """Return the odd slots by the kind of their run, each once."""
        counted, slots = np.zeros(len(self.slots), np.bool_), {}
        for kind in ODD:
            odd = self.in_runs(run for run in self.odd if run.kind == kind) & ~counted
            slots[kind] = self.slots[odd]
            counted |= odd
        return slots

    def rises(self, known: Ints) -> dict[str, Ints]:
        """Return by how many jobs each count rose in the uncertain odd slots before each known slot, see `doubt`."""
        uncertain = self.in_runs(run for run in self.odd if not run.certain)
        # The steps to a slot in doubt, and the step from the last slot in doubt.
        steps = np.flatnonzero(uncertain[1:] | uncertain[:-1]) + 1
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
        """Return the jobs in doubt until each slot: the running sum of `doubt` over the named statuses, or over all."""
        rises = [rises for name, rises in self.doubt.items() if name in names or not names]
        return np.cumsum(np.sum(rises, axis=0)) if rises else np.zeros(len(self.slots), np.int64)

    def at(self, chosen: slice | Bools) -> "Series":
        """Return the series at the chosen slots."""
        counts = {name: count[chosen] for name, count in self.counts.items()}
        return replace(self, slots=self.slots[chosen], intervals=self.intervals[chosen], counts=counts)


def read_counts(pool: Pool, slots: Ints, rows: dict[str, Ints], other: Ints, listed: Ints) -> dict[str, Ints]:
    """Fill in the counts that answers left out, where they follow from the totals.

    A type that was not listed has no jobs where the answer's outer total is the sum of the listed types. A status that
    was not named is zero where the item's total is the sum of the named statuses. All other counts stay unknown and
    never become zero.

    Parameters
    ----------
    pool
        The pool, with the n slots in which it was observed.
    slots
        The slots of the m rows of one type, which are slots of the pool.
    rows
        For each of `COUNTS` the m counts; `UNKNOWN` where the answer did not state one.
    other
        The jobs of each row in undocumented statuses.
    listed
        At each of the pool's n slots the sum of the totals of the listed types.

    Returns
    -------
    dict
        For each of `COUNTS` n counts; `UNKNOWN` where a count does not follow from the answer.
    """
    if len(slots) == len(pool.slots) and all(count.min(initial=0) >= 0 for count in rows.values()):
        # The type was listed in every slot, and no count was left out.
        return {name: rows[name] for name in COUNTS}
    place = np.searchsorted(pool.slots, slots)
    # Jobs in an undocumented status may belong to any status that was left out.
    agrees = (rows["total"] == sum(np.maximum(rows[status], 0) for status in STATUSES)) & (other == 0)
    empty = listed == pool.totals
    counts = {}
    for name in COUNTS:
        count = np.where(empty, np.int64(0), np.int64(UNKNOWN))
        count[place] = np.where((rows[name] == UNKNOWN) & agrees, 0, rows[name])
        counts[name] = count
    return counts
