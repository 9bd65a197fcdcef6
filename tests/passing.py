"""The time of the polls in this process: a time-out passes because a test says so, not because the machine is busy."""

import asyncio
import selectors
import threading
import time
from collections import deque
from contextlib import suppress
from datetime import datetime, timedelta

SLOWLY = 100


class Time:
    """A hundredth of the real seconds, and those that were added to them where a poll had nothing else to do."""

    def __init__(self) -> None:
        self.hurried = False
        """Whether time passes at once until the next time-out, wherever a poll can but wait."""
        self._added = 0.0
        self._wanted: deque[tuple[float, threading.Event]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None

    def seconds(self) -> float:
        """Return monotonic seconds."""
        return time.monotonic() / SLOWLY + self._added

    def add(self, seconds: float) -> None:
        """Let time pass in one leap, once the poll has taken in all that was sent to it; for a server's threads."""
        passed = threading.Event()
        self._wanted.append((seconds, passed))
        try:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(passed.is_set)  # wakes it up
                passed.wait()
        except RuntimeError:
            return  # The poll has ended.

    @property
    def wanted(self) -> bool:
        """Whether somebody wants time to pass."""
        return bool(self._wanted)

    def leaps(self, waits_seconds: float | None) -> bool:
        """Add what is to pass where a poll waits, and return whether that was anything."""
        with suppress(IndexError):
            seconds, passed = self._wanted.popleft()
            self._added += seconds
            passed.set()
            return True
        if self.hurried and waits_seconds is not None:
            self._added += waits_seconds
            return True
        return False

    def loop(self) -> asyncio.AbstractEventLoop:
        """Return the event loop of a new poll."""
        self.hurried = False
        self._wanted.clear()
        self._loop = Loop(self)
        return self._loop

    def ended(self) -> None:
        """Let go of whoever still wants time to pass."""
        while self.leaps(None):
            pass


class Loop(asyncio.SelectorEventLoop):
    """An event loop on that time."""

    def __init__(self, passing: Time) -> None:
        self._passing = passing
        super().__init__(Idle(passing))

    def time(self) -> float:
        """Return the time of the loop's timers."""
        return self._passing.seconds()

    def close(self) -> None:
        """Close it."""
        super().close()
        self._passing.ended()


class Idle(selectors.DefaultSelector):
    """Lets time pass where a loop has nothing to read, nothing to write and nothing to do."""

    def __init__(self, passing: Time) -> None:
        super().__init__()
        self._passing = passing

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready; nothing where time has passed instead."""
        ready = super().select(0)
        waits = timeout is None or timeout > 0
        if not ready and waits and self._passing.wanted:
            # What was sent before that was wanted may have come since.
            ready = super().select(0)
        if ready or not waits or self._passing.leaps(timeout):
            return ready
        return super().select(timeout)


class PassingClock:
    """A clock that goes with that time."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._began = TIME.seconds()

    def now(self) -> datetime:
        """Return the instant, UTC."""
        return self._start + timedelta(seconds=TIME.seconds() - self._began)

    def monotonic(self) -> float:
        """Return the seconds of the loop."""
        return TIME.seconds()

    async def sleep(self, seconds: float) -> None:
        """Sleep on the loop."""
        await asyncio.sleep(seconds)

    def pause(self, seconds: float) -> None:
        """Leap."""
        TIME.add(seconds)


TIME = Time()
