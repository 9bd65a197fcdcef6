"""A scheduler with more rules than that of `simulated`: give-ups, requeues, reservations, and lost servers.

Like that one, it uses none of the project's code.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numba
import numpy as np

from tests.simulated import Floats, Ints, Work

PASSING: Final = ("none", "any", "easy")
"""Which jobs may start before a job that does not fit: none; any that fits; or those that, by the estimated run times,
do not delay the first job of the queue (EASY: Lifka, The ANL/IBM SP scheduling system, 1995)."""
REQUEUES: Final = ("never", "restart", "resume")
"""What happens to running jobs when urgent jobs arrive or servers are lost."""
OUTCOMES: Final = ("Completed", "Terminated", "Requeued")
COMPLETED, GAVE_UP, REQUEUED, RUNNING = range(4)


@dataclass(frozen=True)
class Stays:
    """Stays of jobs in the queue, in order of their begin; a requeued job has several. Times in seconds."""

    job: Ints
    came: Floats
    left: Floats
    """When the job started or gave up."""
    ended: Floats
    outcome: Ints
    """The outcome of the stay and the run after it, as an index of `OUTCOMES`."""

    @property
    def waits(self) -> Floats:
        """The wait of each stay."""
        return self.left - self.came

    @property
    def mean_and_ninth(self) -> Floats:
        """Mean and P90 of the waits."""
        return mean_and_ninth(self.waits)


def mean_and_ninth(waits: Floats) -> Floats:
    """Return the mean and the P90 of waits: 9 of 10 do not exceed it."""
    return np.array([waits.mean(), np.sort(waits)[int(np.ceil(0.9 * len(waits))) - 1]])


def stays_of(
    work: Work,
    servers: int,
    *,
    passing: str = "none",
    requeue: str = "never",
    patience: Floats | None = None,
    estimate: Floats | None = None,
    capacity: Sequence[tuple[float, int]] = (),
) -> Stays:
    """Return the stays of jobs that are served in order of `work.urgent` (lowest first), then of arrival.

    Parameters
    ----------
    passing
        One of `PASSING`.
    requeue
        One of `REQUEUES`. With "never", jobs run to their end. Else jobs whose `urgent` is 0 take the servers of
        other jobs, those that started last first; and a loss of servers stops jobs likewise.
    patience
        How long each job waits before it gives up, in seconds.
    estimate
        The estimated run time of each job, at least its run time, in seconds.
    capacity
        Changes of the number of servers: time in seconds, new number.
    """
    never = np.full(len(work.came), np.inf)
    changes = np.array([-np.inf, *(start for start, _ in capacity)])
    levels = np.array([servers, *(level for _, level in capacity)], np.int64)
    rules = PASSING.index(passing), REQUEUES.index(requeue)
    patience, estimate = (never if patience is None else patience), (work.run if estimate is None else estimate)
    return Stays(*_stays(work.came, work.size, work.run, work.urgent, patience, estimate, *rules, changes, levels))


@numba.njit(cache=True)
def _enqueue(queue: Ints, queued: int, urgent: Ints, job: int) -> None:
    """Insert a job behind the more urgent ones, and behind equally urgent ones that arrived before it."""
    place = queued
    while place > 0 and (urgent[queue[place - 1]], queue[place - 1]) > (urgent[job], job):
        queue[place] = queue[place - 1]
        place -= 1
    queue[place] = job


@numba.njit(cache=True)
def _reservation(ends: Floats, sizes: Ints, free: int, size: int) -> tuple[float, int]:
    """Return when a job fits by the estimated ends of others, and the servers that are then free beside it."""
    for place in np.argsort(ends):
        free += sizes[place]
        if free >= size:
            return ends[place], free - size
    return np.inf, 0


@numba.njit(cache=True)
def _stays(  # noqa: PLR0912, PLR0915 - a compiled pass: calls within it would copy its state
    came: Floats,
    size: Ints,
    run: Floats,
    urgent: Ints,
    patience: Floats,
    estimate: Floats,
    passing: int,
    requeue: int,
    changes: Floats,
    levels: Ints,
) -> tuple[Ints, Floats, Floats, Floats, Ints]:
    n = len(came)
    # One entry per stay:
    jobs, begun, left, ended, outcome = [0], [0.0], [0.0], [0.0], [0]
    running = [(0.0, 0)]
    for column in (begun, left, ended):
        column.pop()
    jobs.pop()
    outcome.pop()
    running.pop()
    # One entry per job:
    giving_up = [(0.0, 0)]
    giving_up.pop()
    remaining = run.copy()
    stay_of, waiting = np.zeros(n, np.int64), np.zeros(n, np.bool_)
    queue, queued = np.empty(n, np.int64), 0
    free, arrival, change = levels[0], 0, 1
    while True:
        now = came[arrival] if arrival < n else np.inf
        if len(running) > 0:
            now = min(now, running[0][0])
        if len(giving_up) > 0:
            now = min(now, giving_up[0][0])
        if change < len(changes):
            now = min(now, changes[change])
        if now == np.inf:
            break
        while len(running) > 0 and running[0][0] <= now:
            stay = heapq.heappop(running)[1]
            if outcome[stay] == RUNNING:
                outcome[stay] = COMPLETED
                free += size[jobs[stay]]
        while change < len(changes) and changes[change] <= now:
            free += levels[change] - levels[change - 1]
            change += 1
        entering = [0]
        entering.pop()
        while arrival < n and came[arrival] <= now:
            entering.append(arrival)
            if patience[arrival] < np.inf:
                heapq.heappush(giving_up, (came[arrival] + patience[arrival], arrival))
            arrival += 1
        while len(giving_up) > 0 and giving_up[0][0] <= now:
            instant, job = heapq.heappop(giving_up)
            if waiting[job]:
                waiting[job] = False
                stay = stay_of[job]
                left[stay] = ended[stay] = instant
                outcome[stay] = GAVE_UP
        # Twice: first jobs that arrive, then those that were put back for urgent ones.
        for turn in range(2):
            for job in entering:
                _enqueue(queue, queued, urgent, job)
                queued += 1
                waiting[job] = True
                stay_of[job] = len(jobs)
                jobs.append(job)
                begun.append(now)
                left.append(np.inf)
                ended.append(np.inf)
                outcome.append(RUNNING)
            entering.clear()
            if turn == 1 or requeue == 0:
                break
            # Jobs that may be put back, in order of their start.
            movable = sorted(
                [(left[stay], stay) for _, stay in running if outcome[stay] == RUNNING and urgent[jobs[stay]] > 0]
            )
            can, wanted = free, 0
            for _, stay in movable:
                can += size[jobs[stay]]
            for place in range(queued):
                job = queue[place]
                if urgent[job] > 0 or wanted + size[job] > can:
                    break
                wanted += size[job]
            while free < wanted and len(movable) > 0:
                stay = movable.pop()[1]
                job = jobs[stay]
                outcome[stay], ended[stay] = REQUEUED, now
                free += size[job]
                if requeue == 2:
                    remaining[job] -= now - left[stay]
                entering.append(job)
        kept, stopped, reserved, beside = 0, False, np.inf, 0
        first = True
        for place in range(queued):
            job = queue[place]
            if not waiting[job]:
                continue
            fits = not stopped and size[job] <= free
            if fits and passing == 2 and not first and now + estimate[job] > reserved:
                fits = size[job] <= beside
                beside -= size[job] if fits else 0
            if fits:
                stay = stay_of[job]
                waiting[job] = False
                free -= size[job]
                left[stay], ended[stay] = now, now + remaining[job]
                heapq.heappush(running, (ended[stay], stay))
                continue
            stopped = passing == 0 or free <= 0
            if passing == 2 and first and not stopped:
                alive = [stay for _, stay in running if outcome[stay] == RUNNING]
                ends = np.array([left[stay] + estimate[jobs[stay]] for stay in alive])
                sizes = np.array([size[jobs[stay]] for stay in alive])
                reserved, beside = _reservation(ends, sizes, free, size[job])
            first = False
            queue[kept] = job
            kept += 1
            if stopped and kept == place + 1:
                # No job before it has started: the others keep their places.
                kept = queued
                break
        queued = kept
    return np.array(jobs), np.array(begun), np.array(left), np.array(ended), np.array(outcome)
