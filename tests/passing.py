"""The time of polls in this process: time-outs pass when a test says so, not when the machine is busy."""

import asyncio
import selectors
import threading
import time
from collections import deque
from contextlib import suppress
from datetime import datetime, timedelta

SLOWLY = 100


class Time:
    """Seconds that pass a hundred times slower than real ones, plus seconds that are added while a poll is idle."""

    def __init__(self) -> None:
        self.hurried = False
        """Whether the time jumps to the next time-out whenever a poll is idle."""
        self._added = 0.0
        self._requested: deque[tuple[float, threading.Event]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None

    def seconds(self) -> float:
        """Return monotonic seconds."""
        return time.monotonic() / SLOWLY + self._added

    def add(self, seconds: float) -> None:
        """Add seconds at once, when the poll has read all that was sent to it; for the threads of a server."""
        passed = threading.Event()
        self._requested.append((seconds, passed))
        try:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(passed.is_set)  # wakes it up
                passed.wait()
        except RuntimeError:
            return  # The poll has ended.

    @property
    def wanted(self) -> bool:
        """Whether a thread waits for seconds to be added."""
        return bool(self._requested)

    def jump(self, wait_seconds: float | None) -> bool:
        """Add the seconds that a thread or `hurried` asks for while a poll is idle; return whether any were added."""
        with suppress(IndexError):
            seconds, passed = self._requested.popleft()
            self._added += seconds
            passed.set()
            return True
        if self.hurried and wait_seconds is not None:
            self._added += wait_seconds
            return True
        return False

    def loop(self) -> asyncio.AbstractEventLoop:
        """Return the event loop of a new poll."""
        self.hurried = False
        self._requested.clear()
        self._loop = Loop(self)
        return self._loop

    def ended(self) -> None:
        """Release the threads that still wait."""
        while self.jump(None):
            pass


class Loop(asyncio.SelectorEventLoop):
    """An event loop on this time."""

    def __init__(self, passing: Time) -> None:
        self._passing = passing
        super().__init__(Idle(passing))

    def time(self) -> float:
        """Return the seconds for the timers of the loop."""
        return self._passing.seconds()

    def close(self) -> None:
        """Close the loop, and release the threads that wait."""
        super().close()
        self._passing.ended()


class Idle(selectors.DefaultSelector):
    """A selector that adds seconds while the loop is idle."""

    def __init__(self, passing: Time) -> None:
        super().__init__()
        self._passing = passing

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready; nothing where seconds were added instead."""
        ready = super().select(0)
        waits = timeout is None or timeout > 0
        if not ready and waits and self._passing.wanted:
            # Data that was sent before the request for time may have arrived since.
            ready = super().select(0)
        if ready or not waits or self._passing.jump(timeout):
            return ready
        return super().select(timeout)


class PassingClock:
    """A clock on this time."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._began = TIME.seconds()

    def now(self) -> datetime:
        """Return the current time, UTC."""
        return self._start + timedelta(seconds=TIME.seconds() - self._began)

    def monotonic(self) -> float:
        """Return the seconds of the loop."""
        return TIME.seconds()

    async def sleep(self, seconds: float) -> None:
        """Sleep on the loop."""
        await asyncio.sleep(seconds)

    def pause(self, seconds: float) -> None:
        """Add the seconds at once."""
        TIME.add(seconds)


TIME = Time()
