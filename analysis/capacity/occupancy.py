"""The counts of a pool over all its types: its queue, its busy jobs, and the flows between its slots."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from analysis.arrays import Ints
from analysis.capacity.patience import give_ups_of
from analysis.notes import Note
from analysis.queue.assumptions import QUEUES
from analysis.queue.conservation import Flows
from analysis.queue.job_counts import GAP, job_count_of
from analysis.windows import flowed_until

FEWEST_OF_TYPE: Final = 50
"""The fewest arrivals of a type for which its mean wait is compared with the waits of other types."""
BUSY: Final = ("Running", "Creating", "Pending", "Terminating")
"""The statuses of jobs that hold capacity, where they are not counted as waiting."""


@dataclass(frozen=True)
class Occupancy:
    """The counts of a pool at n slots, in jobs, and the flows in the n - 1 intervals between them."""

    slots: Ints
    """n, in seconds since 1970: the slots at which the counts of all the pool's series are known."""
    queue: Ints
    """n: jobs that wait."""
    busy: Ints
    """n: jobs that have left the queue and hold capacity."""
    arrivals: Ints
    """n - 1."""
    give_ups: Ints
    """n - 1: jobs that left the queue by giving up, by a model, see `patience`."""
    returns: Ints
    """n - 1: the fewest arrivals that must be jobs that returned to the queue."""
    unestimated: Note | None = None
    """Why arrivals have no point estimate; None if they have one. Without one `arrivals` are the fewest."""
    give_up_rate: float = 0.0
    """Give-ups per second of waiting."""
    type_waits: tuple[float, ...] = ()
    """The mean wait of each type with enough arrivals, in seconds, by Little's law."""

    @property
    def starts(self) -> Ints:
        """Jobs that left the queue to run, in each interval: n - 1."""
        return np.maximum(self.arrivals - np.diff(self.queue), 0) - self.give_ups

    @property
    def ends(self) -> Ints:
        """Jobs that released their capacity, in each of the n - 1 intervals between n slots."""
        since = np.concatenate([[0], np.cumsum(self.starts)]) - (self.busy - self.busy[0])
        # A job that runs again without having waited looks like a job that had not ended.
        rising: Ints = np.diff(np.maximum.accumulate(np.maximum(since, 0)))
        return rising

    @property
    def waited_seconds(self) -> float:
        """All waiting that was observed, in job-seconds."""
        return float(np.trapezoid(self.queue, self.slots))

    @property
    def busy_seconds(self) -> float:
        """All running that was observed, in job-seconds."""
        return float(np.trapezoid(self.busy, self.slots))

    @property
    def run_seconds(self) -> float:
        """The mean time, in seconds, that a job held capacity, by Little's law; NaN where no job ended."""
        ended = int(self.ends.sum())
        return self.busy_seconds / ended if ended else float("nan")

    @property
    def interpolated_share(self) -> float:
        """The share of all waiting, of 1, that lies in gaps between slots, where it is interpolated."""
        length = np.diff(self.slots)
        waited = length * (self.queue[1:] + self.queue[:-1]) / 2
        gaps = length > GAP * np.median(length)
        return float(waited[gaps].sum() / max(waited.sum(), 1.0))

    @property
    def queued_slots(self) -> int:
        """The number of slots with a queue."""
        return int((self.queue > 0).sum())

    def since(self, instant: int) -> "Occupancy":
        """Return the part from an instant on, with at least the last two slots."""
        return self._part(min(int(np.searchsorted(self.slots, instant)), max(len(self.slots) - 2, 0)), len(self.slots))

    def between(self, start: int, end: int) -> "Occupancy":
        """Return the part from one instant to another."""
        return self._part(*np.searchsorted(self.slots, [start, end + 1]).tolist())

    def _part(self, first: int, after: int) -> "Occupancy":
        of_slots = {name: getattr(self, name)[first:after] for name in ("slots", "queue", "busy")}
        of_intervals = {name: getattr(self, name)[first : after - 1] for name in ("arrivals", "give_ups", "returns")}
        return replace(self, **of_slots, **of_intervals)


def occupancy_of(group: Sequence[Flows], queue: str) -> Occupancy:
    """Return the counts of a pool, summed over its series; `queue` is one of `QUEUES`."""
    statuses = [status for status in BUSY if status not in QUEUES[queue]]
    waiting, busy = job_count_of(group), job_count_of(group, *statuses).jobs
    slots = waiting.slots
    # A queue never grows by more than its arrivals.
    arrivals = np.maximum(_events(group, [flows.arrivals for flows in group], slots), np.diff(waiting.jobs))
    unestimated = next((flows.unestimated for flows in group if flows.unestimated), None)
    give_up_rate, give_ups = _give_ups(group, slots, waiting.jobs, busy)
    give_ups = np.minimum(give_ups, np.maximum(arrivals - np.diff(waiting.jobs), 0))
    type_waits = tuple(
        float(np.trapezoid(flows.queue, flows.series.slots)) / jobs
        for flows in group
        if (jobs := flows.arrivals.sum()) >= FEWEST_OF_TYPE
    )
    returns = _events(group, [flows.returned for flows in group], slots)
    occupancy = Occupancy(slots, waiting.jobs, busy, arrivals, give_ups, returns, unestimated, give_up_rate, type_waits)
    # If a type had jobs when it was first listed, it had unknown jobs before: the pool counts from then on.
    active = (*QUEUES[queue], *statuses)
    late = [
        int(flows.series.slots[0]) for flows in group if any(flows.series.counts[status][0] > 0 for status in active)
    ]
    return occupancy.since(max(late, default=int(slots[0]) if len(slots) else 0))


def _events(group: Sequence[Flows], events: Sequence[Ints], slots: Ints) -> Ints:
    """Return the number of events in each interval between slots, summed over the series."""
    until = np.zeros(len(slots))
    for flows, own in zip(group, events, strict=True):
        until += flowed_until(flows.series.slots, own, slots)
    counts: Ints = np.diff(np.rint(until)).astype(np.int64)
    return counts


def _give_ups(group: Sequence[Flows], slots: Ints, queue: Ints, busy: Ints) -> tuple[float, Ints]:
    """Return the give-ups per second that a job waits, and those in each interval; both zero where no ends are kept."""
    kept = [flows for flows in group if flows.ended]
    terminated = _events(kept, [flows.ended["Terminated"].point for flows in kept], slots)
    waiting_seconds, busy_seconds = ((jobs[1:] + jobs[:-1]) / 2 * np.diff(slots) for jobs in (queue, busy))
    return give_ups_of(terminated, waiting_seconds, busy_seconds, slots)
