"""The errors that end a command. Each says what is wrong, where, and how to fix it, and has its own exit code."""


class PoolscopeError(Exception):
    """Base of all errors that the user sees as a message, without a traceback."""

    exit_code = 1


class ConfigError(PoolscopeError):
    """The configuration, the credentials or the command line is wrong."""

    exit_code = 2


class LockHeld(PoolscopeError):
    """Another run is writing to the same record."""

    exit_code = 3


class RecordNotWritten(PoolscopeError):
    """Something could not be written (disk full, no permission): none of it is acknowledged."""

    exit_code = 4


class RecordUnreadable(PoolscopeError):
    """The record is damaged, in use, not Poolscope's, or from a newer Poolscope; it was left untouched."""

    exit_code = 5


class InputRefused(PoolscopeError):
    """An input file of a command cannot be used as it is; nothing of it was written."""

    exit_code = 6


class RecordStale(PoolscopeError):
    """The record is older than the largest age that was asked for."""

    exit_code = 7


class NotMailed(PoolscopeError):
    """A report was written, but a mail server did not take it for all recipients."""

    exit_code = 11


def interrupted(error: BaseException) -> bool:
    """Return whether an error is the one that DuckDB raises for a Ctrl-C during a query."""
    return isinstance(error, RuntimeError) and str(error) == "Query interrupted"
