"""Series brought together and cut into windows: the rows that every estimate has in common."""

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.arrays import Ints
from analysis.errors import NothingSelected
from analysis.notes import TOO_SHORT, mark
from analysis.query.request import Request
from analysis.queue.conservation import flows_of
from analysis.queue.counters import WORST_LAST
from analysis.queue.told import Told
from analysis.record.database import Record
from analysis.record.query import Selection
from analysis.record.series import Pool, Series
from analysis.windows import INSTANTS, LABELS, TEXTS, Columns, Windows, as_rows, coverage, windows

Item = TypeVar("Item")


@dataclass(frozen=True)
class Member:
    """One series of a group."""

    name: str
    observed: Ints
    """The slots at which its pool was."""
    slots: Ints
    """Those at which its counts are known."""
    intervals: Ints
    kept: str
    history: str
    notes: tuple[str, ...]
    told: Told | None
    """None where it is too short to tell anything."""


Group: TypeAlias = tuple[dict[str, str | None], Sequence[Member]]
"""Labels, and the series that are summed."""


@dataclass(frozen=True)
class Question:
    """One thing that is asked of every group."""

    request: Request
    needs: tuple[str, ...]
    """What of `Told` it takes."""
    estimate: Callable[[Sequence[Told], Ints], Columns]
    """Of a group's series, for windows (start, end] in seconds, a row each."""
    columns: Sequence[str]
    conclude: Callable[[Windows], Columns] = as_rows
    """Makes rows of what was estimated: the columns, and the windows they are about."""


def answers(record: Record, questions: Sequence[Question]) -> list[pd.DataFrame]:
    """Read the record once, and answer each question with a frame of labels and columns.

    Parameters
    ----------
    questions
        About one selection, summed alike; each has its own span of time and its own windows.

    Raises
    ------
    RecordUnreadable
    RequestRefused
        When nothing is selected.
    """
    parts: list[list[Columns | None]] = []
    intervals = [0]
    request = questions[0].request
    needs = {name for question in questions for name in question.needs}
    last = record.last_slot()
    selections = [question.request.selection(last) for question in questions]
    since, until = [each.since for each in selections], [each.until for each in selections]
    whole = replace(
        request.selection(last),
        since=None if None in since else min(filter(None, since)),
        until=None if None in until else max(filter(None, until)),
    )

    def rows_of(group: Group) -> list[Columns | None]:
        labels, members = group
        found = [_windows(members, *each) for each in zip(questions, selections, strict=True)]
        return [
            None if of is None else {**labels, **each.conclude(of)} for each, of in zip(questions, found, strict=True)
        ]

    # The passes and the arithmetic of whole series let other threads run.
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        for batch in _groups(record.read(whole), request, needs, workers):
            parts += workers.map(rows_of, batch)
            lengths = (member.intervals for _, members in batch for member in members)
            intervals += [int(np.median(length)) for length in lengths if len(length)]
    frames = []
    for number, question in enumerate(questions):
        rows = [said for part in parts if (said := part[number]) is not None]
        if not rows:
            raise NothingSelected("no series is selected: look at since, until, project, pool and type")
        frame = pd.DataFrame({name: _stacked(rows, name) for name in (*LABELS, *question.columns)})
        for instant in [name for name in frame.columns if name in INSTANTS]:
            frame[instant] = pd.to_datetime(frame[instant], unit="s", utc=True)
        request = question.request
        frame.attrs |= {"interval_seconds": max(intervals), "every": request.every, "zone": request.zone}
        frames.append(frame)
    return frames


def _stacked(parts: Sequence[Columns], name: str) -> NDArray[Any]:
    """Put the values of a column below each other; what was said once holds for all windows of its part."""
    kind = object if name in TEXTS else np.float64
    return np.concatenate([np.full(np.size(np.asarray(part["window_start"])), part.get(name), kind) for part in parts])


def _windows(members: Sequence[Member], question: Question, selection: Selection) -> Windows | None:
    """Estimate the windows of a group; None where its pools were not observed in what is asked about."""
    slots = [member.slots for member in members if len(member.slots)]
    # Where nothing is known of any, that is what there is to say.
    slots = slots or [member.observed for member in members if len(member.observed)]
    if not slots:
        return None
    first, last = min(int(each[0]) for each in slots), max(int(each[-1]) for each in slots)
    # More may have been read, for another question.
    first = first if selection.since is None else max(first, _seconds(selection.since))
    last = last if selection.until is None else min(last, _seconds(selection.until))
    if last < first:
        return None
    request = question.request
    cut = _cut(first, last, request.every, request.tz)
    told = [member.told for member in members if member.told is not None]
    said: Columns = question.estimate(told, cut) if told else {"note": ""}
    kept = max(members, key=lambda member: WORST_LAST.index(member.kept)).history
    seen = np.mean([coverage(member.slots, member.intervals, cut) for member in members], axis=0)
    said |= {"history": kept, "queue": request.queue}
    return Windows(cut, said, seen, cut[:, 0] < first, cut[:, 1] > last, "; ".join(_notes(members)))


def _seconds(instant: datetime) -> int:
    return int(instant.replace(tzinfo=UTC).timestamp())


@lru_cache(maxsize=8)
def _cut(first: int, last: int, every: str, zone: ZoneInfo) -> Ints:
    """Return the windows, which are those of most groups."""
    cut = np.array(windows(first, last, every, zone) or [(first, last)])
    cut.flags.writeable = False
    return cut


def _groups(
    read: Iterator[tuple[list[Pool], list[Series]]], request: Request, needs: Collection[str], workers: Executor
) -> Iterator[list[Group]]:
    """Bring the series together that are summed; no more is held than that takes."""
    groups: dict[tuple[str | None, ...], list[Member]] = {}
    for _, series in _ahead(read, workers):
        members = workers.map(lambda each: _member(each, request, needs), series)
        for each, member in zip(series, members, strict=True):
            pool = (each.pool.project, each.pool.pool, each.pool.name) if "pool" in request.by else (None, None, None)
            label = (*pool, each.type if "type" in request.by else None)
            groups.setdefault(label, []).append(member)
        if "pool" in request.by:
            yield _labelled(groups)
            groups = {}
    yield _labelled(groups)


def _ahead(items: Iterator[Item], workers: Executor) -> Iterator[Item]:
    """Fetch each item while the one before it is worked on."""
    following = workers.submit(next, items, None)
    while (item := following.result()) is not None:
        following = workers.submit(next, items, None)
        yield item


def _labelled(groups: dict[tuple[str | None, ...], list[Member]]) -> list[Group]:
    return [(dict(zip(LABELS, label, strict=False)), members) for label, members in groups.items()]


def _member(whole: Series, request: Request, needs: Collection[str]) -> Member:
    series = whole.known()
    name = f"{series.pool.name or series.pool.pool} {series.type}"
    seen = whole.slots, series.slots, series.intervals
    if len(series.slots) < 2:
        return Member(name, *seen, "silent", "silent", (TOO_SHORT,), None)
    flows = flows_of(series, request.queue)
    classes = flows.classes
    told = Told(flows, request.order_of(series.pool), needs)
    return Member(name, *seen, classes.name, classes.history, flows.notes, told)


def _notes(members: Sequence[Member]) -> list[str]:
    """Return what is to be said of the series; of several, whose it is."""
    if len(members) == 1:
        return list(members[0].notes)
    by_note: dict[str, list[str]] = {}
    for member in members:
        for note in member.notes:
            by_note.setdefault(note, []).append(member.name)
    whose = mark("note", "{note} ({names})")
    return [whose.format(note=note, names=", ".join(names)) for note, names in by_note.items()]
