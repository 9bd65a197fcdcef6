"""Jobs and their times, and the number of jobs in each status at any time."""

import math
from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from collector.record.statuses import ENDED, STATUSES

KEPT_FOR_EVER = math.inf

Counts = dict[str, dict[str, int]]
"""The number of jobs by type and by status, with all nine statuses."""


class Pool(Protocol):
    """An object that describes a pool and returns its counts at any time."""

    @property
    def id(self) -> str:
        """The API's metadata.name."""
        ...

    @property
    def display_name(self) -> str:
        """Its name in the console."""
        ...

    @property
    def workspace(self) -> str:
        """The id of its workspace."""
        ...

    @property
    def created(self) -> datetime:
        """When it was created, UTC."""
        ...

    @property
    def policy(self) -> str | None:
        """Its queue policy, None if unknown."""
        ...

    @property
    def flavor(self) -> str | None:
        """The flavor of its nodes, None if unknown."""
        ...

    @property
    def nodes(self) -> int:
        """The number of its nodes; without meaning if the flavor is unknown."""
        ...

    def counts_at(self, instant: float, retention: float = KEPT_FOR_EVER) -> Counts:
        """Return the counts of every type at a time; safe to call from several threads.

        Parameters
        ----------
        instant
            Seconds since 1970, UTC. Events at exactly this time are included.
        retention
            Seconds for which finished jobs are counted; with 0 they are never counted.
        """
        ...


@dataclass(slots=True)
class Job:
    """The events of one job, in seconds since 1970; None for an event that has not happened.

    A job that gives up waiting has that time as `scheduled` and `left`, and has no start.
    """

    pool: str
    type: str
    submitted: float
    scheduled: float | None = None
    """When it moved from Queue to Pending."""
    left: float | None = None
    """When its wait ended: it moved from Pending to Creating, or gave up."""
    started: float | None = None
    ended: float | None = None
    final: str | None = None
    """Completed, Terminated or Failed after it has ended."""
    cards: int = 1


class Ledger:
    """The times at which jobs entered and left each status, by type; a count at any time costs two bisections."""

    def __init__(self, types: Iterable[str]) -> None:
        self._entered: dict[str, dict[str, list[float]]] = {}
        self._left: dict[str, dict[str, list[float]]] = {}
        for job_type in types:
            self._entered[job_type] = {status: [] for status in STATUSES}
            self._left[job_type] = {status: [] for status in STATUSES}

    def enter(self, job_type: str, status: str, instant: float) -> None:
        """Add a job's entry into a status; the type must be known. Any order is allowed; the order of time is fast."""
        insort(self._entered[job_type][status], instant)

    def leave(self, job_type: str, status: str, instant: float) -> None:
        """Add a job's exit from a status."""
        insort(self._left[job_type][status], instant)

    def add(self, job: Job) -> None:
        """Add all entries and exits of a job."""
        for status, entered, left in stays(job):
            self.enter(job.type, status, entered)
            if left is not None:
                self.leave(job.type, status, left)

    def counts_at(self, instant: float, retention: float = KEPT_FOR_EVER) -> Counts:
        """Return the counts of every type; for the parameters see `Pool.counts_at`."""
        counts = {}
        for job_type, entered in self._entered.items():
            left = self._left[job_type]
            counts[job_type] = {s: bisect_right(entered[s], instant) - bisect_right(left[s], instant) for s in STATUSES}
            for status in ENDED:
                counts[job_type][status] -= bisect_right(entered[status], instant - retention)
        return counts


def stays(job: Job) -> Iterator[tuple[str, float, float | None]]:
    """Yield each status of a job with the times of its entry and exit (None if it has not left the status).

    >>> list(stays(Job("p", "train", 0.0, 5.0, 5.0, None, 5.0, "Terminated")))[0]
    ('Queue', 0.0, 5.0)
    """
    yield "Queue", job.submitted, job.scheduled
    if job.scheduled is not None:
        yield "Pending", job.scheduled, job.left
    if job.left is not None and job.started is not None:
        yield "Creating", job.left, job.started
    if job.started is not None:
        yield "Running", job.started, job.ended
    if job.ended is not None and job.final is not None:
        yield job.final, job.ended, None
