"""Windows of time, (start, end]: their coverage, and the number of events in each."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analysis.arrays import Bools, Floats, Ints


@dataclass(frozen=True)
class Windows:
    """Windows of time, (start, end]: a slot at a window's start is not part of it, a slot at its end is."""

    starts: Ints
    ends: Ints
    """n of each, in seconds since 1970, UTC."""

    @classmethod
    def one(cls, start: int, end: int) -> "Windows":
        """Return a single window."""
        return cls(np.array([start], np.int64), np.array([end], np.int64))

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.starts)

    def __getitem__(self, chosen: slice | Bools | Ints) -> "Windows":
        """Return the chosen windows."""
        return Windows(self.starts[chosen], self.ends[chosen])

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yield start and end of each window, in seconds since 1970."""
        return zip(self.starts.tolist(), self.ends.tolist(), strict=True)

    @property
    def seconds(self) -> Ints:
        """The length of each window, in seconds."""
        return self.ends - self.starts

    @property
    def edges(self) -> Ints:
        """Start and end of each window: n x 2, in seconds since 1970."""
        return np.column_stack([self.starts, self.ends])

    def parts(self, number: int) -> Floats:
        """Return the edges of `number` equal parts of each window: n x (number + 1), in seconds since 1970."""
        parts: Floats = self.starts[:, None] + self.seconds[:, None] * np.linspace(0, 1, number + 1)
        return parts

    def clipped(self, start: int, end: int) -> "Windows":
        """Return the part of each window between two instants; a window outside them gets a length of zero."""
        return Windows(np.clip(self.starts, start, end), np.clip(self.ends, start, end))

    def places(self, slots: Ints) -> tuple[Ints, Ints]:
        """Return the index of each window's first slot, and the index after its last slot; the slots rise."""
        return np.searchsorted(slots, self.starts, side="right"), np.searchsorted(slots, self.ends, side="right")

    def slots(self, slots: Ints) -> Ints:
        """Return the number of slots in each window; the slots are in seconds since 1970 and rise."""
        first, after = self.places(slots)
        return after - first

    def flowed(self, slots: Ints, flow: Ints) -> Floats:
        """Return the flow in each window, in jobs, see `flowed_until`."""
        flowed: Floats = np.diff(flowed_until(slots, flow, self.edges))[:, 0]
        return flowed

    def happened(self, since: "Since") -> tuple[Ints, Ints]:
        """Return the fewest and the most events that can have happened in each window, by the bounds at each slot."""
        slots, low, high = since.slots, since.low, since.high
        last = len(slots) - 1
        before, after = (high, low) if since.independent else (low, high)
        a, b = np.searchsorted(slots, self.starts), np.searchsorted(slots, self.ends, side="right") - 1
        fewest = np.where(b > a, low[b] - before[np.minimum(a, last)], 0)
        a = np.maximum(np.searchsorted(slots, self.starts, side="right") - 1, 0)
        b = np.minimum(np.searchsorted(slots, self.ends), last)
        most = np.where(b > a, high[b] - after[a] + since.besides[b] - since.besides[a], 0)
        return np.maximum(fewest, 0), np.maximum(most, 0)

    def coverage(self, slots: Ints, intervals: Ints, record: tuple[int, int]) -> Floats:
        """Return the share of each window that was observed, of 1; NaN where the window lies outside the record.

        Where the record begins or ends in a window, only the part of the window inside the record counts.

        Parameters
        ----------
        slots, intervals
            The observed slots and the poll interval at each, in seconds.
        record
            Start and end of the record, in seconds.
        """
        until = np.concatenate([[0], np.cumsum(intervals)])
        first, after = self.places(slots)
        there = self.clipped(*record)
        share: Floats = np.minimum((until[after] - until[first]) / np.maximum(there.seconds, 1), 1.0)
        # A window that begins at the record's end, or ends at its start, is not outside.
        return np.where((self.starts <= record[1]) & (self.ends >= record[0]), share, np.nan)


@dataclass(frozen=True)
class Since:
    """Bounds of the number of events from the first slot until each slot."""

    slots: Ints
    """n, in seconds."""
    low: Ints
    high: Ints
    besides: Ints
    """n: the running sum of further events that may have happened beside odd slots; only upper bounds count them."""
    independent: bool
    """Whether the bounds at two slots are independent. Then a window has at least the lower bound at its end minus the
    upper bound at its start. Else the bounds add up interval by interval: it has the difference of lower bounds."""


def flowed_until(slots: Ints, flow: Ints, instants: Ints | Floats) -> Floats:
    """Return the flow from the first slot until each instant, in jobs; within an interval it is spread evenly.

    Parameters
    ----------
    slots
        The n slots that bound n - 1 intervals, in seconds.
    flow
        The flow of each interval, in jobs.
    """
    until: Floats = np.interp(instants, slots, np.concatenate([[0], np.cumsum(flow)]))
    return until
