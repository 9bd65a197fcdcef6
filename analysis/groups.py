"""Series brought together and cut into windows: the rows that every estimate has in common."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import numpy as np
import pandas as pd

from analysis.classes import WORST_LAST
from analysis.errors import RequestRefused
from analysis.flows import Flows, flows_of
from analysis.matching import Whole
from analysis.periods import coverage
from analysis.record import Record
from analysis.request import Request
from analysis.series import Series
from analysis.windows import windows

Made = TypeVar("Made")
Row = dict[str, Any]
LABELS: Final = ("project", "pool", "pool_name", "type", "window_start", "window_end")
TEXTS: Final = ("queue", "order", "history", "method", "note")
TOO_SHORT: Final = "fewer than two slots with known counts"


@dataclass(frozen=True)
class Member(Generic[Made]):
    """One series of a group."""

    name: str
    slots: Whole
    intervals: Whole
    kept: str
    history: str
    notes: tuple[str, ...]
    made: Made | None
    """What was made of it for an estimate; None where it is too short for any."""


def estimates(
    record: Record,
    request: Request,
    make: Callable[[Flows], Made],
    row: Callable[[list[Made], int, int], Row],
    columns: list[str],
) -> pd.DataFrame:
    """Make a frame with a row a group and window.

    Parameters
    ----------
    make
        Makes of one series what the estimate needs; what it holds stays in memory as long as its group.
    row
        Estimates from what was made of a group's series, for a window (start, end] in seconds: `columns` but those
        that are the same for all, with ``note``.

    Raises
    ------
    RecordUnreadable
    RequestRefused
        When nothing is selected.
    """
    rows = []
    interval = 0
    for labels, members in _groups(record, request, make):
        slots = [member.slots for member in members if len(member.slots)]
        if not slots:
            continue
        first, last = min(int(each[0]) for each in slots), max(int(each[-1]) for each in slots)
        interval = max(interval, *(int(np.median(member.intervals)) for member in members if len(member.slots)))
        kept = max(members, key=lambda member: WORST_LAST.index(member.kept)).history
        made = [member.made for member in members if member.made is not None]
        for start, end in windows(first, last, request.every, request.tz) or [(first, last)]:
            said = row(made, start, end) if made else {"note": ""}
            partly = ["the record begins in it"] if start < first else []
            partly += ["the record ends in it"] if end > last else []
            said["note"] = "; ".join(note for note in (said["note"], *partly, *_notes(members)) if note)
            shares = [coverage(member.slots, member.intervals, start, end) for member in members]
            said |= {"coverage": sum(shares) / len(shares), "history": kept, "queue": request.queue}
            rows.append({**labels, "window_start": start, "window_end": end, **said})
    if not rows:
        raise RequestRefused("no series is selected: look at since, until, project, pool and type (poolscope pools)")
    frame = pd.DataFrame(rows, columns=[*LABELS, *columns])
    for bound in ("window_start", "window_end"):
        frame[bound] = pd.to_datetime(frame[bound], unit="s", utc=True)
    frame = frame.astype({name: "float64" for name in columns if name not in TEXTS})
    frame.attrs["interval_seconds"] = interval
    return frame


def _groups(
    record: Record, request: Request, make: Callable[[Flows], Made]
) -> Iterator[tuple[Row, Sequence[Member[Made]]]]:
    """Read the record, and bring the series together that are summed; no more is held than that takes."""
    groups: dict[tuple[str | None, ...], list[Member[Made]]] = {}
    for _, series in record.read(request.selection(record.last_slot())):
        for each in series:
            pool = (each.pool.project, each.pool.pool, each.pool.name) if "pool" in request.by else (None, None, None)
            label = (*pool, each.type if "type" in request.by else None)
            groups.setdefault(label, []).append(_member(each.known(), request, make))
        if "pool" in request.by:
            yield from _labelled(groups)
            groups = {}
    yield from _labelled(groups)


def _labelled(groups: dict[tuple[str | None, ...], list[Member[Made]]]) -> Iterator[tuple[Row, list[Member[Made]]]]:
    for label, members in groups.items():
        yield dict(zip(LABELS, label, strict=False)), members


def _member(series: Series, request: Request, make: Callable[[Flows], Made]) -> Member[Made]:
    name = f"{series.pool.name or series.pool.pool} {series.type}"
    if len(series.slots) < 2:
        return Member(name, series.slots, series.intervals, "silent", "silent", (TOO_SHORT,), None)
    flows = flows_of(series, request.queue)
    classes = flows.classes
    return Member(name, series.slots, series.intervals, classes.name, classes.history, flows.notes, make(flows))


def _notes(members: Sequence[Member[Made]]) -> list[str]:
    """Return what is to be said of the series; of several, whose it is."""
    if len(members) == 1:
        return list(members[0].notes)
    by_note: dict[str, list[str]] = {}
    for member in members:
        for note in member.notes:
            by_note.setdefault(note, []).append(member.name)
    return [f"{note} ({', '.join(names)})" for note, names in by_note.items()]
