"""The clocks: the only code that reads the time or waits. All code below the command line is handed one of them."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """An object that reads the time and waits."""

    def now(self) -> datetime:
        """Return the wall clock as an aware UTC datetime: for time stamps, never to measure durations."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never decrease: to measure durations."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait a number of seconds while other tasks go on."""
        ...

    def pause(self, seconds: float) -> None:
        """Wait a number of seconds and block."""
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
    """A clock that moves only by sleeping or by `move_to`: days of slots pass in seconds."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._seconds = 0.0

    def now(self) -> datetime:
        """Return the simulated time, UTC."""
        return self._start + timedelta(seconds=self._seconds)

    def monotonic(self) -> float:
        """Return the simulated seconds since the start."""
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        """Advance the time without waiting; other tasks get their turn as in a real sleep."""
        self._seconds += seconds
        await asyncio.sleep(0)

    def pause(self, seconds: float) -> None:
        """Advance the time without waiting."""
        self._seconds += seconds

    def move_to(self, instant: datetime) -> None:
        """Advance the time to an instant; an earlier instant changes nothing, as a clock never runs back."""
        self._seconds = max(self._seconds, (instant - self._start).total_seconds())
