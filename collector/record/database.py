"""The database file: opened, waited for while another process holds it, and refused where it is not Poolscope's."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeAlias

import duckdb

from collector.clock import Clock
from collector.errors import DatabaseRefused, RecordNotWritten
from collector.record.schema import migrate, version_of

Settings: TypeAlias = dict[str, str | bool | int | float | list[str]]
# Nothing here needs an extension that is not built in, and a cron tick must not look for one on the network.
BUILT_IN: Final[Settings] = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
# A poll's rows are few: starting threads would cost a tick more than they save.
ONE_THREAD: Final[Settings] = {"threads": 1}
LOCK_SECONDS: Final = 0.1
# The second one is the log of another database, which was moved away without it.
SIGNS_OF_A_BAD_LOG: Final = ("Corrupt WAL file", "WAL does not match database file")
SIGNS_OF_DAMAGE: Final = ("Corrupt database file", "Could not read enough bytes")

Record: TypeAlias = duckdb.DuckDBPyConnection
"""An open record, with the four tables."""


class Locked(Exception):
    """Another process has the database open."""


class LogDamaged(DatabaseRefused):
    """The write-ahead log that a killed process left beside the database is damaged, or another database's."""


def in_memory() -> Record:
    """Open an empty database in memory, to read a record beside its spool."""
    return _open(":memory:", BUILT_IN, read_only=False)


def _open(database: str, settings: Settings, *, read_only: bool) -> Record:
    connection = duckdb.connect(database, read_only=read_only, config=settings)
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def connect(database: Path, *, read_only: bool) -> Record:
    """Open a database file.

    Raises
    ------
    Locked
        When another process holds it.
    DatabaseRefused
        When it is no DuckDB database, or a damaged one.
    RecordNotWritten
        When it lies where it cannot be opened.
    """
    try:
        return _open(str(database), BUILT_IN | ONE_THREAD, read_only=read_only)
    except duckdb.Error as error:
        raise _told(database, error) from None


@contextmanager
def refusing_damage(database: Path) -> Iterator[None]:
    """Refuse a database whose damage only a query finds, as one where opening it does.

    Raises
    ------
    DatabaseRefused
    """
    try:
        yield
    except duckdb.Error as error:
        if any(sign in str(error) for sign in SIGNS_OF_DAMAGE):
            raise _told(database, error) from None
        raise


def _told(database: Path, error: duckdb.Error) -> Locked | DatabaseRefused | RecordNotWritten:
    """Return what an error on opening means, with its mend."""
    message = str(error).split("See also")[0].strip()
    if "Could not set lock" in message:
        return Locked(message)
    if any(sign in message for sign in SIGNS_OF_A_BAD_LOG):
        return LogDamaged(
            f"{database} has a write-ahead log that cannot be taken in ({message[:200]}): the next poll sets it aside"
        )
    mend = (
        f"move it away (mv {database} {database}.damaged), then restore a backup (poolscope restore) or let the next "
        "poll begin a new one; what is polled meanwhile waits in the spool"
    )
    if "not a valid DuckDB" in message:
        return DatabaseRefused(f"{database} is no DuckDB database: name another file in [paths], or {mend}")
    if any(sign in message for sign in SIGNS_OF_DAMAGE) or not isinstance(error, duckdb.IOException):
        return DatabaseRefused(f"{database} is damaged, or of a newer DuckDB ({message[:200]}): {mend}")
    return RecordNotWritten(f"{database} cannot be opened ({message})")


def checked_version(connection: Record, database: Path, attached: str | None = None) -> int:
    """Return the version of the schema; `attached` is the database's name where it is not the connection's own.

    Raises
    ------
    DatabaseRefused
        See `schema.version_of`; the message names the file.
    """
    try:
        return version_of(connection, attached)
    except DatabaseRefused as refusal:
        raise DatabaseRefused(f"{database} is left untouched: {refusal}") from None


async def open_for_writing(database: Path, clock: Clock, wait_seconds: float) -> Record | str:
    """Open the database, made if missing, under the process lock.

    Returns
    -------
    Record or str
        The connection, or who still held the file when the wait was over.

    Raises
    ------
    DatabaseRefused, RecordNotWritten
    """
    try:
        _create(database)
    except (OSError, duckdb.Error) as error:
        raise RecordNotWritten(f"{database} cannot be made ({error})") from error
    until = clock.monotonic() + wait_seconds
    while True:
        try:
            if database.with_name(database.name + ".wal").exists():
                # Opening it for writing takes the log in: whose it is has to be known before.
                with connect(database, read_only=True) as looked_at:
                    checked_version(looked_at, database)
            before = database.stat().st_ino
            connection = connect(database, read_only=False)
            if database.stat().st_ino != before:
                # A compaction has put another file in its place since: this one is no more.
                connection.close()
                continue
        except Locked as locked:
            if clock.monotonic() >= until:
                return str(locked)
            await clock.sleep(LOCK_SECONDS)
        else:
            try:
                migrate(connection, checked_version(connection, database))
            except duckdb.Error as error:
                connection.close()
                raise RecordNotWritten(f"{database} could not be written ({str(error)[:300]})") from None
            except BaseException:
                connection.close()
                raise
            return connection


def _create(database: Path) -> None:
    """Make a database with its tables under another name first: one that a kill left half made is never found."""
    if database.exists():
        return
    database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = database.with_name(database.name + ".new")
    unfinished.unlink(missing_ok=True)
    unfinished.with_name(unfinished.name + ".wal").unlink(missing_ok=True)
    with connect(unfinished, read_only=False) as connection:
        migrate(connection, 0)
        # Closing does this too, but silently leaves the tables in a log of the other name where the disk is full.
        connection.execute("CHECKPOINT")
    unfinished.rename(database)


async def attach(connection: Record, database: Path, clock: Clock, wait_seconds: float) -> None:
    """Attach a database for reading, under the name `record`.

    Raises
    ------
    DatabaseRefused
        When it cannot be read, or another process writes to it for longer than the wait.
    """
    until = clock.monotonic() + wait_seconds
    quoted = str(database).replace("'", "''")
    while True:
        try:
            connection.execute(f"ATTACH '{quoted}' AS record (READ_ONLY)")
        except duckdb.Error as error:
            told = _told(database, error)
            if isinstance(told, RecordNotWritten):
                raise DatabaseRefused(f"{told}: look at its folder and permissions") from None
            if isinstance(told, DatabaseRefused):
                raise told from None
            if clock.monotonic() >= until:
                raise DatabaseRefused(f"{database} is in use ({told}): try again when that process has ended") from None
            await clock.sleep(LOCK_SECONDS)
        else:
            return
