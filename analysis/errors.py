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
    frames
        The frame of each question; None where no pool has an answer.
    """

    exit_code = 8

    def __init__(self, failed: Sequence[str], frames: "Sequence[pd.DataFrame | None]") -> None:
        super().__init__(f"no answer about some pools, please report this: {'; '.join(failed)}")
        self.failed, self.frames = failed, frames
