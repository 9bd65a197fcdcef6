"""Requests of one slot and their attempts: bounded workers, one pace, retries, a deadline.

A pool that fails must cost no other its sample: requests come in a random order, one that failed in passing waits
outside the workers and comes back behind all first attempts, and a worker whose request stays silent is relieved by
another. (That is why retries and workers are not a library's: those hold their place while they wait.)
"""

import asyncio
import itertools
import random
from dataclasses import dataclass

from collector.api.client import CONNECTIONS, Payload
from collector.api.outcomes import PASSING, RequestFailed
from collector.clock import Clock
from collector.polling.requests import Answer, Request
from collector.record.slots import naive

FIRST_DELAY = 0.5
LONGEST_DELAY = 10.0
# The silence after which a worker is relieved, in real seconds: with 8 workers 16 requests a second are begun even
# where none is answered.
PATIENCE = 0.5
MOST_WORKERS = 256
DEADLINE = "deadline"
# A gateway refuses a signature in milliseconds: a request that is silent for so many seconds was not refused.
NOT_REFUSED = 2.0
SILENT = RequestFailed("timeout")
INTERRUPTED = "the poll was ended by a signal before the answer came"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one slot's requests may take: attempts a request, seconds a request and over all, requests a second."""

    attempts: int
    total_timeout: float
    deadline: float
    """Monotonic seconds."""
    requests_per_second: float
    concurrency: int
    """Requests at once, not counting those that stay silent."""


class NotAsked(RequestFailed):
    """A request that was not sent, for the cause that it carries."""


class Scheduler:
    """Makes requests, each as often as it takes and the limits allow."""

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
        """Queue a request among those with no attempt yet."""
        self._unanswered.add(request)
        self._enqueue(request)

    async def run(self, end: asyncio.Event) -> None:
        """Return when every request, also those added by answers, has its answer.

        Once `end` is set what has none yet gets none, or keeps the failure that it had.
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
        """Make requests with one client, until relieved."""
        relieved = False
        while not relieved:
            *_, request = await self._queue.get()
            if not request.gate.admits(request):
                continue
            try:
                payload = await self._attempt(request, client)
            except RequestFailed as failure:
                # The frames that it was raised through hold all that was read, and it is kept to the poll's end.
                failure.__traceback__ = failure.__context__ = None
                self._settle(request, failure)
                self._failed(request, failure)
            except Exception as error:  # noqa: BLE001 - one answer that nobody foresaw may not cost the others theirs
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
            message = f"not asked, the credential was refused before: {cause}"
            raise NotAsked(refusal.outcome, error_code=refusal.error_code, error_msg=message)
        await self._turn()
        left = self._limits.deadline - self._clock.monotonic()
        if left <= 0:
            raise NotAsked(DEADLINE, error_msg="the slot's deadline had passed before this was asked")
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
        """Exponential with full jitter, never less than the server asks for."""
        longest = min(LONGEST_DELAY, FIRST_DELAY * 2.0**request.attempts)
        asked = request.failure.retry_after_seconds(self._clock.now()) if request.failure else 0.0
        return asked + self._random.uniform(0.0, longest) if asked else self._random.uniform(FIRST_DELAY / 2, longest)

    async def _requeue(self, request: Request, delay: float) -> None:
        await self._clock.sleep(delay)
        self._enqueue(request)

    async def _turn(self) -> None:
        """Wait for this request's turn in the pace of all."""
        now = self._clock.monotonic()
        at = max(now, self._next_turn)
        self._next_turn = at + 1.0 / self._limits.requests_per_second
        if at > now:
            await self._clock.sleep(at - now)

    def _answer(self, request: Request, payload: Payload | None) -> None:
        if request not in self._unanswered:
            return  # It came as the poll was ended.
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
    """Return the failure of an answer that the code did not foresee: its kind alone, whatever it may hold."""
    return RequestFailed("unforeseen", error_msg=f"{type(error).__name__}: a defect of Poolscope, please report it")
