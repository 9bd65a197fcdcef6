"""The engine: what is asked, answered from the series of a record, in three steps.

`resolve` settles which part of the record each question is about; `part` answers questions for the series of one group,
and is a pure function of plain values; `assemble` makes a frame of all parts. Only the first reads the record's ends.
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

from analysis.arrays import Floats, Ints
from analysis.errors import NothingSelected, RequestRefused
from analysis.query.members import Label, Member, interval_at, label_of, member_of, notes_of, without_parts
from analysis.query.questions import Question
from analysis.queue.counters import WORST_LAST
from analysis.record.database import Record
from analysis.record.series import Series
from analysis.windows import INSTANTS, LABELS, TEXTS, Columns, Windows, coverage, windows
from collector.record.selection import Selection

Item = TypeVar("Item")
ALIKE: Final = ("project", "pool", "type", "by", "queue", "order")
"""What several questions to one reading have to ask alike."""


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
        When nothing is selected, or the questions are not about one selection.
    """
    resolved, selection = resolve(record.last_slot(), questions)
    # The passes and the arithmetic of whole series let other threads run.
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        parts = list(_parts(record, resolved, selection, workers))
    return [assemble(question, [rows[number] for rows in parts]) for number, question in enumerate(resolved)]


def resolve(last: datetime, questions: Sequence[Question]) -> tuple[list[Question], Selection]:
    """Return the questions with spans that are absolute, and the selection that holds what all of them are about.

    Parameters
    ----------
    last
        The record's last slot, naive UTC.

    Raises
    ------
    RequestRefused
        When they are not about one selection, or a span is none.
    """
    first, *others = (question.request for question in questions)
    for name in ALIKE:
        if any(getattr(other, name) != getattr(first, name) for other in others):
            raise RequestRefused(f"{name} differs between the questions of one reading: ask them one by one")
    selections = [question.request.selection(last) for question in questions]
    since, until = [each.since for each in selections], [each.until for each in selections]
    whole = replace(
        selections[0],
        since=None if None in since else min(filter(None, since)),
        until=None if None in until else max(filter(None, until)),
    )
    resolved = [
        replace(question, request=replace(question.request, since=_aware(each.since), until=_aware(each.until)))
        for question, each in zip(questions, selections, strict=True)
    ]
    return resolved, whole


def _aware(instant: datetime | None) -> datetime | None:
    return None if instant is None else instant.replace(tzinfo=UTC)


def part(questions: Sequence[Question], series: Sequence[Series]) -> list[Columns | None]:
    """Answer resolved questions for the series of one group.

    Returns
    -------
    list
        For each question its rows, labels included; None where nothing was observed of what it is about.
    """
    request = questions[0].request
    needs = {name for question in questions for name in question.needs}
    members = [member_of(each, request, needs) for each in series]
    return rows_of(questions, label_of(series[0], request), members)


def rows_of(questions: Sequence[Question], label: Label, members: Sequence[Member]) -> list[Columns | None]:
    """Answer questions for the members of one group, see `part`."""
    labels = dict(zip(LABELS, label, strict=False))
    members, left_out = without_parts(members)
    answered: list[Columns | None] = []
    for question in questions:
        found = _windows(members, question, left_out)
        if found is None:
            answered.append(None)
            continue
        rows = question.conclude(found)
        ends = np.atleast_1d(np.asarray(rows["window_end"], float))
        answered.append({**labels, **rows, "interval_seconds": interval_at(members, ends)})
    return answered


def assemble(question: Question, parts: Sequence[Columns | None]) -> pd.DataFrame:
    """Make a frame of what was answered for each group: labels and columns, instants in the zone that was asked for.

    Raises
    ------
    RequestRefused
        When nothing was observed of what the question is about.
    """
    rows = [each for each in parts if each is not None]
    if not rows:
        raise NothingSelected("no series is selected: look at since, until, project, pool and type")
    frame = pd.DataFrame({name: _stacked(rows, name) for name in (*LABELS, *question.columns)})
    frame["interval_seconds"] = frame["interval_seconds"].astype(np.int64)
    for instant in [name for name in frame.columns if name in INSTANTS]:
        frame[instant] = pd.to_datetime(frame[instant], unit="s", utc=True).dt.tz_convert(question.request.tz)
    return frame


def _parts(
    record: Record, questions: Sequence[Question], selection: Selection, workers: Executor
) -> Iterator[list[Columns | None]]:
    """Answer the questions group by group; no more is held than that takes."""
    request = questions[0].request
    needs = {name for question in questions for name in question.needs}
    summed: dict[Label, list[Member]] = {}
    for series in _ahead(record.judged(selection), workers):
        groups: dict[Label, list[Series]] = {}
        for each in series:
            groups.setdefault(label_of(each, request), []).append(each)
        if "pool" in request.by:
            # All series of a pool are read together.
            yield from workers.map(partial(part, questions), groups.values())
            continue
        members = workers.map(partial(member_of, request=request, needs=needs), series)
        for each, member in zip(series, members, strict=True):
            summed.setdefault(label_of(each, request), []).append(member)
    yield from workers.map(partial(rows_of, questions), summed.keys(), summed.values())


def _ahead(items: Iterator[Item], workers: Executor) -> Iterator[Item]:
    """Fetch each item while the one before it is worked on."""
    following = workers.submit(next, items, None)
    while (item := following.result()) is not None:
        following = workers.submit(next, items, None)
        yield item


def _stacked(parts: Sequence[Columns], name: str) -> NDArray[Any]:
    """Put the values of a column below each other; what was said once holds for all windows of its part."""
    kind = object if name in TEXTS else np.float64
    return np.concatenate([np.full(np.size(np.asarray(part["window_start"])), part.get(name), kind) for part in parts])


def _windows(members: Sequence[Member], question: Question, left_out: str) -> Windows | None:
    """Estimate the windows of a group; None where its pools were not observed in what is asked about."""
    slots = [member.slots for member in members if len(member.slots)]
    # Where nothing is known of any, that is what there is to say.
    slots = slots or [member.observed for member in members if len(member.observed)]
    if not slots:
        return None
    first, last = min(int(each[0]) for each in slots), max(int(each[-1]) for each in slots)
    # What was observed while the jobs' statuses were not known is a part of the record too.
    unknown_after = min(member.known_until for member in members)
    last = max(last, *(int(member.observed[-1]) for member in members if np.isfinite(member.known_until)), last)
    # More may have been read, for another question.
    request = question.request
    first = first if request.since is None else max(first, _seconds(request.since))
    last = last if request.until is None else min(last, _seconds(request.until))
    if last < first:
        return None
    cut = _cut(first, last, request.every, request.tz)
    told = [member.told for member in members if member.told is not None]
    said: Columns = question.estimate(told, cut) if told else {"note": ""}
    kept = max(members, key=lambda member: WORST_LAST.index(member.kept)).history
    seen = _coverage(members, cut, (first, last))
    said |= {"history": kept, "queue": request.queue}
    bounded = all(member.bounded for member in members)
    note = "; ".join(filter(None, (left_out, *notes_of(members))))
    hidden = np.any(
        [np.diff(np.searchsorted(member.hidden, cut, side="right"))[:, 0] > 0 for member in members], axis=0
    )
    return Windows(cut, said, seen, cut[:, 0] < first, cut[:, 1] > last, last, hidden, unknown_after, bounded, note)


def _coverage(members: Sequence[Member], cut: Ints, span: tuple[int, int]) -> Floats:
    """Return the coverage of each window: the mean of those series that had begun by its end."""
    first, last = span
    shares = np.array(
        [
            coverage(member.slots, member.intervals, cut, (max(first, *member.slots[:1]), last))
            if len(member.slots)
            else np.zeros(len(cut))
            for member in members
        ]
    )
    seen: Floats = np.nansum(shares, axis=0) / np.maximum((~np.isnan(shares)).sum(axis=0), 1)
    return seen


def _seconds(instant: Any) -> int:  # noqa: ANN401 - an aware instant
    return int(instant.timestamp())


@lru_cache(maxsize=8)
def _cut(first: int, last: int, every: str, zone: ZoneInfo) -> Ints:
    """Return the windows, which are those of most groups."""
    cut = np.array(windows(first, last, every, zone) or [(first, last)])
    cut.flags.writeable = False
    return cut
