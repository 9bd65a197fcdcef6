"""Answers: frames that answer questions, from the series of a record, in three steps.

`resolve` determines the part of the record that each question is about; an engine does the tasks, which read pools and
answer the questions for their groups of series (see `tasks` and `part`); `assemble` makes a frame of all rows.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import Incomplete, NothingSelected, RequestRefused
from analysis.notes import Note, Notes, joined
from analysis.query.engines import Engine, Threads, done_by, task_rows
from analysis.query.members import Label, Member
from analysis.query.part import rows_of
from analysis.query.question import Question
from analysis.query.request import named
from analysis.query.tasks import Task, described
from analysis.record.database import Record
from analysis.record.query import SelectedPool, grouped, selected
from analysis.schemas.schema import TEXTS, Column, Columns, Kind
from analysis.schemas.shared import LABELS
from collector.record import interrupted
from collector.record.log import LOG
from collector.record.names import Names, UnknownName
from collector.record.selection import Selection

Rows: TypeAlias = list[Columns | None]
"""The rows of one group for each question; None where nothing was observed in the question's span."""
ALIKE: Final = ("project", "pool", "type", "by", "queue", "order", "preempting")
"""The fields that must be equal in all questions that are answered from one reading of the record."""


def answers(record: Record, questions: Sequence[Question], engine: Engine | None = None) -> list[pd.DataFrame]:
    """Read the record once, and return a frame for each question: labels, then the columns of its schema.

    Columns of notes hold `Notes`.

    Parameters
    ----------
    questions
        They agree in the fields that `ALIKE` lists; each has its own span of time and its own windows.
    engine
        Where the tasks run; None: in threads of this process.

    Raises
    ------
    RecordUnreadable
    RequestRefused
        When nothing is selected, or a field of `ALIKE` differs between the questions.
    Incomplete
        When some pools have no answer, because the computation failed.
    """
    pools = record.pools()
    resolved, selection = resolve(max(pool.last for pool in pools), questions)
    selection = _named(record, pools, selection)
    chosen = selected(pools, selection)
    engine = Threads() if engine is None else engine
    tasks = [
        Task(record.about(group), group, selection, resolved)
        for group in grouped(chosen, task_rows(sum(pool.rows for pool in chosen), engine))
    ]
    LOG.debug("computing %s of %s pools", ", ".join(question.name for question in resolved), len(chosen))
    rows, failed = _rows(engine, tasks, resolved)
    if not failed:
        return [assemble(question, [part[number] for part in rows]) for number, question in enumerate(resolved)]
    by_question = [[part[number] for part in rows] for number in range(len(resolved))]
    frames = [
        assemble(question, parts) if any(part is not None for part in parts) else None
        for question, parts in zip(resolved, by_question, strict=True)
    ]
    raise Incomplete(failed, frames)


def _named(record: Record, pools: Sequence[SelectedPool], selection: Selection) -> Selection:
    """Return the selection with its names in full; pools that were never observed are known too."""
    names = Names(
        sorted({pool.project for pool in pools}),
        [(pool.project, pool.pool, pool.name) for pool in pools],
        sorted({type_ for pool in pools for type_ in pool.types}),
    )
    try:
        return selection.named(names)
    except UnknownName:
        return named(record, selection)


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


def _stacked(parts: Sequence[Columns], column: Column) -> NDArray[Any]:
    """Return the values of a column in all parts, one after the other; a single value holds for all rows of a part."""
    dtype = object if column.kind in TEXTS else np.float64
    values = [np.full(np.size(np.asarray(rows["window_start"])), rows.get(column.name), dtype) for rows in parts]
    merged = np.concatenate(values)
    if column.kind is Kind.NOTE:
        merged[:] = [joined(cell if isinstance(cell, Note | Notes) else None) for cell in merged]
    return merged


def _rows(engine: Engine, tasks: Sequence[Task], questions: Sequence[Question]) -> tuple[list[Rows], list[str]]:
    """Return the rows of each group, or of each sum, and what failed as text."""
    rows: list[Rows] = []
    failed: list[str] = []
    without_answer: set[Label | None] = set()
    members: dict[Label, list[Member]] = {}
    for done in done_by(engine, tasks):
        rows += done.rows
        failed += [text for _, text in done.failed]
        without_answer |= {label for label, _ in done.failed}
        for label, member in done.members:
            members.setdefault(label, []).append(member)
    if None in without_answer:
        # Which sums lack these pools is not known.
        without_answer |= members.keys()
    sums = {label: group for label, group in members.items() if label not in without_answer}
    if members and failed:
        failed.append("sums over these pools are left out")
    for summed in Threads().map(partial(_summed, questions), sums.items()):
        if isinstance(summed, str):
            failed.append(summed)
        else:
            rows.append(summed)
    return rows, failed


def _summed(questions: Sequence[Question], group: tuple[Label, list[Member]]) -> Rows | str:
    """Return the rows of a sum, or what failed as text."""
    label, members = group
    try:
        return rows_of(questions, label, members)
    except Exception as error:
        if interrupted(error):
            raise
        return described(f"the sum over {', '.join(map(str, filter(None, label))) or 'all pools'}", error)
