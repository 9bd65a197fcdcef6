"""The errors that analysis raises: each message says what is wrong, where, and what to do; each has an exit code."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from collector.record import RecordUnreadable

if TYPE_CHECKING:
    import pandas as pd


class NothingObserved(RecordUnreadable):
    """The record exists, but none of its slots was observed."""


class RequestRefused(Exception):
    """The request cannot be answered as it was made: a window, a zone or an option is invalid."""

    exit_code = 2


class NothingSelected(RequestRefused):
    """No observed series matches the request."""


class Incomplete(Exception):
    """Some pools have no answer, because the computation failed for them; the answers about the others are in `frames`.

    Attributes
    ----------
    failed
        The names of the pools and the error of each failure.
    frames
        The frame of each question; None where no pool has an answer.
    """

    exit_code = 8
    MOST_NAMED = 5

    def __init__(self, failed: Sequence[str], frames: "Sequence[pd.DataFrame | None]") -> None:
        self.failed, self.frames = failed, frames
        super().__init__(f"no answer about some pools: {self.reasons}")

    def __reduce__(self) -> "tuple[type[Incomplete], tuple[Sequence[str], Sequence[pd.DataFrame | None]]]":
        """Let another process raise it."""
        return Incomplete, (self.failed, self.frames)

    @property
    def reasons(self) -> str:
        """The first failures as one text, and the number of the others."""
        others = len(self.failed) - self.MOST_NAMED
        return "; ".join([*self.failed[: self.MOST_NAMED], *([f"and {others:,} more"] if others > 0 else [])])
