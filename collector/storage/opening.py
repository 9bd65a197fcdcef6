"""Opening the database for writing: it is made where it is missing, waited for while in use, and migrated."""

from pathlib import Path
from typing import Final

import duckdb

from collector import __version__
from collector.clock import Clock
from collector.errors import RecordNotWritten
from collector.record.database import LOCK_SECONDS, Locked, Record, checked_version, connect
from collector.record.files import clear_unfinished, replacing
from collector.record.schema import migrate
from collector.storage.lock import refuse_dataset

WAIT_SECONDS: Final = 5.0
"""How long a command that a person runs waits for a program that has the database open."""


async def open_for_writing(database: Path, clock: Clock, wait_seconds: float) -> Record:
    """Open the database, and make it if it is missing. Only under the process lock.

    Raises
    ------
    Locked
        When another process still has the file open after `wait_seconds`.
    RecordUnreadable, RecordNotWritten
        See `database.connect` and `schema.version_of`.
    """
    refuse_dataset(database)
    try:
        _create(database)
    except (OSError, duckdb.Error) as error:
        raise RecordNotWritten(f"{database} cannot be made ({error})") from error
    until = clock.monotonic() + wait_seconds
    while True:
        try:
            connection = _open(database)
        except Locked:
            if clock.monotonic() >= until:
                raise
            await clock.sleep(LOCK_SECONDS)
        else:
            if connection is not None:
                return _migrated(connection, database)


def _open(database: Path) -> Record | None:
    """Open the current file; return None where a compaction replaced it meanwhile."""
    if database.with_name(database.name + ".wal").exists():
        # Opening for writing replays the log into the file: check first that the database is Poolscope's.
        with connect(database, read_only=True) as checked:
            checked_version(checked, database)
    before = database.stat().st_ino
    connection = connect(database, read_only=False)
    if database.stat().st_ino == before:
        return connection
    connection.close()
    return None


def _migrated(connection: Record, database: Path) -> Record:
    """Migrate an open database and return it; close it where that fails."""
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
    """Make a database with its tables, under another name first: a killed process never leaves a half-made database."""
    if database.exists():
        return
    database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    clear_unfinished(database)
    with replacing(database) as beside, connect(beside, read_only=False) as connection:
        migrate(connection, 0, __version__)
        # Closing does this too, but on a full disk it silently leaves the tables in a log of the other name.
        connection.execute("CHECKPOINT")
