"""What was counted of a pool, over all its types: its queue, who came to it and left it, and who was busy."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from analysis.arrays import Ints
from analysis.capacity.patience import give_ups
from analysis.queue.conservation import QUEUES, Flows
from analysis.queue.levels import GAP, level_of
from analysis.windows import between

FEWEST: Final = 50
"""Jobs of a type that tell how it waits."""
BUSY: Final = ("Running", "Creating", "Pending", "Terminating")


@dataclass(frozen=True)
class Counted:
    """What was counted of a pool: its queue, who came to it and left it, and who was busy."""

    slots: Ints
    """n, in seconds; those at which all of it was seen."""
    queue: Ints
    busy: Ints
    """n: jobs that wait, and jobs that have left the queue and hold capacity."""
    arrivals: Ints
    """n - 1: of each interval."""
    gave_up: Ints
    """n - 1: jobs that left the queue by giving up, by a model, see `patience`."""
    returned: Ints
    """n - 1: at least so many of who came had run before."""
    unseen: float = 1.0
    """Where the API keeps no finished jobs: jobs in truth for one that was seen, by a model; else 1."""
    hazard: float = 0.0
    """How often a job that waits gives up, a second."""
    by_type: tuple[float, ...] = ()
    """The mean wait of the jobs of each type with enough of them, in seconds, by Little's law."""

    @property
    def starts(self) -> Ints:
        """N - 1: jobs that left the queue to run."""
        return np.maximum(self.arrivals - np.diff(self.queue), 0) - self.gave_up

    @property
    def ends(self) -> Ints:
        """N - 1: jobs that gave their capacity back."""
        since = np.concatenate([[0], np.cumsum(self.starts)]) - (self.busy - self.busy[0])
        # Who runs again without having waited is not told from who had not ended.
        rising: Ints = np.diff(np.maximum.accumulate(np.maximum(since, 0)))
        return rising

    @property
    def waited_seconds(self) -> float:
        """All waiting that was seen, in job-seconds."""
        return float(np.trapezoid(self.queue, self.slots))

    @property
    def busy_seconds(self) -> float:
        """All running that was seen, in job-seconds."""
        return float(np.trapezoid(self.busy, self.slots))

    @property
    def run_seconds(self) -> float:
        """How long a job was busy on average, by Little's law; NaN where none ended."""
        ended = self.unseen * int(self.ends.sum())
        return self.busy_seconds / ended if ended else float("nan")

    @property
    def guessed_share(self) -> float:
        """The share of all waiting that lies in gaps between slots, where it is only guessed."""
        length = np.diff(self.slots)
        waited = length * (self.queue[1:] + self.queue[:-1]) / 2
        gaps = length > GAP * np.median(length)
        return float(waited[gaps].sum() / max(waited.sum(), 1.0))

    @property
    def queued(self) -> int:
        """At how many slots somebody waited."""
        return int((self.queue > 0).sum())

    def since(self, instant: int) -> "Counted":
        """Return what was counted from an instant on; all where hardly anything was."""
        return self._part(min(int(np.searchsorted(self.slots, instant)), max(len(self.slots) - 2, 0)), len(self.slots))

    def between(self, start: int, end: int) -> "Counted":
        """Return what was counted from one instant to another."""
        return self._part(*np.searchsorted(self.slots, [start, end + 1]).tolist())

    def _part(self, first: int, last: int) -> "Counted":
        slots = {name: getattr(self, name)[first:last] for name in ("slots", "queue", "busy")}
        between = {name: getattr(self, name)[first : last - 1] for name in ("arrivals", "gave_up", "returned")}
        return replace(self, **slots, **between)


def counted(group: Sequence[Flows], queue: str) -> Counted:
    """Sum up what was counted of the series of a pool; `queue` is one of `QUEUES`."""
    statuses = [status for status in BUSY if status not in QUEUES[queue]]
    waiting, busy = level_of(group), level_of(group, *statuses).jobs
    slots = waiting.slots
    # A queue never grows by more than what came.
    arrivals = np.maximum(_events(group, [flows.arrivals for flows in group], slots), np.diff(waiting.jobs))
    seen = sum(int(each.arrivals.sum()) for each in group)
    unseen = sum(float(each.arrivals.sum()) * each.unseen for each in group) / seen if seen else 1.0
    hazard, gave_up = _give_ups(group, slots, waiting.jobs, busy)
    gave_up = np.minimum(gave_up, np.maximum(arrivals - np.diff(waiting.jobs), 0))
    by_type = tuple(
        float(np.trapezoid(each.queue, each.series.slots)) / n for each in group if (n := each.arrivals.sum()) >= FEWEST
    )
    returned = _events(group, [flows.returned for flows in group], slots)
    whole = Counted(slots, waiting.jobs, busy, arrivals, gave_up, returned, unseen, hazard, by_type)
    # Of a type that had jobs when it was first listed nothing is known before.
    active = (*QUEUES[queue], *statuses)
    late = [int(each.series.slots[0]) for each in group if any(each.series.counts[status][0] > 0 for status in active)]
    return whole.since(max(late, default=int(slots[0]) if len(slots) else 0))


def _events(group: Sequence[Flows], events: Sequence[Ints], slots: Ints) -> Ints:
    """Return how many events of all series there were in each interval between slots."""
    until = np.zeros(len(slots))
    for flows, own in zip(group, events, strict=True):
        until += between(flows.series.slots, own, slots)
    counts: Ints = np.diff(np.rint(until)).astype(np.int64)
    return counts


def _give_ups(group: Sequence[Flows], slots: Ints, queue: Ints, busy: Ints) -> tuple[float, Ints]:
    """Return how often a job that waits gives up, and how many did in each interval; none where ends are not kept."""
    kept = [flows for flows in group if flows.ended]
    terminated = _events(kept, [flows.ended["Terminated"].point for flows in kept], slots)
    waited, ran = ((jobs[1:] + jobs[:-1]) / 2 * np.diff(slots) for jobs in (queue, busy))
    return give_ups(terminated, waited, ran, slots)
