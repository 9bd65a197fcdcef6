"""Simulates one pool event by event, from a seed: jobs arrive, queue for cards, run, fail, or give up."""

import heapq
import itertools
from collections.abc import Callable
from random import Random

from collector.sandbox.jobs import Job, Ledger
from collector.sandbox.plans import PoolPlan, Workload

HOUR = 3600.0
DAY = 24 * HOUR

# Means of exponentially distributed durations, in seconds.
PENDING, CREATING, TERMINATING, ABNORMAL = 20.0, 75.0, 25.0, 12 * 60.0
GOOD_PERIOD, BAD_PERIOD = 4 * DAY, 5 * HOUR

FAILS_IN_BAD_PERIOD = 0.35
ABNORMAL_SHARE = 0.02
"""The share of running jobs that become Abnormal once; half of these recover, the others fail."""


class Simulation:
    """The event simulation of one pool.

    A job holds its cards from leaving Queue until its end. FIFO stops at the first job that does not fit; backfill
    skips it and tries the next job.
    """

    def __init__(self, plan: PoolPlan, pool: str, seed: str, start: float) -> None:
        self.plan = plan
        self.jobs: list[Job] = []
        """All jobs so far, in order of submission."""
        self.ledger = Ledger(workload.type for workload in plan.workloads)
        self.free_cards = plan.cards
        self._pool = pool
        self._random = Random(seed)  # noqa: S311 - must be repeatable, is not used for secrets
        self._now = start
        self._bad_period = False
        self._queue: list[tuple[Job, Workload]] = []
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._event_numbers = itertools.count()
        self._after(self._exponential(GOOD_PERIOD), self._switch_period)
        for workload in plan.workloads:
            self._schedule_arrival(workload)

    def advance(self, until: float) -> None:
        """Simulate all events up to and including a time; a time that has passed changes nothing."""
        while self._events and self._events[0][0] <= until:
            self._now, _, event = heapq.heappop(self._events)
            event()

    def _after(self, seconds: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self._now + seconds, next(self._event_numbers), event))

    def _exponential(self, mean: float) -> float:
        return self._random.expovariate(1 / mean)

    def _switch_period(self) -> None:
        self._bad_period = not self._bad_period
        self._after(self._exponential(BAD_PERIOD if self._bad_period else GOOD_PERIOD), self._switch_period)

    def _schedule_arrival(self, workload: Workload) -> None:
        # Thinning: candidates arrive at the week's highest rate; each is kept with the probability rate / highest rate.
        rate = workload.jobs_per_second(self.plan.cards) * workload.rhythm.peak
        seconds = self._random.expovariate(rate)
        while self._random.random() * workload.rhythm.peak > workload.rhythm.at(self._now + seconds):
            seconds += self._random.expovariate(rate)
        self._after(seconds, lambda: self._arrive(workload))

    def _arrive(self, workload: Workload) -> None:
        self._schedule_arrival(workload)
        job = Job(self._pool, workload.type, self._now, cards=workload.draw_cards(self._random, self.plan.cards))
        self.jobs.append(job)
        self.ledger.enter(job.type, "Queue", self._now)
        self._queue.append((job, workload))
        if self._random.random() < workload.impatient:
            self._after(self._exponential(workload.patience), lambda: self._give_up(job, workload))
        self._serve_queue()

    def _serve_queue(self) -> None:
        waiting = self._queue
        self._queue = []
        for position, (job, workload) in enumerate(waiting):
            if job.cards <= self.free_cards:
                self._schedule(job, workload)
                continue
            self._queue.append((job, workload))
            if self.plan.policy == "fifo" or not self.free_cards:
                self._queue += waiting[position + 1 :]
                return

    def _move(self, job: Job, old: str, new: str) -> None:
        self.ledger.leave(job.type, old, self._now)
        self.ledger.enter(job.type, new, self._now)

    def _give_up(self, job: Job, workload: Workload) -> None:
        if job.scheduled is not None:
            return
        self._queue.remove((job, workload))
        job.scheduled = job.left = self._now
        self._terminate(job, "Queue", held_cards=0)
        self._serve_queue()

    def _schedule(self, job: Job, workload: Workload) -> None:
        self.free_cards -= job.cards
        job.scheduled = self._now
        self._move(job, "Queue", "Pending")
        self._after(self._exponential(PENDING), lambda: self._create(job, workload))

    def _create(self, job: Job, workload: Workload) -> None:
        job.left = self._now
        self._move(job, "Pending", "Creating")
        self._after(self._exponential(CREATING), lambda: self._run(job, workload))

    def _run(self, job: Job, workload: Workload) -> None:
        job.started = self._now
        self._move(job, "Creating", "Running")
        seconds, draw = workload.draw_run_seconds(self._random), self._random.random()
        fails = FAILS_IN_BAD_PERIOD if self._bad_period else workload.fails
        end: Callable[[], None]
        if draw < fails:
            # Most jobs fail early: a wrong path, too little memory.
            seconds *= self._random.random() ** 3
            end = lambda: self._end(job, "Running", "Failed", job.cards)  # noqa: E731 - one of three continuations
        elif draw < fails + workload.cancelled:
            seconds *= self._random.random()
            end = lambda: self._terminate(job, "Running", job.cards)  # noqa: E731 - one of three continuations
        else:
            end = lambda: self._end(job, "Running", "Completed", job.cards)  # noqa: E731 - one of three continuations
        if self._random.random() < ABNORMAL_SHARE:
            remaining = seconds * self._random.random()
            self._after(seconds - remaining, lambda: self._become_abnormal(job, remaining, end))
        else:
            self._after(seconds, end)

    def _become_abnormal(self, job: Job, remaining: float, end: Callable[[], None]) -> None:
        self._move(job, "Running", "Abnormal")
        if self._random.random() < 0.5:
            self._after(self._exponential(ABNORMAL), lambda: self._end(job, "Abnormal", "Failed", job.cards))
        else:
            self._after(self._exponential(ABNORMAL), lambda: self._recover(job, remaining, end))

    def _recover(self, job: Job, remaining: float, end: Callable[[], None]) -> None:
        self._move(job, "Abnormal", "Running")
        self._after(remaining, end)

    def _terminate(self, job: Job, status: str, held_cards: int) -> None:
        self._move(job, status, "Terminating")
        seconds = self._exponential(TERMINATING)
        self._after(seconds, lambda: self._end(job, "Terminating", "Terminated", held_cards))

    def _end(self, job: Job, status: str, final: str, held_cards: int) -> None:
        self._move(job, status, final)
        job.ended, job.final = self._now, final
        self.free_cards += held_cards
        if held_cards:
            self._serve_queue()
