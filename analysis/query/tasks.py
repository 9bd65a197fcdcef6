"""Tasks: what an engine maps over pools. Each reads its pools and answers the questions for their groups of series."""

import pickle
import traceback
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

from analysis.errors import RequestRefused
from analysis.query.compressed import compressed
from analysis.query.members import Label, Member, label_of, member_of
from analysis.query.part import facts_needed, part
from analysis.query.question import Question
from analysis.query.request import Request
from analysis.record.database import Record
from analysis.record.query import SelectedPool
from analysis.record.series import Series
from analysis.schemas.schema import Columns
from collector.record import RecordUnreadable, interrupted
from collector.record.selection import Selection

Result = TypeVar("Result")
Do: TypeAlias = Callable[[Any], Any]
"""What an engine calls with each parcel."""
VERSION: Final = version("poolscope")


@dataclass(frozen=True)
class Task:
    """Some pools, and the questions to them."""

    record: Record
    pools: Sequence[SelectedPool]
    selection: Selection
    """It contains the data of all questions."""
    questions: Sequence[Question]

    @property
    def names(self) -> list[str]:
        """The display names, or else the ids, of its pools."""
        return [pool.name or pool.pool for pool in self.pools]


class Parcel(NamedTuple):
    """A task on its way to a worker."""

    version: str
    """The version of Poolscope that sends it."""
    rows: int
    """The number of rows that the task reads, about."""
    task: bytes


@dataclass
class Done:
    """What came of a task."""

    rows: list[list[Columns | None]] = field(default_factory=list)
    """For each group of series, for each question its rows, see `part`; empty where sums over pools are asked for."""
    members: list[tuple[Label, Member]] = field(default_factory=list)
    """For sums over pools: the series, each with the label of its sum."""
    failed: list[tuple[Label | None, str]] = field(default_factory=list)
    """What has no answer: the label of a group or sum, None for all of the task's pools; and the error with their
    names."""
    error: Exception | None = None
    """What refuses the whole request: the record is unreadable, or the request cannot be answered."""


@dataclass(frozen=True)
class Lost:
    """In place of a result: the processes that did the item died."""

    message: str


@dataclass(frozen=True)
class OtherVersion:
    """The worker did not look at the task: it has another version of Poolscope."""

    version: str


def parcel_of(task: Task) -> Parcel:
    """Return a task ready to be sent."""
    return Parcel(VERSION, sum(pool.rows for pool in task.pools), pickle.dumps(task))


def run(parcel: Parcel) -> Done | OtherVersion:
    """Do the task of a parcel in this process: read its pools and answer its questions."""
    if parcel.version != VERSION:
        return OtherVersion(VERSION)
    task: Task = pickle.loads(parcel.task)  # noqa: S301 - from `parcel_of`, through the engine that the caller chose
    try:
        return _done(task, task.record.judged(task.pools, task.selection))
    except (RecordUnreadable, RequestRefused) as refusal:
        return Done(error=refusal)
    except Exception as error:
        if interrupted(error):
            raise
        return Done(failed=[(None, described(", ".join(task.names), error))])


def _done(task: Task, series: Sequence[Series]) -> Done:
    request, done = task.questions[0].request, Done()
    if "pool" in request.by:
        groups: dict[Label, list[Series]] = {}
        for one in series:
            groups.setdefault(label_of(one, request), []).append(one)
        for label, members in groups.items():
            rows = _attempted(done, label, members[0], partial(part, task.questions, members))
            done.rows += [] if rows is None else [rows]
        return done
    needs = facts_needed(task.questions)
    for one in series:
        label = label_of(one, request)
        member = _attempted(done, label, one, partial(_compressed, one, request, needs))
        done.members += [] if member is None else [(label, member)]
    return done


def _compressed(series: Series, request: Request, needs: Collection[type]) -> Member:
    return compressed(member_of(series, request, needs))


def _attempted(done: Done, label: Label, series: Series, make: Callable[[], Result]) -> Result | None:
    """Return what a function makes; None where it fails: then the failure is noted."""
    try:
        return make()
    except (RecordUnreadable, RequestRefused):
        raise
    except Exception as error:
        if interrupted(error):
            raise
        done.failed.append((label, described(f"{series.pool.name or series.pool.pool} {series.type}", error)))
        return None


def described(names: str, error: Exception) -> str:
    """Return what failed as text: the pools, the error, and the function that raised it."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{names}: {type(error).__name__}: {error} ({place.name}, line {place.lineno}); please report this"
