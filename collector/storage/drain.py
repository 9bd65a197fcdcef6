"""The drain: one transaction takes in what the spool holds, and only then do its files go."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import duckdb

from collector.clock import Clock
from collector.errors import RecordNotWritten, RecordUnreadable
from collector.record import spool
from collector.record.columns import COLUMNS
from collector.record.database import Locked, LogDamaged, Record, refusing_damage
from collector.record.merging import KEYS, changes, new_rows, new_snapshots, winners
from collector.record.spooled import load
from collector.storage.opening import open_for_writing

# Bytes of the spool in one transaction, which take some five times that of memory: days of most records.
LARGEST_DRAIN: Final = 64 << 20


@dataclass
class Drained:
    """What a drain did: how many files went in, which could not be read, and what kept the rest waiting."""

    files: int = 0
    set_aside: list[Path] = field(default_factory=list)
    staying: list[Path] = field(default_factory=list)
    """What can be neither moved nor removed."""
    waits_because: str | None = None

    def put_aside(self, spool_folder: Path, path: Path) -> bool:
        """Put what cannot be read out of the way, and return whether that could be done."""
        try:
            self.set_aside.append(spool.set_aside(spool_folder, path))
        except OSError:
            self.staying.append(path)
            return False
        return True

    def require_all(self, database: Path, otherwise: str) -> None:
        """Raise RecordUnreadable where something still waits; `otherwise` says what therefore was not done."""
        if self.waits_because:
            raise RecordUnreadable(f"{database} cannot be had now ({self.waits_because}): {otherwise}")


async def drain(database: Path, spool_folder: Path, clock: Clock, wait_seconds: float) -> Drained:
    """Take everything in the spool into the database, in one transaction, and remove the files when it is in.

    A spool larger than memory should hold at once goes in by parts, the oldest first.

    Under the process lock. Where the database cannot be had or written, the spool waits for the next poll. A damaged
    write-ahead log is set aside: spool files go only when their rows are in the database's own file.

    Raises
    ------
    RecordUnreadable
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
                # Closing does this too, but says nothing where the disk is full: the log alone would hold the rows.
                connection.execute("CHECKPOINT")
                drained.staying += spool.remove(readable)
                drained.files += len(readable)
                for path in unreadable:
                    drained.put_aside(spool_folder, path)
    except duckdb.Error as error:
        drained.waits_because = f"{database} could not be written ({str(error)[:300]})"
    return drained


def ingest(connection: Record) -> None:
    """Take the rows of `spooled` into the tables; what is there already is dropped.

    A slot's success is that of its earliest run, whichever arrived first; the other rows stay as what was tried.
    """
    span = connection.execute("SELECT min(slot), max(slot) FROM spooled").fetchall()[0]
    connection.execute(winners("stored.outcome = 'ok' AND stored.slot BETWEEN $1 AND $2", "scrapes"), span)
    for table in KEYS:
        rows = new_rows(table, COLUMNS[table], table, "WHERE slot BETWEEN $1 AND $2")
        if table == "pools":
            rows = changes(COLUMNS[table], rows, table)
        connection.execute(f"INSERT INTO {table} BY NAME {rows} ORDER BY ALL", span)
    connection.execute(
        "DELETE FROM snapshots USING winners w WHERE snapshots.slot BETWEEN $1 AND $2 AND snapshots.slot = w.slot"
        " AND snapshots.project = w.project AND snapshots.pool = w.pool",
        span,
    )
    # Rows of one series side by side compress best.
    connection.execute(f"INSERT INTO snapshots BY NAME {new_snapshots(COLUMNS['snapshots'])} ORDER BY ALL")
