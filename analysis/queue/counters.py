"""How the API keeps finished jobs: a class for each terminal status, by the behaviour of its count.

kept     the count rises, with at most a few small falls, which are deletions
rolling  each job leaves the count after the same time, the retention
purged   the count falls seldom, by many jobs at a time
capped   the count stays at a ceiling while jobs go on to end
absent   the count is always zero, though jobs clearly end
silent   the count is always zero, and there is no sign that jobs end in this status
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.arrays import Ints
from analysis.calendar import DAY
from analysis.notes import NOTHING, Note, Notes, joined, note, word
from analysis.queue.retention import explains, find_retention
from analysis.record.series import Series
from collector.record.odd import DELETED, HANDFUL
from collector.record.statuses import ENDED

WORST_LAST: Final = (
    word("silent"),
    word("kept"),
    word("rolling"),
    word("purged"),
    word("capped"),
    word("absent"),
)
FALLS_PER_RISE: Final = 0.2
"""A purge removes the jobs that ended over many slots: at most this many falls for one rise. 94.8 % of 600 simulated
series are classed right; 93.2 % at 0.1, 95.7 % at 0.4, 95.5 % at 0.8: tests/benchmarks/classes.py."""
AT_CEILING: Final = 0.2
"""The least share of slots at its maximum for a count with a ceiling. 94.8 % of 600 simulated series are classed right;
95.0 % at 0.1, 92.7 % at 0.4: tests/benchmarks/classes.py."""


@dataclass(frozen=True)
class Classes:
    """The classes of the terminal statuses of one series."""

    by_status: dict[str, str]
    retention: int | None
    """The retention of the rolling statuses, in seconds; None if no status rolls, or the retention was not found."""
    notes: Notes

    @property
    def name(self) -> str:
        """The series' class: that of its worst status."""
        return max(self.by_status.values(), key=WORST_LAST.index)

    @property
    def described(self) -> Note:
        """The class as a note for a column, with the retention in days where it is known."""
        if self.name != "rolling":
            return Note(self.name)
        if not self.retention:
            return note("rolling, retention unknown")
        return note("rolling {days:g}d", days=self.retention / DAY)


def classify(series: Series) -> Classes:
    """Return the classes of the terminal statuses of a series, which has at least two slots with known counts."""
    counts = {status: series.counts[status].astype(np.int64, copy=False) for status in ENDED}
    total = series.counts["total"]
    lost = np.maximum(-np.diff(total), 0)
    ended = np.sum(list(counts.values()), axis=0)
    if not ended.any():
        # A job that ends leaves the counts immediately, whether it was deleted or not.
        if int(lost.sum()) > HANDFUL:
            return Classes(dict.fromkeys(ENDED, "absent"), None, joined(note("the API keeps no finished jobs")))
        return Classes(dict.fromkeys(ENDED, "silent"), None, NOTHING)
    falling = [status for status in ENDED if (np.diff(counts[status]) < 0).any()]
    rolling = [status for status in falling if _falls(counts[status]) > _deletions(counts[status])]
    rolling_counts = [counts[status] for status in rolling]
    retention = find_retention(series.slots, rolling_counts, _steps(series)) if rolling else None
    if retention is not None:
        # If other statuses roll, a few falls of a status are no deletions where the same retention explains them.
        rolling = [
            status for status in falling if status in rolling or explains(series.slots, counts[status], retention)
        ]
    # Jobs that left without an end in the counts: deleted while they ran, or ended while a count was at its ceiling.
    rises = np.sum([np.maximum(np.diff(count), 0) for count in counts.values()], axis=0)
    unseen = np.maximum(-np.diff(total - ended) - rises, 0)
    by_status = {}
    for status, count in counts.items():
        if not count.any():
            by_status[status] = "silent"
        elif not rolling and _behind_ceiling(count, unseen) > max(HANDFUL, DELETED * rises.sum()):
            by_status[status] = "capped"
        elif status not in rolling:
            by_status[status] = "kept"
        elif retention is not None:
            by_status[status] = "rolling"
        else:
            by_status[status] = _without_retention(count, ended, lost)
    return Classes(by_status, retention, joined(*_notes(by_status, counts, retention)))


def _notes(by_status: Mapping[str, str], counts: Mapping[str, Ints], retention: int | None) -> Iterator[Note]:
    for status, name in by_status.items():
        if name == "kept" and (deleted := _falls(counts[status])):
            yield note("{status}: {deleted:,} jobs taken as deleted", status=status, deleted=deleted)
    if "rolling" in by_status.values() and retention is None:
        yield note("retention not found: arrivals are lower bounds")
    if "capped" in by_status.values():
        yield note("finished jobs are counted up to a ceiling: ends beyond it do not show")


def _steps(series: Series) -> list[int]:
    """Return distances of slots in seconds: the median one, then the poll intervals, the most used first."""
    intervals, times = np.unique(series.intervals, return_counts=True)
    longest_first = intervals[np.argsort(-intervals * times)]
    return list(dict.fromkeys([int(np.median(np.diff(series.slots))), *longest_first.tolist()]))


def _falls(count: Ints) -> int:
    return int(np.maximum(-np.diff(count), 0).sum())


def _deletions(count: Ints) -> float:
    return max(HANDFUL, DELETED * float(np.maximum(np.diff(count), 0).sum() + count[0]))


def _without_retention(count: Ints, ended: Ints, lost: Ints) -> str:
    """Return the class of a count whose falls no retention explains."""
    if any(_behind_ceiling(ceiling, lost) > HANDFUL for ceiling in (count, ended)):
        return "capped"
    change = np.diff(count)
    return "purged" if (change < 0).sum() <= FALLS_PER_RISE * max(1, (change > 0).sum()) else "rolling"


def _behind_ceiling(count: Ints, lost: Ints) -> int:
    """Return the jobs that were lost while a count was at its ceiling; 0 if it was there in too few slots."""
    at_ceiling = (count[1:] == count.max()) & (count[:-1] == count.max())
    return int(lost[at_ceiling].sum()) if at_ceiling.mean() >= AT_CEILING else 0
