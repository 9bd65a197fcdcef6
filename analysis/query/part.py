"""The rows that answer questions for the series of one group: a pure function of plain values, for any engine."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from analysis.arrays import Bools, Floats
from analysis.calendar import windows_between
from analysis.notes import Notes, joined
from analysis.query.kinds import KINDS, needs_of
from analysis.query.members import (
    Label,
    Member,
    asked_in_vain,
    interval_at,
    label_of,
    member_of,
    notes_of,
    without_parts,
)
from analysis.query.question import Question
from analysis.queue.counters import WORST_LAST
from analysis.queue.observation import Observation
from analysis.record.series import Series
from analysis.schemas.schema import Columns
from analysis.schemas.shared import LABELS
from analysis.windows import Windows


def facts_needed(questions: Sequence[Question]) -> set[type]:
    """Return the types of the facts that questions need of each series."""
    return {fact for question in questions for fact in needs_of(question)}


def part(questions: Sequence[Question], series: Sequence[Series]) -> list[Columns | None]:
    """Return the rows that answer resolved questions for the series of one group.

    Returns
    -------
    list
        For each question its rows, labels included; None where nothing was observed in the question's span.
    """
    request = questions[0].request
    needs = facts_needed(questions)
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


def _observation(members: Sequence[Member], question: Question, left_out: Notes) -> Observation | None:
    """Return the observation of a group's windows; None where its pools were not observed in the question's span."""
    slots = [member.slots for member in members if len(member.slots)]
    # Where no member has known counts, the rows say so.
    slots = slots or [member.observed for member in members if len(member.observed)]
    if not slots:
        return None
    first, last = min(int(own[0]) for own in slots), max(int(own[-1]) for own in slots)
    # Slots with jobs in undocumented statuses are a part of the record too, and so are polls without an answer.
    last = max([last, *(int(member.observed[-1]) for member in members if np.isfinite(member.known_until))])
    last = max([last, *(member.asked_until for member in members if asked_in_vain(member))])
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
        first=first,
        last=last,
        hidden=hidden,
        unknown_after=min(member.known_until for member in members),
        silent=np.any([_silent(member, windows) for member in members], axis=0),
        silent_after=min([np.inf, *(float(member.observed[-1]) for member in members if asked_in_vain(member))]),
        bounded=all(member.bounded for member in members),
        retention=max(members, key=lambda member: WORST_LAST.index(member.retention_class)).retention,
        queue=request.queue,
        notes=joined(left_out, notes_of(members)),
    )


def _silent(member: Member, windows: Windows) -> Bools:
    """Return whether a pool was polled in vain from its last answer, before each window's end, into that window."""
    if not asked_in_vain(member):
        return np.zeros(len(windows), np.bool_)
    silent: Bools = (windows.ends > member.observed[-1]) & (windows.starts < member.asked_until)
    return silent


def _coverage(members: Sequence[Member], windows: Windows, span: tuple[int, int]) -> Floats:
    """Return the coverage of each window, of 1: the mean over the series that had begun, and were polled in it."""
    first, last = span
    shares = np.zeros((len(members), len(windows)))
    for member, share in zip(members, shares, strict=True):
        if len(member.slots):
            end = _end(member, last)
            share[:] = windows.coverage(member.slots, member.intervals, (_begin(member, first), end))
            share[(windows.starts >= end) & (end < last)] = np.nan
    coverage: Floats = np.nansum(shares, axis=0) / np.maximum((~np.isnan(shares)).sum(axis=0), 1)
    return coverage


def _begin(member: Member, first: int) -> int:
    """Return the first slot, from `first` on, at which a member's counts are known, in seconds; else `first`."""
    later = member.slots[np.searchsorted(member.slots, first) :]
    return int(later[0]) if len(later) else first


def _end(member: Member, last: int) -> int:
    """Return the end of a member's part of the record, in seconds: the pool may have been deleted before `last`."""
    return min(last, max(member.asked_until, int(member.observed[-1])))


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
