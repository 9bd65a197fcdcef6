"""The errors that analysis raises: each message says what is wrong, where, and what to do; each has an exit code."""

from collector.record import RecordUnreadable


class NothingObserved(RecordUnreadable):
    """The record exists, but none of its slots was observed."""


class RequestRefused(Exception):
    """The request cannot be answered as it was made: a window, a zone or an option is invalid."""

    exit_code = 2


class NothingSelected(RequestRefused):
    """No observed series matches the request."""
