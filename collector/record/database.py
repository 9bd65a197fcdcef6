"""The database file: opened with our DuckDB settings, and refused where it is damaged, in use or not Poolscope's."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn, TypeAlias

import duckdb

from collector.errors import RecordNotWritten, RecordUnreadable
from collector.record.header import missing_bytes, written_by
from collector.record.memory import memory_settings
from collector.record.paths import database_at, quoted
from collector.record.places import Place
from collector.record.schema import version_of

Settings: TypeAlias = dict[str, str | bool | int | float | list[str]]
# We need built-in extensions only, and a cron tick must not look for others on the network.
SETTINGS: Final[Settings] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    # For new files, also attached ones: the oldest supported DuckDB reads it, and the size is the same. In an older
    # storage version a log does not name its database: DuckDB would replay it into any other database of that name.
    "storage_compatibility_version": "v1.4.0",
}
# A poll's rows are few: starting threads would cost a tick more than they save.
ONE_THREAD: Final[Settings] = {"threads": 1}
LOCK_SECONDS: Final = 0.1
ATTACHED: Final = "record"
"""The name under which a database is attached for reading."""
# The second sign: the log belongs to another database, which was moved away without it.
SIGNS_OF_A_BAD_LOG: Final = ("Corrupt WAL file", "WAL does not match database file")
SIGN_OF_A_NEWER_DUCKDB: Final = "created with a newer version of DuckDB"
# The message goes on with the process that has the lock. A file system without locks gives the second sign only.
SIGN_OF_A_LOCK: Final = "Conflicting lock is held"
SIGN_OF_NO_LOCKS: Final = "Could not set lock"
# While a log is replayed, little memory shows in errors of other classes too.
SIGNS_OF_LITTLE_MEMORY: Final = ("failed to pin block", "failed to allocate", "Allocation failure", "bad allocation")
SIGNS_OF_DAMAGE: Final = ("Corrupt database file", "Could not read enough bytes")

Record: TypeAlias = duckdb.DuckDBPyConnection
"""An open record, with the tables of `columns.TABLES`."""


class Locked(RecordUnreadable):
    """Another process has the database open; `holder` is DuckDB's description of it."""

    def __init__(self, database: Path, holder: str) -> None:
        super().__init__(f"{database} is in use ({holder}): try again when that process has ended")
        self.database, self.holder = database, holder

    def __reduce__(self) -> tuple[type["Locked"], tuple[Path, str]]:
        """Let another process raise it."""
        return Locked, (self.database, self.holder)


class LogDamaged(RecordUnreadable):
    """The write-ahead log that a killed process left beside the database is damaged, or belongs to another database."""


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
        When another process has it open.
    RecordUnreadable
        When it is not a DuckDB database, or is damaged.
    RecordNotWritten
        When its folder or file system does not let it be opened.
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
        Waits a number of seconds.
    wait_seconds
        How long to wait for another process that writes to the database.

    Raises
    ------
    Locked
        When that process still writes after `wait_seconds`.
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
            raise RecordUnreadable(f"{refusal}: check its folder and permissions") from None
        else:
            _refuse_cut(connection, database, ATTACHED)
            return
        sleep(LOCK_SECONDS)
        left -= LOCK_SECONDS


@contextmanager
def refusing_damage(database: Path) -> Iterator[None]:
    """Refuse a damaged database where a query, not the opening, finds the damage.

    Raises
    ------
    RecordUnreadable
        In place of DuckDB's error.
    """
    try:
        yield
    except duckdb.Error as error:
        if any(sign in str(error) for sign in SIGNS_OF_DAMAGE):
            _refuse(database, error)
        raise


@contextmanager
def within_memory(database: Place) -> Iterator[None]:
    """Refuse a record whose reading needs more memory than the process may use, or more disk to spill to than is free.

    Raises
    ------
    RecordUnreadable
        In place of DuckDB's error.
    """
    try:
        yield
    except (duckdb.OutOfMemoryException, MemoryError) as error:
        raise _too_large(database, str(error)) from None


def _too_large(database: Place, message: str) -> RecordUnreadable:
    reason = (message.splitlines() or ["no memory"])[0]
    return RecordUnreadable(
        f"{database} and its spool need more memory than this process may use ({reason[:200]}): raise its memory"
        " limit (ulimit -v, or the container's limit), and check that the disk is not full"
    )


def _refuse(database: Path, error: duckdb.Error) -> NoReturn:
    """Raise the error of ours that a DuckDB error on opening stands for; its message says how to fix it."""
    message = str(error).split("See also")[0].strip()
    if SIGN_OF_A_LOCK in message:
        raise Locked(database, message) from None
    if SIGN_OF_NO_LOCKS in message:
        raise RecordNotWritten(
            f"{database} lies on a file system without locks ({message}): name a folder on a local disk in [paths]"
        ) from None
    if any(sign in message for sign in SIGNS_OF_A_BAD_LOG):
        raise LogDamaged(
            f"{database} has a write-ahead log that cannot be replayed ({message[:200]}): the next poll sets it aside"
        ) from None
    if SIGN_OF_A_NEWER_DUCKDB in message:
        raise RecordUnreadable(
            f"{database} was written by DuckDB {written_by(database)}; the installed DuckDB {duckdb.__version__} is"
            " older and cannot read the file. Either upgrade the installed DuckDB (pip install -U duckdb), or run"
            " poolscope compact where the newer DuckDB is installed: this rewrites the file in a format that both can"
            " read. Until then new polls wait in the spool folder"
        ) from None
    if "Permission denied" in message:
        raise RecordUnreadable(
            f"{database} may not be opened by this user, perhaps after a run by root: change its owner (sudo"
            f" chown -R $USER {database.parent}); until then new polls wait in the spool folder"
        ) from None
    if isinstance(error, duckdb.OutOfMemoryException) or any(sign in message for sign in SIGNS_OF_LITTLE_MEMORY):
        raise _too_large(database, message) from None
    fix = _fix_of(database)
    if "not a valid DuckDB" in message:
        raise RecordUnreadable(f"{database} is not a DuckDB database: name another file in [paths], or {fix}") from None
    if any(sign in message for sign in SIGNS_OF_DAMAGE) or not isinstance(error, duckdb.IOException):
        raise RecordUnreadable(f"{database} is damaged, or from a newer DuckDB ({message[:200]}): {fix}") from None
    raise RecordNotWritten(f"{database} cannot be opened ({message})") from None


def _fix_of(database: Path) -> str:
    return (
        f"move it away (mv {database} {database}.damaged), then restore a backup (poolscope restore) or let the next "
        "poll make a new one; until then new polls wait in the spool folder"
    )


def _refuse_cut(connection: Record, database: Path, name: str | None = None) -> None:
    """Refuse a file whose end is missing: rows that are written to it could be lost."""
    missing = missing_bytes(connection, database, name)
    if missing:
        raise RecordUnreadable(
            f"{database} is damaged: it was cut short, {missing:,} bytes at its end are missing: {_fix_of(database)}"
        )


def checked_version(connection: Record, database: Path, attached: str | None = None) -> int:
    """Return the schema version; `attached` is the database's name where it is not the connection's main database.

    Raises
    ------
    RecordUnreadable
        See `schema.version_of`; the message names the file.
    """
    try:
        return version_of(connection, attached)
    except RecordUnreadable as refusal:
        raise RecordUnreadable(f"{database} is left untouched: {refusal}") from None
