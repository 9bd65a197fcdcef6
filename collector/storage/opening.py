"""The database opened for writing: made where it is missing, waited for, and brought up to date."""

from pathlib import Path

import duckdb

from collector import __version__
from collector.clock import Clock
from collector.errors import RecordNotWritten
from collector.record.database import LOCK_SECONDS, Locked, Record, checked_version, connect
from collector.record.files import clear_unfinished, replacing
from collector.record.schema import migrate


async def open_for_writing(database: Path, clock: Clock, wait_seconds: float) -> Record:
    """Open the database, made if missing, under the process lock.

    Raises
    ------
    Locked
        When another process still holds the file when the wait is over.
    RecordUnreadable, RecordNotWritten
    """
    try:
        _create(database)
    except (OSError, duckdb.Error) as error:
        raise RecordNotWritten(f"{database} cannot be made ({error})") from error
    until = clock.monotonic() + wait_seconds
    while True:
        try:
            connection = _opened(database)
        except Locked:
            if clock.monotonic() >= until:
                raise
            await clock.sleep(LOCK_SECONDS)
        else:
            if connection is not None:
                return _up_to_date(connection, database)


def _opened(database: Path) -> Record | None:
    """Open the file that is there now; None where a compaction has put another one in its place meanwhile."""
    if database.with_name(database.name + ".wal").exists():
        # Opening it for writing takes the log in: whose it is has to be known before.
        with connect(database, read_only=True) as looked_at:
            checked_version(looked_at, database)
    before = database.stat().st_ino
    connection = connect(database, read_only=False)
    if database.stat().st_ino == before:
        return connection
    connection.close()
    return None


def _up_to_date(connection: Record, database: Path) -> Record:
    """Migrate an open database; it is closed where that fails."""
    try:
        migrate(connection, checked_version(connection, database), __version__)
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
    clear_unfinished(database)
    with replacing(database) as beside, connect(beside, read_only=False) as connection:
        migrate(connection, 0, __version__)
        # Closing does this too, but silently leaves the tables in a log of the other name where the disk is full.
        connection.execute("CHECKPOINT")
