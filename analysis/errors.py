"""The errors that analysis raises: each says what was wrong, where, and the mend, and has the exit code of its kind."""

from collector.record import RecordUnreadable


class NothingObserved(RecordUnreadable):
    """There is a record, and no slot in it that was observed."""


class RequestRefused(Exception):
    """What was asked for cannot be answered in this form: a window, a zone, an option."""

    exit_code = 2


class NothingSelected(RequestRefused):
    """Nothing that was observed is of what was asked for."""
