"""Windows of time, (start, end]: their coverage, and the number of events in each."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from scipy.special import pdtrik

from analysis.arrays import Bools, Floats, Ints

ALMOST: Final = 0.999
"""The probability that a window has no more unseen events than its upper limit, given the limit of their mean number.
"""


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
        unseen = since.unseen_in(self)
        fewest, most = np.maximum(fewest - unseen * since.independent, 0), np.maximum(most, 0) + unseen
        if since.other is None:
            return fewest, most
        also_fewest, also_most = self.happened(since.other)
        return np.maximum(fewest, also_fewest), np.minimum(most, also_most)

    def coverage(self, slots: Ints, intervals: Ints, record: tuple[int, int]) -> Floats:
        """Return the share of each window that was observed, of 1; NaN where the window lies outside the record.

        Where the record begins or ends in a window, only the part of the window inside the record counts.

        Parameters
        ----------
        slots, intervals
            The observed slots and the poll interval at each, in seconds.
        record
            Start and end of the record, in seconds. The slot at its start, if observed, stands for the interval before.
        """
        until = np.concatenate([[0], np.cumsum(intervals)])
        begins = record[0] - int(np.sum(intervals[slots == record[0]]))
        there = self.clipped(begins, record[1])
        first, after = there.places(slots)
        share: Floats = np.minimum((until[after] - until[first]) / np.maximum(there.seconds, 1), 1.0)
        # A window that begins at the record's end, or ends at its start, is not outside.
        return np.where((self.starts <= record[1]) & (self.ends >= record[0]), share, np.nan)


class Unseen(NamedTuple):
    """Upper limits of events that may have happened without a sign in the counts; they come in batches."""

    until: Floats
    """n: the limit of the mean number of events from the first slot until each slot."""
    batch: float
    """The events of a batch, on average; at least 1."""

    def plus(self, other: "Unseen") -> "Unseen":
        """Return the limits of the sum of these events and others."""
        return Unseen(self.until + other.until, max(self.batch, other.batch))

    def at(self, chosen: Bools | Ints) -> "Unseen":
        """Return the limits at the chosen slots."""
        return Unseen(self.until[chosen], self.batch)

    def between(self, first: Ints, last: Ints) -> Ints:
        """Return the most events between two slots, given by their indices."""
        batches = np.maximum(self.until[last] - self.until[first], 0.0) / self.batch
        some = batches > 1 - ALMOST
        number = np.ceil(pdtrik(ALMOST, np.where(some, batches, 1.0)))
        most: Ints = np.where(some, np.ceil(number * self.batch), 0).astype(np.int64)
        return most


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
    unseen: Unseen | None = None
    """Events that the bounds leave out; where bounds are independent, as many events may be missing too. None if there
    is no sign of any."""
    other: "Since | None" = None
    """Bounds of the same events that hold as well: those of a window are the narrower ones."""

    def at(self, chosen: Bools | Ints) -> "Since":
        """Return the bounds at the chosen slots."""
        unseen = None if self.unseen is None else self.unseen.at(chosen)
        other = None if self.other is None else self.other.at(chosen)
        bounds = self.slots[chosen], self.low[chosen], self.high[chosen], self.besides[chosen]
        return Since(*bounds, self.independent, unseen, other)

    @property
    def loose(self) -> bool:
        """Whether there is a sign of unseen events."""
        return self.unseen is not None or self.other is not None

    def unseen_in(self, windows: Windows) -> Ints:
        """Return the most unseen events in each window."""
        if self.unseen is None:
            return np.zeros(len(windows), np.int64)
        first = np.maximum(np.searchsorted(self.slots, windows.starts, side="right") - 1, 0)
        last = np.minimum(np.searchsorted(self.slots, windows.ends), len(self.slots) - 1)
        return self.unseen.between(first, np.maximum(first, last))


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
