"""The drain: it takes the spool into the database in a transaction, and only then removes the files."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import duckdb

from collector.clock import Clock
from collector.errors import RecordNotWritten, RecordUnreadable
from collector.record import spool
from collector.record.columns import COLUMNS
from collector.record.database import Locked, LogDamaged, Record, refusing_damage
from collector.record.log import LOG
from collector.record.merging import KEYS, changes, new_rows, new_snapshots, winners
from collector.record.spooled import load
from collector.storage.opening import open_for_writing

# Bytes of the spool in one transaction: days of most records. The transaction needs about five times the memory.
LARGEST_DRAIN: Final = 64 << 20


@dataclass
class Drained:
    """The result of a drain: how many files were taken in, the damaged files, and why the others still wait."""

    files: int = 0
    set_aside: list[Path] = field(default_factory=list)
    staying: list[Path] = field(default_factory=list)
    """Files that can be neither moved nor removed."""
    waits_because: str | None = None

    def put_aside(self, spool_folder: Path, path: Path) -> bool:
        """Set a file aside that cannot be read, and return whether it could be moved."""
        try:
            self.set_aside.append(spool.set_aside(spool_folder, path))
        except OSError:
            self.staying.append(path)
            return False
        return True

    def require_all(self, database: Path, otherwise: str) -> None:
        """Raise RecordUnreadable where files still wait; `otherwise` is the end of its message: what was not done."""
        if self.waits_because:
            raise RecordUnreadable(f"{database} cannot be written now ({self.waits_because}): {otherwise}")


async def drain(database: Path, spool_folder: Path, clock: Clock, wait_seconds: float) -> Drained:
    """Take all rows of the spool into the database, in one transaction, and then remove the spool's files.

    A spool of more than `LARGEST_DRAIN` bytes is taken in by parts, the oldest first.

    Only under the process lock. Where the database is in use or cannot be written, the spool waits for the next poll. A
    damaged write-ahead log is set aside: no row is lost, as spool files stay until the database file has their rows.

    Raises
    ------
    RecordUnreadable
        When the database is damaged, or not this Poolscope's.
    """
    drained = Drained()
    for entry in spool.odd_entries(spool_folder):
        drained.put_aside(spool_folder, entry)
    files = spool.waiting(spool_folder)
    if not files:
        return drained
    try:
        try:
            connection = await open_for_writing(database, clock, wait_seconds)
        except LogDamaged:
            if not drained.put_aside(spool_folder, database.with_name(database.name + ".wal")):
                raise
            connection = await open_for_writing(database, clock, wait_seconds)
    except Locked as locked:
        drained.waits_because = locked.holder
        return drained
    except RecordNotWritten as error:
        drained.waits_because = str(error)
        return drained
    try:
        with connection, refusing_damage(database):
            for part in spool.parts(files, LARGEST_DRAIN):
                readable, unreadable = load(connection, part)
                connection.begin()
                ingest(connection)
                connection.commit()
                # Closing does this too, but silently fails on a full disk: only the log would then have the rows.
                connection.execute("CHECKPOINT")
                drained.staying += spool.remove(readable)
                drained.files += len(readable)
                LOG.debug("%s: took in %s polls of the spool", database, len(readable))
                for path in unreadable:
                    drained.put_aside(spool_folder, path)
    except duckdb.Error as error:
        drained.waits_because = f"{database} could not be written ({str(error)[:300]})"
    return drained


def ingest(connection: Record) -> int:
    """Insert the rows of `spooled` into the tables; rows that are stored already are dropped.

    Of several successes of a pool in a slot, that of the earliest run counts, in any order of arrival. All scrapes are
    stored, snapshots only of that run. Return the number of stored snapshots that were replaced.
    """
    span = connection.execute("SELECT min(slot), max(slot) FROM spooled").fetchall()[0]
    connection.execute(winners("stored.outcome = 'ok' AND stored.slot BETWEEN $1 AND $2", "scrapes"), span)
    for table in KEYS:
        rows = new_rows(table, COLUMNS[table], table, "WHERE slot BETWEEN $1 AND $2")
        if table == "pools":
            rows = changes(COLUMNS[table], rows, table)
        connection.execute(f"INSERT INTO {table} BY NAME {rows} ORDER BY ALL", span)
    replaced = connection.execute(
        "DELETE FROM snapshots USING winners w WHERE snapshots.slot BETWEEN $1 AND $2 AND snapshots.slot = w.slot"
        " AND snapshots.project = w.project AND snapshots.pool = w.pool",
        span,
    ).fetchall()[0][0]
    # Adjacent rows of one series compress best.
    connection.execute(f"INSERT INTO snapshots BY NAME {new_snapshots(COLUMNS['snapshots'])} ORDER BY ALL")
    return int(replaced)
