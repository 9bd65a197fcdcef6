"""The errors that analysis raises: each says what was wrong, where, and the mend, and has the exit code of its kind."""


class RecordUnreadable(Exception):
    """There is no record, it is damaged, not Poolscope's, or being written."""

    exit_code = 5


class NothingObserved(RecordUnreadable):
    """There is a record, and no slot in it that was observed."""


class RequestRefused(Exception):
    """What was asked for cannot be answered in this form: a window, a zone, an option."""

    exit_code = 2


class NothingSelected(RequestRefused):
    """Nothing that was observed is of what was asked for."""
