"""Jobs as they happened, and how many were in each status at any instant."""

import math
from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from collector.record.statuses import ENDED, STATUSES

KEPT_FOR_EVER = math.inf

Counts = dict[str, dict[str, int]]
"""How many jobs of each type are in each of the nine statuses."""


class Pool(Protocol):
    """An object that has a pool's name and face, and can tell its counts at an instant."""

    @property
    def id(self) -> str:
        """The API's metadata.name."""
        ...

    @property
    def display_name(self) -> str:
        """What the console calls it."""
        ...

    @property
    def workspace(self) -> str:
        """The id of its workspace."""
        ...

    @property
    def created(self) -> datetime:
        """When it was made, UTC."""
        ...

    @property
    def policy(self) -> str | None:
        """How its queue is served, where that is known."""
        ...

    @property
    def flavor(self) -> str | None:
        """The kind of its nodes, where that is known."""
        ...

    @property
    def nodes(self) -> int:
        """The number of its nodes; it says nothing where the flavor is unknown."""
        ...

    def counts_at(self, instant: float, retention: float = KEPT_FOR_EVER) -> Counts:
        """Return the counts of every type at an instant; threads may ask at once.

        Parameters
        ----------
        instant
            Seconds since 1970, UTC. What happens at the instant has happened by it.
        retention
            How many seconds a finished job stays counted: 0 never counts it.
        """
        ...


@dataclass(slots=True)
class Job:
    """What became of one job; instants are seconds since 1970, None where it has not come (or never came).

    A job that never ran is scheduled and leaves when it gives up, and has no start.
    """

    pool: str
    type: str
    submitted: float
    scheduled: float | None = None
    """When it passed from Queue to Pending."""
    left: float | None = None
    """When it had waited: from Pending to Creating, or gone without running."""
    started: float | None = None
    ended: float | None = None
    final: str | None = None
    """One of Completed, Terminated, Failed once it has ended."""
    cards: int = 1


class Ledger:
    """Keeps, for each type and status, when jobs entered and left it: a count at an instant costs two bisections."""

    def __init__(self, types: Iterable[str]) -> None:
        self._entered: dict[str, dict[str, list[float]]] = {}
        self._left: dict[str, dict[str, list[float]]] = {}
        for job_type in types:
            self._entered[job_type] = {status: [] for status in STATUSES}
            self._left[job_type] = {status: [] for status in STATUSES}

    def enter(self, job_type: str, status: str, instant: float) -> None:
        """Note that a job of a known type entered a status; in the order of time this is cheap, in any order right."""
        insort(self._entered[job_type][status], instant)

    def leave(self, job_type: str, status: str, instant: float) -> None:
        """Note that a job left a status."""
        insort(self._left[job_type][status], instant)

    def add(self, job: Job) -> None:
        """Note a whole job."""
        for status, entered, left in stays(job):
            self.enter(job.type, status, entered)
            if left is not None:
                self.leave(job.type, status, left)

    def counts_at(self, instant: float, retention: float = KEPT_FOR_EVER) -> Counts:
        """Return the counts of every type; `Pool.counts_at` says what the parameters mean."""
        counts = {}
        for job_type, entered in self._entered.items():
            left = self._left[job_type]
            counts[job_type] = {s: bisect_right(entered[s], instant) - bisect_right(left[s], instant) for s in STATUSES}
            for status in ENDED:
                counts[job_type][status] -= bisect_right(entered[status], instant - retention)
        return counts


def stays(job: Job) -> Iterator[tuple[str, float, float | None]]:
    """Tell which statuses a job was in, each with the instants it came and went (None: it has not gone).

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
