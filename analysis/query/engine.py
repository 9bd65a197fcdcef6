"""The engine: it answers questions from the series of a record, in three steps.

`resolve` determines the part of the record that each question is about; `part` answers questions for the series of one
group (the series that one row sums), and is a pure function of plain values; `assemble` makes a frame of all parts.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.arrays import Floats
from analysis.calendar import windows_between
from analysis.errors import NothingSelected, RequestRefused
from analysis.notes import Note, Notes, joined
from analysis.query.kinds import KINDS, needs_of
from analysis.query.members import Label, Member, interval_at, label_of, member_of, notes_of, without_parts
from analysis.query.question import Question
from analysis.queue.counters import WORST_LAST
from analysis.queue.observation import Observation
from analysis.record.database import Record
from analysis.record.series import Series
from analysis.schemas.schema import TEXTS, Column, Columns, Kind
from analysis.schemas.shared import LABELS
from analysis.windows import Windows
from collector.record.selection import Selection

Item = TypeVar("Item")
ALIKE: Final = ("project", "pool", "type", "by", "queue", "order")
"""The fields that must be equal in all questions that are answered from one reading of the record."""


def answers(record: Record, questions: Sequence[Question]) -> list[pd.DataFrame]:
    """Read the record once, and return a frame for each question: labels, then the columns of its schema.

    Columns of notes hold `Notes`.

    Parameters
    ----------
    questions
        They agree in the fields that `ALIKE` lists; each has its own span of time and its own windows.

    Raises
    ------
    RecordUnreadable
    RequestRefused
        When nothing is selected, or a field of `ALIKE` differs between the questions.
    """
    resolved, selection = resolve(record.last_slot(), questions)
    # The passes and the arithmetic of whole series let other threads run.
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        parts = list(_parts(record, resolved, selection, workers))
    return [assemble(question, [rows[number] for rows in parts]) for number, question in enumerate(resolved)]


def resolve(last: datetime, questions: Sequence[Question]) -> tuple[list[Question], Selection]:
    """Return the questions with absolute spans of time, and the selection that contains the data of all of them.

    Parameters
    ----------
    last
        The record's last slot, naive UTC.

    Raises
    ------
    RequestRefused
        When a field of `ALIKE` differs between them, or a span is empty.
    """
    first, *others = (question.request for question in questions)
    for name in ALIKE:
        if any(getattr(other, name) != getattr(first, name) for other in others):
            raise RequestRefused(f"{name} differs between the questions of one reading: ask them one by one")
    selections = [question.request.selection(last) for question in questions]
    starts, ends = [selection.since for selection in selections], [selection.until for selection in selections]
    joint = replace(
        selections[0],
        since=None if None in starts else min(filter(None, starts)),
        until=None if None in ends else max(filter(None, ends)),
    )
    resolved = [
        replace(question, request=replace(question.request, since=_aware(start), until=_aware(end)))
        for question, start, end in zip(questions, starts, ends, strict=True)
    ]
    return resolved, joint


def _aware(instant: datetime | None) -> datetime | None:
    return None if instant is None else instant.replace(tzinfo=UTC)


def part(questions: Sequence[Question], series: Sequence[Series]) -> list[Columns | None]:
    """Return the rows that answer resolved questions for the series of one group.

    Returns
    -------
    list
        For each question its rows, labels included; None where nothing was observed in the question's span.
    """
    request = questions[0].request
    needs = {fact for question in questions for fact in needs_of(question)}
    members = [member_of(one, request, needs) for one in series]
    return rows_of(questions, label_of(series[0], request), members)


def rows_of(questions: Sequence[Question], label: Label, members: Sequence[Member]) -> list[Columns | None]:
    """Return the rows that answer questions for the members of one group, see `part`."""
    labels = dict(zip(LABELS.names, label, strict=False))
    members, left_out = without_parts(members)
    answered: list[Columns | None] = []
    for question in questions:
        observation = _observation(members, question, left_out)
        if observation is None:
            answered.append(None)
            continue
        facts = [member.facts for member in members if member.facts is not None]
        rows = KINDS[question.name].answer(question, facts, observation)
        ends = np.atleast_1d(np.asarray(rows["window_end"], float))
        answered.append({**labels, **rows, "interval_seconds": interval_at(members, ends)})
    return answered


def assemble(question: Question, parts: Sequence[Columns | None]) -> pd.DataFrame:
    """Return the rows of all groups as one frame: labels and columns, with instants in the requested time zone.

    Raises
    ------
    RequestRefused
        When no group has rows.
    """
    known = [rows for rows in parts if rows is not None]
    if not known:
        raise NothingSelected("no series matches: check since, until, project, pool and type")
    columns = (*LABELS, *question.schema)
    frame = pd.DataFrame({column.name: _stacked(known, column) for column in columns})
    frame["interval_seconds"] = frame["interval_seconds"].astype(np.int64)
    for column in columns:
        if column.kind is Kind.INSTANT:
            instants = pd.to_datetime(frame[column.name], unit="s", utc=True)
            frame[column.name] = instants.dt.tz_convert(question.request.tz)
    return frame


def _parts(
    record: Record, questions: Sequence[Question], selection: Selection, workers: Executor
) -> Iterator[list[Columns | None]]:
    """Yield the rows of each group. Only the data of the groups that are not yet answered are kept in memory."""
    request = questions[0].request
    needs = {fact for question in questions for fact in needs_of(question)}
    summed: dict[Label, list[Member]] = {}
    for series in _ahead(record.judged(selection), workers):
        groups: dict[Label, list[Series]] = {}
        for whole in series:
            groups.setdefault(label_of(whole, request), []).append(whole)
        if "pool" in request.by:
            # All series of a pool are read together.
            yield from workers.map(partial(part, questions), groups.values())
            continue
        members = workers.map(partial(member_of, request=request, needs=needs), series)
        for whole, member in zip(series, members, strict=True):
            summed.setdefault(label_of(whole, request), []).append(member)
    yield from workers.map(partial(rows_of, questions), summed.keys(), summed.values())


def _ahead(items: Iterator[Item], workers: Executor) -> Iterator[Item]:
    """Yield the items; each is fetched while the caller works on the item before it."""
    following = workers.submit(next, items, None)
    while (item := following.result()) is not None:
        following = workers.submit(next, items, None)
        yield item


def _stacked(parts: Sequence[Columns], column: Column) -> NDArray[Any]:
    """Return the values of a column in all parts, one after the other; a single value holds for all rows of a part."""
    dtype = object if column.kind in TEXTS else np.float64
    values = [np.full(np.size(np.asarray(rows["window_start"])), rows.get(column.name), dtype) for rows in parts]
    merged = np.concatenate(values)
    if column.kind is Kind.NOTE:
        merged[:] = [joined(cell if isinstance(cell, Note | Notes) else None) for cell in merged]
    return merged


def _observation(members: Sequence[Member], question: Question, left_out: Notes) -> Observation | None:
    """Return the observation of a group's windows; None where its pools were not observed in the question's span."""
    slots = [member.slots for member in members if len(member.slots)]
    # Where no member has known counts, the rows say so.
    slots = slots or [member.observed for member in members if len(member.observed)]
    if not slots:
        return None
    first, last = min(int(own[0]) for own in slots), max(int(own[-1]) for own in slots)
    # Slots with jobs in undocumented statuses are a part of the record too.
    last = max([last, *(int(member.observed[-1]) for member in members if np.isfinite(member.known_until))])
    # More may have been read, for another question.
    request = question.request
    first = first if request.since is None else max(first, _seconds(request.since))
    last = last if request.until is None else min(last, _seconds(request.until))
    if last < first:
        return None
    windows = _windows(first, last, request.every, request.tz)
    hidden = np.any([windows.slots(member.hidden) > 0 for member in members], axis=0)
    return Observation(
        windows=windows,
        coverage=_coverage(members, windows, (first, last)),
        begins_in=windows.starts < first,
        ends_in=windows.ends > last,
        last=last,
        hidden=hidden,
        unknown_after=min(member.known_until for member in members),
        bounded=all(member.bounded for member in members),
        retention=max(members, key=lambda member: WORST_LAST.index(member.retention_class)).retention,
        queue=request.queue,
        notes=joined(left_out, notes_of(members)),
    )


def _coverage(members: Sequence[Member], windows: Windows, span: tuple[int, int]) -> Floats:
    """Return the coverage of each window, of 1: the mean over the series that had begun by its end."""
    first, last = span
    shares = np.array(
        [
            windows.coverage(member.slots, member.intervals, (max(first, *member.slots[:1]), last))
            if len(member.slots)
            else np.zeros(len(windows))
            for member in members
        ]
    )
    coverage: Floats = np.nansum(shares, axis=0) / np.maximum((~np.isnan(shares)).sum(axis=0), 1)
    return coverage


def _seconds(instant: Any) -> int:  # noqa: ANN401 - an aware instant
    return int(instant.timestamp())


@lru_cache(maxsize=8)
def _windows(first: int, last: int, every: str, zone: ZoneInfo) -> Windows:
    """Return the windows of a span, which are cached since most groups share them; an empty span is one window."""
    windows = windows_between(first, last, every, zone)
    windows = windows if len(windows) else Windows.one(first, last)
    for edges in (windows.starts, windows.ends):
        edges.flags.writeable = False
    return windows
