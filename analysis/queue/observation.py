"""The part of an answer that every question has: the coverage, retention and notes of a group's windows."""

from dataclasses import dataclass

import numpy as np

from analysis.arrays import Bools, Floats
from analysis.notes import NO_ARRIVALS, NOTHING, Instant, Note, Notes, joined, note
from analysis.queue.floor import enough
from analysis.schemas.schema import Columns
from analysis.windows import Windows


@dataclass(frozen=True)
class Observation:
    """The coverage of a group's windows, and what limits every estimate in them."""

    windows: Windows
    coverage: Floats
    """Of each window, of 1."""
    begins_in: Bools
    ends_in: Bools
    """Whether the record begins in a window, and whether it ends in it."""
    first: int
    last: int
    """The first and the last slot that were read, in seconds."""
    hidden: Bools
    """Whether jobs were in undocumented statuses, in slots of each window."""
    unknown_after: float
    """The last slot with known counts, in seconds, where the record ends with jobs in such statuses; else infinite."""
    silent: Bools
    """Whether a pool was polled in vain from before each window's end on: its last answer came before."""
    silent_after: float
    """The first last answer of these pools, in seconds; infinite where there is none."""
    bounded: bool
    """Whether the counts bound arrivals from above, in each of the group's series."""
    retention: Note
    """How the API keeps finished jobs."""
    queue: str
    """The statuses that count as waiting, one of `QUEUES`."""
    notes: Notes
    """The notes of the series."""

    @property
    def whole(self) -> Bools:
        """Whether each window lies wholly inside the record, and before the last answer."""
        return ~self.begins_in & ~self.ends_in & ~self.silent

    @property
    def unknown(self) -> Bools:
        """Whether too much of what happened until each window's end is not known for a point or an upper bound."""
        unknown: Bools = self.windows.ends > self.unknown_after
        return unknown | (self.silent & ~enough(self.coverage))


def as_rows(observation: Observation, columns: Columns) -> Columns:
    """Return rows, one per window: the given columns, ``note`` among them, and the columns that every answer has."""
    begins = note("observed from {instant} on", instant=Instant(observation.first))
    ends = note("observed until {instant}", instant=Instant(observation.last))
    silence = NOTHING
    if observation.silent.any():
        silence = joined(note("no good answer after {instant}", instant=Instant(int(observation.silent_after))))
    notes = np.broadcast_to(np.asarray(columns["note"], object), len(observation.windows))
    windows = zip(
        notes, observation.begins_in, observation.ends_in, observation.silent, observation.unknown, strict=True
    )

    def in_order(own: Notes, limits: Notes, *, silent: bool, unknown: bool) -> Notes:
        if not unknown:
            return joined(silence if silent else None, own, limits, observation.notes)
        # The cause comes first. Lower bounds of zero do not show that no job arrived.
        known = (part for part in own if part != NO_ARRIVALS)
        return joined(silence if silent else None, observation.notes, *known, limits)

    return columns | {
        "window_start": observation.windows.starts,
        "window_end": observation.windows.ends,
        "coverage": observation.coverage,
        "retention": observation.retention,
        "queue": observation.queue,
        "note": np.array(
            [
                in_order(
                    own,
                    joined(begins if begin else None, ends if end and not silent else None),
                    silent=bool(silent),
                    unknown=bool(unknown),
                )
                for own, begin, end, silent, unknown in windows
            ],
            object,
        ),
    }
