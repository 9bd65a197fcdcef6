"""Series brought together and cut into windows: the rows that every estimate has in common."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeAlias, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.classes import WORST_LAST
from analysis.errors import RequestRefused
from analysis.flows import Flows, flows_of
from analysis.matching import Real, Whole
from analysis.periods import Columns, coverage
from analysis.record import Record
from analysis.request import Request
from analysis.series import Series
from analysis.windows import windows

Made = TypeVar("Made")
Item = TypeVar("Item")
INSTANTS: Final = ("window_start", "window_end", "other_start", "other_end", "changed_at", "earliest", "latest")
LABELS: Final = ("project", "pool", "pool_name", "type", "window_start", "window_end")
TEXTS: Final = (*LABELS[:4], "measure", "direction", "queue", "order", "history", "method", "note")
TOO_SHORT: Final = "fewer than two slots with known counts"


@dataclass(frozen=True)
class Member(Generic[Made]):
    """One series of a group."""

    name: str
    observed: Whole
    """The slots at which its pool was."""
    slots: Whole
    """Those at which its counts are known."""
    intervals: Whole
    kept: str
    history: str
    notes: tuple[str, ...]
    made: Made | None
    """What was made of it for an estimate; None where it is too short for any."""


Group: TypeAlias = tuple[dict[str, str | None], Sequence[Member[Made]]]
"""Labels, and the series that are summed."""


@dataclass(frozen=True)
class Windows:
    """What is said of the windows of a group."""

    cut: Whole
    """A row a window: start and end, in seconds."""
    said: Columns
    """The columns of the estimate, with ``history`` and ``queue``; of series that are too short only a ``note``."""
    coverage: Real
    begins_in: NDArray[np.bool_]
    """Whether the record begins in a window, and whether it ends in it."""
    ends_in: NDArray[np.bool_]
    note: str
    """Of the series."""


def estimates(
    record: Record,
    request: Request,
    make: Callable[[Flows], Made],
    estimate: Callable[[Sequence[Made], Whole], Columns],
    columns: list[str],
    conclude: Callable[[Windows], Columns] | None = None,
) -> pd.DataFrame:
    """Make a frame with a row a group and window.

    Parameters
    ----------
    make
        Makes of one series what the estimate needs; what it holds stays in memory as long as its group.
    estimate
        Estimates from what was made of a group's series, for windows (start, end] in seconds, a row each: `columns`
        but those that are the same for all, with ``note``.
    conclude
        Makes of the windows of a group what is to be the rows instead: all columns but the labels.

    Raises
    ------
    RecordUnreadable
    RequestRefused
        When nothing is selected.
    """
    parts: list[Columns] = []
    intervals = [0]

    def rows_of(group: Group[Made]) -> Columns:
        labels, members = group
        found = _windows(members, request, estimate)
        return {} if found is None else {**labels, **(conclude or _as_rows)(found)}

    # The passes and the arithmetic of whole series let other threads run.
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        for batch in _groups(record, request, make, workers):
            parts += [found for found in workers.map(rows_of, batch) if "note" in found]
            lengths = (member.intervals for _, members in batch for member in members)
            intervals += [int(np.median(length)) for length in lengths if len(length)]
    if not parts:
        raise RequestRefused("no series is selected: look at since, until, project, pool and type (poolscope pools)")
    frame = pd.DataFrame({name: _stacked(parts, name) for name in (*LABELS, *columns)})
    for instant in [name for name in frame.columns if name in INSTANTS]:
        frame[instant] = pd.to_datetime(frame[instant], unit="s", utc=True)
    frame.attrs["interval_seconds"] = max(intervals)
    return frame


def _stacked(parts: Sequence[Columns], name: str) -> NDArray[Any]:
    """Put the values of a column below each other; what was said once holds for all windows of its part."""
    kind = object if name in TEXTS else np.float64
    return np.concatenate([np.full(np.size(np.asarray(part["window_start"])), part.get(name), kind) for part in parts])


def _windows(
    members: Sequence[Member[Made]], request: Request, estimate: Callable[[Sequence[Made], Whole], Columns]
) -> Windows | None:
    """Estimate the windows of a group; None where its pools were not observed."""
    slots = [member.slots for member in members if len(member.slots)]
    # Where nothing is known of any, that is what there is to say.
    slots = slots or [member.observed for member in members if len(member.observed)]
    if not slots:
        return None
    first, last = min(int(each[0]) for each in slots), max(int(each[-1]) for each in slots)
    cut = np.array(windows(first, last, request.every, request.tz) or [(first, last)])
    made = [member.made for member in members if member.made is not None]
    said: Columns = estimate(made, cut) if made else {"note": ""}
    kept = max(members, key=lambda member: WORST_LAST.index(member.kept)).history
    seen = np.mean([coverage(member.slots, member.intervals, cut) for member in members], axis=0)
    said |= {"history": kept, "queue": request.queue}
    return Windows(cut, said, seen, cut[:, 0] < first, cut[:, 1] > last, "; ".join(_notes(members)))


def _as_rows(found: Windows) -> Columns:
    """Make a row of each window."""
    pieces = (
        np.asarray(found.said["note"]),
        np.where(found.begins_in, "the record begins in it", ""),
        np.where(found.ends_in, "the record ends in it", ""),
        np.asarray(found.note),
    )
    notes = zip(*(np.broadcast_to(piece, len(found.cut)) for piece in pieces), strict=True)
    return found.said | {
        "window_start": found.cut[:, 0],
        "window_end": found.cut[:, 1],
        "note": np.array(["; ".join(filter(None, each)) for each in notes], object),
        "coverage": found.coverage,
    }


def _groups(
    record: Record, request: Request, make: Callable[[Flows], Made], workers: Executor
) -> Iterator[list[Group[Made]]]:
    """Read the record, and bring the series together that are summed; no more is held than that takes."""
    groups: dict[tuple[str | None, ...], list[Member[Made]]] = {}
    for _, series in _ahead(record.read(request.selection(record.last_slot())), workers):
        members = workers.map(lambda each: _member(each, request, make), series)
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


def _labelled(
    groups: dict[tuple[str | None, ...], list[Member[Made]]],
) -> list[Group[Made]]:
    return [(dict(zip(LABELS, label, strict=False)), members) for label, members in groups.items()]


def _member(whole: Series, request: Request, make: Callable[[Flows], Made]) -> Member[Made]:
    series = whole.known()
    name = f"{series.pool.name or series.pool.pool} {series.type}"
    seen = whole.slots, series.slots, series.intervals
    if len(series.slots) < 2:
        return Member(name, *seen, "silent", "silent", (TOO_SHORT,), None)
    flows = flows_of(series, request.queue)
    classes = flows.classes
    return Member(name, *seen, classes.name, classes.history, flows.notes, make(flows))


def _notes(members: Sequence[Member[Made]]) -> list[str]:
    """Return what is to be said of the series; of several, whose it is."""
    if len(members) == 1:
        return list(members[0].notes)
    by_note: dict[str, list[str]] = {}
    for member in members:
        for note in member.notes:
            by_note.setdefault(note, []).append(member.name)
    return [f"{note} ({', '.join(names)})" for note, names in by_note.items()]
