"""The one place that tells and passes time: everything below the command line is handed one of these clocks."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """An object that can tell and pass time."""

    def now(self) -> datetime:
        """Return the wall clock as an aware UTC datetime: to stamp with, never to measure."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only grow: to measure with."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let so many seconds pass, and others go on meanwhile."""
        ...

    def pause(self, seconds: float) -> None:
        """Let so many seconds pass, where there is nothing else to do."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the wall clock, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the machine's monotonic seconds."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Sleep in real time."""
        await asyncio.sleep(seconds)

    def pause(self, seconds: float) -> None:
        """Pause in real time."""
        time.sleep(seconds)


class SimulatedClock:
    """A clock that stands still until it is slept on or set: days of slots pass in seconds."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._seconds = 0.0

    def now(self) -> datetime:
        """Return the simulated instant, UTC."""
        return self._start + timedelta(seconds=self._seconds)

    def monotonic(self) -> float:
        """Return the simulated seconds since the start."""
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        """Move the time on at once; others get their turn as they would in a real sleep."""
        self._seconds += seconds
        await asyncio.sleep(0)

    def pause(self, seconds: float) -> None:
        """Move the time on at once."""
        self._seconds += seconds

    def move_to(self, instant: datetime) -> None:
        """Move the time on to an instant; a clock never runs back, so an earlier instant changes nothing."""
        self._seconds = max(self._seconds, (instant - self._start).total_seconds())
