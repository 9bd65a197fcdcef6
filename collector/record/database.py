"""The database file: opened with DuckDB's settings, and refused where it is damaged, in use or not Poolscope's."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn, TypeAlias

import duckdb

from collector.errors import RecordNotWritten, RecordUnreadable
from collector.record.header import missing_bytes, written_by
from collector.record.memory import memory_settings
from collector.record.paths import database_at, quoted
from collector.record.schema import version_of

Settings: TypeAlias = dict[str, str | bool | int | float | list[str]]
# Nothing here needs an extension that is not built in, and a cron tick must not look for one on the network.
SETTINGS: Final[Settings] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    # Of new files, also of those that are attached: what the oldest supported DuckDB reads, at the same size. A log
    # beside a file of an older storage does not tell which database it is of: it is taken into any other one.
    "storage_compatibility_version": "v1.4.0",
}
# A poll's rows are few: starting threads would cost a tick more than they save.
ONE_THREAD: Final[Settings] = {"threads": 1}
LOCK_SECONDS: Final = 0.1
ATTACHED: Final = "record"
"""The name of a database that is attached for reading."""
# The second one is the log of another database, which was moved away without it.
SIGNS_OF_A_BAD_LOG: Final = ("Corrupt WAL file", "WAL does not match database file")
SIGN_OF_A_NEWER_DUCKDB: Final = "created with a newer version of DuckDB"
# With who has it; where the file system has no locks there is the reason instead.
SIGN_OF_A_LOCK: Final = "Conflicting lock is held"
SIGN_OF_NO_LOCKS: Final = "Could not set lock"
# Of other kinds of errors too, where a log is taken in.
SIGNS_OF_LITTLE_MEMORY: Final = ("failed to pin block", "failed to allocate", "Allocation failure", "bad allocation")
SIGNS_OF_DAMAGE: Final = ("Corrupt database file", "Could not read enough bytes")

Record: TypeAlias = duckdb.DuckDBPyConnection
"""An open record, with the tables of `columns.TABLES`."""


class Locked(RecordUnreadable):
    """Another process has the database open; `holder` is what DuckDB says of it."""

    def __init__(self, database: Path, holder: str) -> None:
        super().__init__(f"{database} is in use ({holder}): try again when that process has ended")
        self.holder = holder


class LogDamaged(RecordUnreadable):
    """The write-ahead log that a killed process left beside the database is damaged, or another database's."""


def in_memory() -> Record:
    """Open an empty database in memory, to read a record beside its spool."""
    return _open(":memory:", SETTINGS, read_only=False)


def _open(database: str, settings: Settings, *, read_only: bool) -> Record:
    connection = duckdb.connect(database, read_only=read_only, config={**settings, **memory_settings()})
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def connect(database: Path, *, read_only: bool) -> Record:
    """Open a database file.

    Raises
    ------
    Locked
        When another process holds it.
    RecordUnreadable
        When it is no DuckDB database, or a damaged one.
    RecordNotWritten
        When it lies where it cannot be opened.
    """
    try:
        connection = _open(database_at(database), SETTINGS | ONE_THREAD, read_only=read_only)
    except duckdb.Error as error:
        _refuse(database, error)
    try:
        _refuse_cut(connection, database)
    except BaseException:
        connection.close()
        raise
    return connection


def attach(connection: Record, database: Path, sleep: Callable[[float], None], wait_seconds: float) -> None:
    """Attach a database for reading, under the name `ATTACHED`.

    Parameters
    ----------
    sleep
        Lets so many seconds pass.
    wait_seconds
        For another process that writes to it.

    Raises
    ------
    Locked
        When that process writes for longer than the wait.
    RecordUnreadable
        When it cannot be read.
    """
    database_at(database)
    left = wait_seconds
    while True:
        try:
            try:
                connection.execute(f"ATTACH {quoted(database)} AS {ATTACHED} (READ_ONLY)")
            except duckdb.Error as error:
                _refuse(database, error)
        except Locked:
            if left <= 0:
                raise
        except RecordNotWritten as refusal:
            raise RecordUnreadable(f"{refusal}: look at its folder and permissions") from None
        else:
            _refuse_cut(connection, database, ATTACHED)
            return
        sleep(LOCK_SECONDS)
        left -= LOCK_SECONDS


@contextmanager
def refusing_damage(database: Path) -> Iterator[None]:
    """Refuse a database whose damage only a query finds, as one where opening it does.

    Raises
    ------
    RecordUnreadable
    """
    try:
        yield
    except duckdb.Error as error:
        if any(sign in str(error) for sign in SIGNS_OF_DAMAGE):
            _refuse(database, error)
        raise


@contextmanager
def within_memory(database: Path) -> Iterator[None]:
    """Refuse what takes more memory than the process may use, or more disk than there is to spill to.

    Raises
    ------
    RecordUnreadable
    """
    try:
        yield
    except (duckdb.OutOfMemoryException, MemoryError) as error:
        raise _too_large(database, str(error)) from None


def _too_large(database: Path, message: str) -> RecordUnreadable:
    reason = (message.splitlines() or ["no memory"])[0]
    return RecordUnreadable(
        f"{database} and its spool take more memory than this process may use ({reason[:200]}): raise its limit"
        " (ulimit -v, or that of its container), and see that the disk is not full"
    )


def _refuse(database: Path, error: duckdb.Error) -> NoReturn:
    """Raise what an error on opening means, with its mend."""
    message = str(error).split("See also")[0].strip()
    if SIGN_OF_A_LOCK in message:
        raise Locked(database, message) from None
    if SIGN_OF_NO_LOCKS in message:
        raise RecordNotWritten(
            f"{database} lies on a file system without locks ({message}): name a folder on a local disk in [paths]"
        ) from None
    if any(sign in message for sign in SIGNS_OF_A_BAD_LOG):
        raise LogDamaged(
            f"{database} has a write-ahead log that cannot be taken in ({message[:200]}): the next poll sets it aside"
        ) from None
    if SIGN_OF_A_NEWER_DUCKDB in message:
        raise RecordUnreadable(
            f"{database} was written by DuckDB {written_by(database)}, which DuckDB {duckdb.__version__} here cannot"
            " read: upgrade it (pip install -U duckdb), or let poolscope compact rewrite the file where the newer one"
            " is; what is polled meanwhile waits in the spool"
        ) from None
    if "Permission denied" in message:
        raise RecordUnreadable(
            f"{database} may not be opened by this user, as after a run by root: give it back (sudo chown -R $USER"
            f" {database.parent}); what is polled meanwhile waits in the spool"
        ) from None
    if isinstance(error, duckdb.OutOfMemoryException) or any(sign in message for sign in SIGNS_OF_LITTLE_MEMORY):
        raise _too_large(database, message) from None
    mend = _mend(database)
    if "not a valid DuckDB" in message:
        raise RecordUnreadable(f"{database} is no DuckDB database: name another file in [paths], or {mend}") from None
    if any(sign in message for sign in SIGNS_OF_DAMAGE) or not isinstance(error, duckdb.IOException):
        raise RecordUnreadable(f"{database} is damaged, or of a newer DuckDB ({message[:200]}): {mend}") from None
    raise RecordNotWritten(f"{database} cannot be opened ({message})") from None


def _mend(database: Path) -> str:
    return (
        f"move it away (mv {database} {database}.damaged), then restore a backup (poolscope restore) or let the next "
        "poll begin a new one; what is polled meanwhile waits in the spool"
    )


def _refuse_cut(connection: Record, database: Path, name: str | None = None) -> None:
    """Refuse a file that lacks its end: rows that are put into it could go with the next one that is missing."""
    missing = missing_bytes(connection, database, name)
    if missing:
        raise RecordUnreadable(
            f"{database} is damaged: {missing:,} bytes at its end are missing, it was cut short: {_mend(database)}"
        )


def checked_version(connection: Record, database: Path, attached: str | None = None) -> int:
    """Return the version of the schema; `attached` is the database's name where it is not the connection's own.

    Raises
    ------
    RecordUnreadable
        See `schema.version_of`; the message names the file.
    """
    try:
        return version_of(connection, attached)
    except RecordUnreadable as refusal:
        raise RecordUnreadable(f"{database} is left untouched: {refusal}") from None
