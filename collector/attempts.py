"""Requests of one slot and their attempts: bounded workers, one pace, retries, a deadline, and no key locked out.

A request whose attempt failed in passing waits outside the workers and comes back behind all first attempts, so that a
few pools that hang do not keep the others from their sample. (That is why the retries are not a library's: those hold
their place while they wait.) Many do: each first attempt that hangs holds a worker for a whole time-out, so with
about 17 of them first in the order, before the credential is proven, the deadline passes before the rest is asked.
"""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from collector.client import CONNECTIONS, ModelArts, Payload, RequestFailed
from collector.clock import Clock
from collector.slots import naive

PASSING = frozenset({"throttled", "server_error", "timeout", "refused", "disconnected", "cut_off", "unreachable"})
REFUSED_CREDENTIAL = frozenset({"unauthorized", "forbidden"})
FIRST_DELAY = 0.5
LONGEST_DELAY = 10.0
MANY = 256


@dataclass(frozen=True, slots=True)
class Limits:
    """What one slot's requests may take: attempts a request, seconds a request and over all, requests a second."""

    attempts: int
    total_timeout: float
    deadline: float
    """Monotonic seconds."""
    requests_per_second: float
    concurrency: int


@dataclass(frozen=True, slots=True)
class Answer:
    """How a request went in the end: a payload, or the last attempt's failure."""

    attempts: int
    started_at: datetime | None
    answered_at: datetime | None
    payload: Payload | None
    failure: RequestFailed | None


class Gate:
    """Keeps one credential from being locked: the gateway locks a key after more than five failed signatures in a row.

    Until the credential is proven by a good answer one request goes alone, then at most four together; a 401 or 403
    ends its use for the whole poll.
    """

    def __init__(self) -> None:
        self._refusal: RequestFailed | None = None
        self._proven = False
        self._tried = False
        self._places = asyncio.Semaphore(1)

    async def send(self, send: Callable[[], Awaitable[Payload]]) -> Payload:
        """Send one request when its turn has come."""
        if self._proven:
            return await self._send(send)
        async with self._places:
            return await self._send(send)

    async def _send(self, send: Callable[[], Awaitable[Payload]]) -> Payload:
        if self._refusal is not None:
            cause = self._refusal
            message = (
                f"not asked, the credential was refused earlier in this poll: {cause.error_msg or cause.http_status}"
            )
            raise NotAsked(cause.outcome, error_code=cause.error_code, error_msg=message)
        try:
            payload = await send()
        except RequestFailed as failure:
            if failure.outcome in REFUSED_CREDENTIAL:
                self._refusal = failure
            self._widen(proven=failure.outcome == "gone")
            raise
        self._widen(proven=True)
        return payload

    def _widen(self, *, proven: bool) -> None:
        places = 0
        if not self._tried:
            places, self._tried = 3, True
        if proven and not self._proven:
            places, self._proven = MANY, True
        for _ in range(places):
            self._places.release()


class NotAsked(RequestFailed):
    """A request that was not sent, for the cause that it carries."""


@dataclass(slots=True)
class Request:
    """One request to be made, and what to do with its answer."""

    gate: Gate
    apis: Sequence[ModelArts]
    """The same project over each client."""
    send: Callable[[ModelArts, float], Awaitable[Payload]]
    answered: Callable[[Answer], None]
    """May add further requests."""
    attempts: int = 0
    started_at: datetime | None = None
    failure: RequestFailed | None = None


@dataclass
class Attempts:
    """Makes requests, each as often as it takes and the limits allow."""

    clock: Clock
    limits: Limits
    jitter: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self._queue: asyncio.PriorityQueue[tuple[int, int, Request]] = asyncio.PriorityQueue()
        self._order = itertools.count()
        self._unanswered = 0
        self._next_turn = self.clock.monotonic()
        self._all_answered = asyncio.Event()

    def add(self, request: Request) -> None:
        """Queue a request behind those with as many attempts."""
        self._unanswered += 1
        self._queue.put_nowait((0, next(self._order), request))

    async def run(self) -> None:
        """Return when every request, also those added by answers, has its answer."""
        if not self._unanswered:
            return
        async with asyncio.TaskGroup() as group:
            workers = [
                group.create_task(self._work(place // CONNECTIONS, group)) for place in range(self.limits.concurrency)
            ]
            await self._all_answered.wait()
            for worker in workers:
                worker.cancel()

    async def _work(self, client: int, group: asyncio.TaskGroup) -> None:
        while True:
            _, _, request = await self._queue.get()
            try:
                payload = await request.gate.send(lambda r=request: self._attempt(r, client))  # type: ignore[misc]
            except RequestFailed as failure:
                if not isinstance(failure, NotAsked) or request.failure is None:
                    request.failure = failure
                delay = self._delay(request)
                if self._again(request, failure, delay):
                    group.create_task(self._requeue(request, delay))
                else:
                    self._answer(request, None)
            else:
                self._answer(request, payload)

    async def _attempt(self, request: Request, client: int) -> Payload:
        await self._turn()
        left = self.limits.deadline - self.clock.monotonic()
        if left <= 0:
            raise NotAsked("deadline", error_msg="the slot's deadline had passed before this was asked")
        request.attempts += 1
        request.started_at = request.started_at or self.clock.now()
        return await request.send(request.apis[client], min(self.limits.total_timeout, left))

    def _again(self, request: Request, failure: RequestFailed, delay: float) -> bool:
        return (
            failure.outcome in PASSING
            and request.attempts < self.limits.attempts
            and self.clock.monotonic() + delay < self.limits.deadline
        )

    def _delay(self, request: Request) -> float:
        """Exponential with full jitter, never less than the server asks for."""
        longest = min(LONGEST_DELAY, FIRST_DELAY * 2.0**request.attempts)
        asked = request.failure.retry_after_seconds(self.clock.now()) if request.failure else 0.0
        return asked + self.jitter.uniform(0.0, longest) if asked else self.jitter.uniform(FIRST_DELAY / 2, longest)

    async def _requeue(self, request: Request, delay: float) -> None:
        await self.clock.sleep(delay)
        self._queue.put_nowait((request.attempts, next(self._order), request))

    async def _turn(self) -> None:
        """Wait for this request's turn in the pace of all."""
        now = self.clock.monotonic()
        at = max(now, self._next_turn)
        self._next_turn = at + 1.0 / self.limits.requests_per_second
        if at > now:
            await self.clock.sleep(at - now)

    def _answer(self, request: Request, payload: Payload | None) -> None:
        started = None if request.started_at is None else naive(request.started_at)
        answered = None if request.started_at is None else naive(self.clock.now())
        failure = None if payload is not None else request.failure
        request.answered(Answer(request.attempts, started, answered, payload, failure))
        self._unanswered -= 1
        if not self._unanswered:
            self._all_answered.set()
