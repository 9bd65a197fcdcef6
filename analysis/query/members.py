"""The series of a group: what each tells, and what is to be said of them together."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias

import numpy as np

from analysis.arrays import Floats, Ints
from analysis.notes import TOO_SHORT, mark
from analysis.query.request import Request
from analysis.queue.conservation import flows_of
from analysis.queue.told import Told
from analysis.record.series import Series

ODD_NOTES: Final = {
    "fell": (
        mark("note", "1 slot left out: the counts fell and came back ({first})"),
        mark("note", "{slots:,} slots left out: the counts fell and came back (first {first}, last {last})"),
    ),
    "rose": (
        mark("note", "1 slot left out: the counts rose and came back ({first})"),
        mark("note", "{slots:,} slots left out: the counts rose and came back (first {first}, last {last})"),
    ),
    "open": (
        mark("note", "1 slot left out: whether the counts came back is not known ({first})"),
        mark(
            "note", "{slots:,} slots left out: whether the counts came back is not known (first {first}, last {last})"
        ),
    ),
}
"""By the kind of odd slots: of one, and of several."""


@dataclass(frozen=True)
class Member:
    """One series of a group."""

    name: str
    pool: str
    logical: bool
    """Whether its pool is a part of another one."""
    observed: Ints
    polled_every: Ints
    """The slots at which its pool was observed, and the poll interval in force at each, in seconds."""
    slots: Ints
    """Those at which its counts are known."""
    intervals: Ints
    """The poll interval in force at each of these."""
    hidden: Ints
    """The slots at which jobs were in statuses that no document names."""
    known_until: float
    """The last slot at which its counts are known, where it ends with jobs in undocumented statuses; else infinite."""
    kept: str
    history: str
    bounded: bool
    """Whether its counts bound what came from above."""
    notes: tuple[str, ...]
    told: Told | None
    """None where it is too short to tell anything."""


Label: TypeAlias = tuple[str | None, ...]
"""Project, pool, display name and type of a group; None for what is summed over."""


def label_of(series: Series, request: Request) -> Label:
    """Return which group a series is of."""
    pool = (series.pool.project, series.pool.pool, series.pool.name) if "pool" in request.by else (None, None, None)
    return (*pool, series.type if "type" in request.by else None)


def member_of(whole: Series, request: Request, needs: Collection[str]) -> Member:
    """Return a series with what it tells; `needs` is what of `Told` will be asked for."""
    series = whole.known()
    pool = series.pool
    seen = (
        f"{pool.name or pool.pool} {series.type}",
        pool.name or pool.pool,
        pool.logical,
        whole.slots,
        whole.intervals,
        series.slots,
        series.intervals,
        whole.hidden,
        _known_until(whole, series),
    )
    said = tuple(_of_answers(series))
    if len(series.slots) < 2:
        return Member(*seen, "silent", "silent", True, (TOO_SHORT, *said), None)
    flows = flows_of(series, request.queue)
    classes = flows.classes
    told = Told(flows, request.order_of(series.pool), needs)
    return Member(*seen, classes.name, classes.history, flows.bounded, (*flows.notes, *said), told)


def _known_until(whole: Series, known: Series) -> float:
    if not whole.undocumented:
        return np.inf
    last = known.slots[-1] if len(known.slots) else whole.slots[0]
    return float(last) if last < whole.slots[-1] else np.inf


def _of_answers(series: Series) -> Iterator[str]:
    """Return what is to be said of the answers that a series of known slots was read from."""
    for label, slot in series.undocumented:
        text = mark("note", "jobs are in status {label}, which no document names, since {instant}: slots left out")
        yield text.format(label=label, instant=_instant(slot))
    for name, slot in series.former:
        yield mark("note", "called {type} until {instant}").format(type=name, instant=_instant(slot))
    for kind, slots in series.odd_slots.items():
        if len(slots):
            first, last = _instant(slots[0]), _instant(slots[-1])
            yield ODD_NOTES[kind][len(slots) > 1].format(slots=len(slots), first=first, last=last)


def _instant(seconds: int) -> str:
    return f"{datetime.fromtimestamp(int(seconds), UTC):%Y-%m-%d %H:%MZ}"


def interval_at(members: Sequence[Member], instants: Floats) -> Ints:
    """Return the poll interval in force at each instant, the longest of the series'."""
    longest = np.zeros(len(instants), np.int64)
    for member in members:
        if len(member.observed):
            last = np.searchsorted(member.observed, instants, side="right") - 1
            longest = np.maximum(longest, member.polled_every[np.maximum(last, 0)])
    return longest


def without_parts(members: Sequence[Member]) -> tuple[Sequence[Member], str]:
    """Leave out of a sum the pools that are a part of another one, which may count their jobs too, and say so."""
    parts = {member.pool for member in members if member.logical}
    others = [member for member in members if not member.logical]
    if not (parts and others):
        return members, ""
    text = mark("note", "the sum lacks logical pools, whose parents may count their jobs too: {names}")
    return others, text.format(names=", ".join(sorted(parts)))


def notes_of(members: Sequence[Member]) -> list[str]:
    """Return what is to be said of the series; of several, whose it is."""
    if len(members) == 1:
        return list(members[0].notes)
    by_note: dict[str, list[str]] = {}
    for member in members:
        for note in member.notes:
            by_note.setdefault(note, []).append(member.name)
    whose = mark("note", "{note} ({names})")
    return [whose.format(note=note, names=", ".join(names)) for note, names in by_note.items()]
