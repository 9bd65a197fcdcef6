"""The members of a group: its series, each with its facts and notes, and the notes on all of them together."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from analysis.arrays import Floats, Ints
from analysis.notes import NOTHING, TOO_SHORT, Instant, Names, Note, Notes, joined, note
from analysis.query.request import Request
from analysis.queue.conservation import flows_of
from analysis.queue.facts import Facts, facts_of
from analysis.record.series import Series


@dataclass(frozen=True)
class Member:
    """One series of a group."""

    name: str
    pool: str
    logical: bool
    """Whether its pool is a part of another pool."""
    observed: Ints
    polled_every: Ints
    """The slots at which its pool was observed, and the poll interval in force at each, in seconds."""
    slots: Ints
    """The slots at which its counts are known."""
    intervals: Ints
    """The poll interval in force at each of these slots, in seconds."""
    hidden: Ints
    """The slots at which jobs were in undocumented statuses."""
    known_until: float
    """The last slot at which its counts are known, where it ends with jobs in undocumented statuses; else infinite."""
    asked_until: int
    """The last slot in which its pool was polled, with or without an answer, in seconds."""
    retention_class: str
    """How the API keeps its finished jobs: a name of `counters.WORST_LAST`."""
    retention: Note
    """The same as a note, with the time for which they are kept."""
    bounded: bool
    """Whether its counts bound arrivals from above."""
    notes: Notes
    facts: Facts | None
    """None where it has fewer than two slots with known counts."""


Label: TypeAlias = tuple[str | None, ...]
"""Project, pool, display name and type of a group; None for each of these that the group sums over."""


def label_of(series: Series, request: Request) -> Label:
    """Return the label of the group that a series belongs to."""
    pool = (series.pool.project, series.pool.pool, series.pool.name) if "pool" in request.by else (None, None, None)
    return (*pool, series.type if "type" in request.by else None)


def member_of(whole: Series, request: Request, needs: Collection[type]) -> Member:
    """Return a series as a member of its group; `needs` are the types of the facts that are computed."""
    series = whole.known()
    pool = series.pool
    observed = (
        f"{pool.name or pool.pool} {series.type}",
        pool.name or pool.pool,
        pool.logical,
        whole.slots,
        whole.intervals,
        series.slots,
        series.intervals,
        whole.hidden,
        _known_until(whole, series),
        max(pool.asked_until, *whole.slots[-1:]),
    )
    notes = joined(*_of_answers(series))
    if len(series.slots) < 2:
        return Member(*observed, "silent", note("unknown"), True, joined(TOO_SHORT, notes), None)
    flows = flows_of(series, request.queue, preempts=request.preempts(series.pool))
    classes = flows.classes
    facts = facts_of(flows, request.order_of(series.pool), needs)
    return Member(*observed, classes.name, classes.described, flows.bounded, joined(flows.notes, notes), facts)


def _known_until(whole: Series, known: Series) -> float:
    if not whole.undocumented:
        return np.inf
    last = known.slots[-1] if len(known.slots) else whole.slots[0]
    return float(last) if last < whole.slots[-1] else np.inf


def asked_in_vain(member: Member) -> bool:
    """Return whether the pool of a member was polled after its last slot, and gave no good answer."""
    return bool(len(member.observed)) and member.asked_until > member.observed[-1]


def _of_answers(series: Series) -> Iterator[Note]:
    """Yield notes on the answers that a series of known slots was read from."""
    for label, slot in series.undocumented:
        yield note(
            "since {instant} jobs have status {label}, which the API's documents do not name: these slots are left out",
            label=label,
            instant=Instant(slot),
        )
    for name, slot in series.former:
        yield note("the type was called {type} until {instant}", type=name, instant=Instant(slot))
    for kind, slots in series.odd_slots.items():
        if len(slots):
            yield _of_odd(kind, slots)


def _of_odd(kind: str, slots: Ints) -> Note:
    """Return a note on the odd slots of one kind, worded for one slot or for several."""
    first, last, n = Instant(int(slots[0])), Instant(int(slots[-1])), len(slots)
    if n == 1:
        return {
            "fell": note("1 slot left out: the counts fell and came back ({first})", first=first),
            "rose": note("1 slot left out: the counts rose and came back ({first})", first=first),
            "open": note("1 slot left out: whether the counts came back is not known ({first})", first=first),
        }[kind]
    several = {
        "fell": note("{slots:,} slots left out: the counts fell and came back (first {first}, last {last})"),
        "rose": note("{slots:,} slots left out: the counts rose and came back (first {first}, last {last})"),
        "open": note(
            "{slots:,} slots left out: whether the counts came back is not known (first {first}, last {last})"
        ),
    }
    return replace(several[kind], fields=(("slots", n), ("first", first), ("last", last)))


def interval_at(members: Sequence[Member], instants: Floats) -> Ints:
    """Return the poll interval in force at each instant, in seconds: the longest of all series."""
    longest = np.zeros(len(instants), np.int64)
    for member in members:
        if len(member.observed):
            last = np.searchsorted(member.observed, instants, side="right") - 1
            longest = np.maximum(longest, member.polled_every[np.maximum(last, 0)])
    return longest


def without_parts(members: Sequence[Member]) -> tuple[Sequence[Member], Notes]:
    """Return the members without those of pools that are a part of another pool, and a note that names these pools.

    The other pool may count their jobs too. Where all pools are such parts, all members are returned.
    """
    parts = {member.pool for member in members if member.logical}
    others = [member for member in members if not member.logical]
    if not (parts and others):
        return members, NOTHING
    names = Names(tuple(sorted(parts)))
    left_out = note("the sum leaves out logical pools, whose parents may count their jobs too: {names}", names=names)
    return others, joined(left_out)


def notes_of(members: Sequence[Member]) -> Notes:
    """Return the notes of all members; if there are several, each note with the names of its series."""
    if len(members) == 1:
        return members[0].notes
    by_note: dict[Note, list[str]] = {}
    for member in members:
        for own in member.notes:
            by_note.setdefault(own, []).append(member.name)
    return joined(*(note("{note} ({names})", note=own, names=Names(tuple(names))) for own, names in by_note.items()))
