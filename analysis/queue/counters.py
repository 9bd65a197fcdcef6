"""What the API keeps of finished jobs: each terminal status classed from its own behaviour.

kept     the count rises, with at most rare small falls, which are deletions
rolling  each end goes out of sight again after a time, the retention
purged   the count falls in batches
capped   the count stands at a ceiling while jobs go on to end
absent   nothing is counted, though jobs clearly end
silent   nothing is counted, and nothing says that jobs end so: zero
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.arrays import Ints
from analysis.notes import mark
from analysis.queue.retention import explains, find_retention
from analysis.record.series import Series
from collector.record.statuses import ENDED

WORST_LAST: Final = (
    mark("note", "silent"),
    mark("note", "kept"),
    mark("note", "rolling"),
    mark("note", "purged"),
    mark("note", "capped"),
    mark("note", "absent"),
)
# Deletions are rare: a share of what ended, or a handful.
DELETED: Final = 0.05
HANDFUL: Final = 3
# A batch takes away what ended over many slots.
BATCHES: Final = 0.2
# At a ceiling a count stands for long.
STANDS: Final = 0.2


@dataclass(frozen=True)
class Classes:
    """How the terminal statuses of one series behave."""

    by_status: dict[str, str]
    retention: int | None
    """Of those that roll, in seconds; None where none does, or it could not be found."""
    notes: tuple[str, ...]

    @property
    def name(self) -> str:
        """The series' class: that of its worst status."""
        return max(self.by_status.values(), key=WORST_LAST.index)

    @property
    def history(self) -> str:
        """The class as a column says it, with the retention."""
        if self.name != "rolling":
            return self.name
        if not self.retention:
            return mark("note", "rolling, retention unknown")
        return mark("note", "rolling {days:g}d").format(days=self.retention / 86400)


def classify(series: Series) -> Classes:
    """Class the terminal statuses of a series with at least two slots."""
    counts = {status: series.counts[status].astype(np.int64, copy=False) for status in ENDED}
    total = series.counts["total"]
    lost = np.maximum(-np.diff(total), 0)
    ended = np.sum(list(counts.values()), axis=0)
    if not ended.any():
        # Deleted or not: whoever ends goes out of sight at once.
        vanished = int(lost.sum())
        if vanished > HANDFUL:
            return Classes(dict.fromkeys(ENDED, "absent"), None, (mark("note", "nothing is kept of finished jobs"),))
        return Classes(dict.fromkeys(ENDED, "silent"), None, ())
    falling = [status for status in ENDED if (np.diff(counts[status]) < 0).any()]
    rolling = [status for status in falling if _falls(counts[status]) > _deletions(counts[status])]
    retention = find_retention(series.slots, [counts[s] for s in rolling], _steps(series)) if rolling else None
    if retention is not None:
        # Where the others roll a few falls are no deletions.
        rolling = [s for s in falling if s in rolling or explains(series.slots, counts[s], retention)]
    # Who leaves without an end that is counted: deleted while it ran, or ended behind a ceiling.
    rises = np.sum([np.maximum(np.diff(count), 0) for count in counts.values()], axis=0)
    unseen = np.maximum(-np.diff(total - ended) - rises, 0)
    by_status, notes = {}, []
    for status in ENDED:
        count = counts[status]
        if not count.any():
            by_status[status] = "silent"
        elif not rolling and _behind_ceiling(count, unseen) > max(HANDFUL, DELETED * rises.sum()):
            by_status[status] = "capped"
        elif status not in rolling:
            by_status[status] = "kept"
            if deleted := _falls(count):
                taken = mark("note", "{status}: {deleted:,} taken as deleted")
                notes.append(taken.format(status=status, deleted=deleted))
        elif retention is not None:
            by_status[status] = "rolling"
        else:
            by_status[status] = _without_retention(count, ended, lost)
    if "rolling" in by_status.values() and retention is None:
        notes.append(mark("note", "how long finished jobs are kept was not found: what came is at least this"))
    if "capped" in by_status.values():
        notes.append(mark("note", "a ceiling hides what ends while it is reached"))
    return Classes(by_status, retention, tuple(notes))


def _steps(series: Series) -> list[int]:
    """Return how far apart slots are, in seconds: over the whole record as a rule, and in its stretches."""
    intervals, times = np.unique(series.intervals, return_counts=True)
    longest_first = intervals[np.argsort(-intervals * times)]
    return list(dict.fromkeys([int(np.median(np.diff(series.slots))), *longest_first.tolist()]))


def _falls(count: Ints) -> int:
    return int(np.maximum(-np.diff(count), 0).sum())


def _deletions(count: Ints) -> float:
    return max(HANDFUL, DELETED * float(np.maximum(np.diff(count), 0).sum() + count[0]))


def _without_retention(count: Ints, ended: Ints, lost: Ints) -> str:
    """Class a count that falls, and by no retention."""
    if any(_behind_ceiling(stands, lost) > HANDFUL for stands in (count, ended)):
        return "capped"
    change = np.diff(count)
    return "purged" if (change < 0).sum() <= BATCHES * max(1, (change > 0).sum()) else "rolling"


def _behind_ceiling(count: Ints, lost: Ints) -> int:
    """Return how many were lost while a count stood at its ceiling; none where it does not stand there for long."""
    at_ceiling = (count[1:] == count.max()) & (count[:-1] == count.max())
    return int(lost[at_ceiling].sum()) if at_ceiling.mean() >= STANDS else 0
