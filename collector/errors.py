"""The errors that end a command: each says what was wrong, where, and the mend, and has its own exit code."""


class PoolscopeError(Exception):
    """Base of all errors that are shown to the user as a message, without a traceback."""

    exit_code = 1


class ConfigError(PoolscopeError):
    """The configuration, the credentials or the call's own words are off."""

    exit_code = 2


class LockHeld(PoolscopeError):
    """Another run that writes to the same record is under way."""

    exit_code = 3


class RecordNotWritten(PoolscopeError):
    """What was seen could not be kept (disk full, no permission): nothing of it is acknowledged."""

    exit_code = 4


class RecordUnreadable(PoolscopeError):
    """The record is damaged, in use, not Poolscope's, or written by a newer Poolscope; it was left untouched."""

    exit_code = 5


class InputRefused(PoolscopeError):
    """A file given to a command cannot be taken as it is; nothing of it was written."""

    exit_code = 6


class RecordStale(PoolscopeError):
    """The record is older than the age that was asked for."""

    exit_code = 7


def interrupted(error: BaseException) -> bool:
    """Tell whether an error is what DuckDB makes of a Ctrl-C while it runs a query."""
    return isinstance(error, RuntimeError) and str(error) == "Query interrupted"
