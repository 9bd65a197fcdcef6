"""The scheduler of one slot's requests: a limited number of workers, a common pace, retries, and a deadline.

A pool that fails must not cost another pool its sample. So requests are sent in a random order; after a temporary
failure a request waits outside the workers, and is repeated after all first attempts; and a worker whose request stays
silent is replaced by another one. (Libraries for retries do not do this: a waiting request keeps its worker.)
"""

import asyncio
import itertools
import random
from dataclasses import dataclass

from collector.api.client import Payload
from collector.api.network import CONNECTIONS
from collector.api.outcomes import PASSING, RequestFailed
from collector.clock import Clock
from collector.polling.requests import Answer, Request
from collector.record.slots import naive

FIRST_DELAY = 0.5
LONGEST_DELAY = 10.0
# The silence after which a worker is replaced, in real seconds: 8 workers then start 16 requests a second even if none
# is answered.
PATIENCE = 0.5
MOST_WORKERS = 256
DEADLINE = "deadline"
# In seconds. A gateway refuses a signature within milliseconds: a request that is silent for longer was not refused.
NOT_REFUSED = 2.0
SILENT = RequestFailed("timeout")
INTERRUPTED = "the poll was ended by a signal before the answer came"


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one slot's requests: attempts per request, seconds per request, the deadline, and the pace."""

    attempts: int
    total_timeout: float
    deadline: float
    """In monotonic seconds of the clock."""
    requests_per_second: float
    concurrency: int
    """The number of workers, not counting those that were replaced while their request stays silent."""


class NotAsked(RequestFailed):
    """The failure of a request that was not sent; its outcome is the cause."""


class Scheduler:
    """Makes requests, and repeats those that fail temporarily, within the limits."""

    def __init__(self, clock: Clock, limits: Limits) -> None:
        self._clock = clock
        self._limits = limits
        self._random = random.Random()  # noqa: S311 - it spreads requests and guards nothing
        self._queue: asyncio.PriorityQueue[tuple[int, float, int, Request]] = asyncio.PriorityQueue()
        self._order = itertools.count()
        self._unanswered: set[Request] = set()
        self._next_turn = self._clock.monotonic()
        self._all_answered = asyncio.Event()
        self._tasks = asyncio.TaskGroup()
        self._workers: set[asyncio.Task[None]] = set()
        self._returning: set[asyncio.Task[None]] = set()

    def add(self, request: Request) -> None:
        """Add a request, to be sent with the other first attempts."""
        self._unanswered.add(request)
        self._enqueue(request)

    async def run(self, end: asyncio.Event) -> None:
        """Make all requests, also those that answers add; return when each has its answer.

        When `end` is set, open requests are answered at once, with their last failure or as interrupted.
        """
        if not self._unanswered:
            return
        async with self._tasks:
            for place in range(self._limits.concurrency):
                self._start_worker(place // CONNECTIONS)
            ending = self._tasks.create_task(self._end(end))
            await self._all_answered.wait()
            for task in (*self._workers, *self._returning, ending):
                task.cancel()

    async def _end(self, end: asyncio.Event) -> None:
        await end.wait()
        for request in tuple(self._unanswered):
            request.failure = request.failure or RequestFailed("interrupted", error_msg=INTERRUPTED)
            self._answer(request, None)

    def _enqueue(self, request: Request) -> None:
        self._queue.put_nowait((request.attempts, self._random.random(), next(self._order), request))

    def _start_worker(self, client: int) -> None:
        worker = self._tasks.create_task(self._work(client))
        self._workers.add(worker)
        worker.add_done_callback(self._workers.discard)

    async def _work(self, client: int) -> None:
        """Make requests with one client, until another worker replaces this one."""
        relieved = False
        while not relieved:
            *_, request = await self._queue.get()
            if not request.gate.admits(request):
                continue
            try:
                payload = await self._attempt(request, client)
            except RequestFailed as failure:
                # The failure is kept until the poll ends: its traceback would keep all that was read in memory.
                failure.__traceback__ = failure.__context__ = None
                self._settle(request, failure)
                self._failed(request, failure)
            except Exception as error:  # noqa: BLE001 - an unexpected answer must not cost other pools theirs
                unforeseen = _unforeseen(error)
                self._settle(request, unforeseen)
                self._failed(request, unforeseen)
            else:
                self._settle(request, None)
                self._answer(request, payload)
            relieved = request.relieved

    async def _attempt(self, request: Request, client: int) -> Payload:
        request.relieved = False
        if (refusal := request.gate.refusal) is not None:
            cause = refusal.error_msg or refusal.http_status
            message = f"not asked, as the credential was refused before: {cause}"
            raise NotAsked(refusal.outcome, error_code=refusal.error_code, error_msg=message)
        await self._turn()
        left = self._limits.deadline - self._clock.monotonic()
        if left <= 0:
            raise NotAsked(DEADLINE, error_msg="not asked, as the slot's deadline had passed")
        request.attempts += 1
        request.started_at = request.started_at or self._clock.now()
        loop = asyncio.get_running_loop()
        timers = [loop.call_later(PATIENCE, self._relieve, request, client)]
        if not request.gate.open:
            timers.append(loop.call_later(NOT_REFUSED, self._settle, request, SILENT))
        try:
            return await request.send(request.apis[client], min(self._limits.total_timeout, left))
        finally:
            for timer in timers:
                timer.cancel()

    def _relieve(self, request: Request, client: int) -> None:
        if len(self._workers) < MOST_WORKERS:
            request.relieved = True
            self._start_worker(client)

    def _settle(self, request: Request, failure: RequestFailed | None) -> None:
        for waiting in request.gate.settle(request, failure):
            self._enqueue(waiting)

    def _failed(self, request: Request, failure: RequestFailed) -> None:
        if not isinstance(failure, NotAsked) or request.failure is None:
            request.failure = failure
        delay = self._delay(request)
        if (
            failure.outcome in PASSING
            and request.attempts < self._limits.attempts
            and self._clock.monotonic() + delay < self._limits.deadline
        ):
            returning = self._tasks.create_task(self._requeue(request, delay))
            self._returning.add(returning)
            returning.add_done_callback(self._returning.discard)
        else:
            self._answer(request, None)

    def _delay(self, request: Request) -> float:
        """Return the seconds until the next attempt: exponential with full jitter, at least what the server asks."""
        longest = min(LONGEST_DELAY, FIRST_DELAY * 2.0**request.attempts)
        asked = request.failure.retry_after_seconds(self._clock.now()) if request.failure else 0.0
        return asked + self._random.uniform(0.0, longest) if asked else self._random.uniform(FIRST_DELAY / 2, longest)

    async def _requeue(self, request: Request, delay: float) -> None:
        await self._clock.sleep(delay)
        self._enqueue(request)

    async def _turn(self) -> None:
        """Wait until the common pace allows the next request."""
        now = self._clock.monotonic()
        at = max(now, self._next_turn)
        self._next_turn = at + 1.0 / self._limits.requests_per_second
        if at > now:
            await self._clock.sleep(at - now)

    def _answer(self, request: Request, payload: Payload | None) -> None:
        if request not in self._unanswered:
            return  # The answer came after the poll was ended.
        started = None if request.started_at is None else naive(request.started_at)
        answered = None if request.started_at is None else naive(self._clock.now())
        failure = None if payload is not None else request.failure
        try:
            request.answered(Answer(request.attempts, started, answered, payload, failure))
        except Exception as error:
            if payload is None:
                raise
            request.answered(Answer(request.attempts, started, answered, None, _unforeseen(error)))
        self._unanswered.discard(request)
        if not self._unanswered:
            self._all_answered.set()


def _unforeseen(error: Exception) -> RequestFailed:
    """Return the failure for an unexpected error: only its class, as its message may hold a secret."""
    return RequestFailed("unforeseen", error_msg=f"{type(error).__name__}: a defect of Poolscope, please report it")
