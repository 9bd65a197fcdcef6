"""Compaction: the database is rewritten, sorted by series within each month, into a new file that replaces the old one.

No poll waits or is turned away meanwhile: compaction keeps the old file open for reading, so that new polls stay in the
spool, and no process writes to the old file between copy and replacement. (A process that opens the old file just
before the replacement would get its lock just after it: `opening.open_for_writing` checks for that.)
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import duckdb

from collector.clock import Clock
from collector.errors import RecordNotWritten, RecordUnreadable
from collector.record.columns import ORDER, TABLES
from collector.record.database import ATTACHED, Record, attach, checked_version, in_memory
from collector.record.files import clear_unfinished, replacing
from collector.record.paths import quoted
from collector.record.schema import MIGRATIONS
from collector.record.slots import naive
from collector.storage.lock import compacting_lock, holding, refuse_dataset

# Everything in the file but Poolscope's tables, which alone are copied: kind and name.
ADDED: Final = """
    SELECT DISTINCT kind || ' ' || CASE WHEN place IN ('main', name) THEN name ELSE place || '.' || name END FROM (
        SELECT 'table' AS kind, schema_name AS place, table_name AS name, database_name, internal FROM duckdb_tables()
        WHERE schema_name <> 'main' OR NOT list_contains($1, table_name)
        UNION ALL SELECT 'view', schema_name, view_name, database_name, internal FROM duckdb_views()
        UNION ALL SELECT 'schema', schema_name, schema_name, database_name, internal FROM duckdb_schemas()
        WHERE schema_name <> 'main'
        UNION ALL SELECT 'index', schema_name, index_name, database_name, false FROM duckdb_indexes()
        UNION ALL SELECT 'sequence', schema_name, sequence_name, database_name, false FROM duckdb_sequences()
        UNION ALL SELECT 'macro', schema_name, function_name, database_name, internal FROM duckdb_functions()
        UNION ALL SELECT 'type', schema_name, type_name, database_name, internal FROM duckdb_types()
        UNION ALL SELECT 'constraint on', schema_name, table_name, database_name, false FROM duckdb_constraints()
        WHERE schema_name = 'main' AND list_contains($1, table_name)
    ) WHERE database_name = $2 AND NOT internal ORDER BY ALL
"""
MOST_NAMED: Final = 10
SMALLEST: Final = 16 << 20
GROWTH: Final = 1.5


class NotOurs(RecordUnreadable):
    """The file has more than Poolscope's tables; compaction would lose the rest."""


@dataclass(frozen=True)
class Compacted:
    """The result of a compaction: bytes of the file before and after, and rows of snapshots."""

    before: int
    after: int
    rows: int


def compaction_due(database: Path) -> bool:
    """Return whether the file has grown by half since the last try; this costs only two reads of the folder."""
    database = database.resolve()
    size, _ = _last_try(database)
    return database.exists() and database.stat().st_size > max(SMALLEST, GROWTH * size)


def compacted_at(database: Path) -> datetime | None:
    """Return when the record was last compacted, naive UTC; None where it never was."""
    return _last_try(database.resolve())[1]


def _last_try(database: Path) -> tuple[int, datetime | None]:
    """Return the size in bytes at the last try of a compaction (0 without one), and when one last succeeded."""
    try:
        size, _, instant = _size_file(database).read_text(encoding="ascii").partition(" ")
        return int(size), datetime.fromisoformat(instant) if instant else None
    except (OSError, ValueError):
        return 0, None


def _note_try(database: Path, size: int, done: datetime | None) -> None:
    # Overwritten in place: without room for the new database there may be none for a second file. If the write fails or
    # stops half way, the only cost is a compaction that comes too early.
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with suppress(OSError), os.fdopen(os.open(_size_file(database), flags, 0o600), "w", encoding="ascii") as file:
        file.write(f"{size} {done.isoformat() if done else ''}".strip())


def compact(database: Path, clock: Clock, wait_seconds: float) -> Compacted:
    """Rewrite the database; whatever happens, it is complete, and no row is lost or duplicated.

    Parameters
    ----------
    wait_seconds
        How long to wait for a program that writes to the database.

    Raises
    ------
    RecordUnreadable
        When the database is in use, damaged, of another schema version, or has more than Poolscope's tables.
    RecordNotWritten
        When the new file cannot be written.
    LockHeld
        When another compaction is running.
    """
    refuse_dataset(database)
    # A database that is a link to another disk stays a link: the new file is made beside the old file.
    database = database.resolve()
    with holding(compacting_lock(database), f"compacting {database}"):
        clear_unfinished(database)
        try:
            size = database.stat().st_size
            if shutil.disk_usage(database.parent).free < size:
                raise OSError(f"it may need {size:,} bytes, which are not free on the disk")
            return _rewrite(database, clock, wait_seconds)
        except NotOurs:
            _note_try(database, size, compacted_at(database))
            raise
        except (duckdb.Error, OSError) as error:
            # The next try comes when the file has grown, not at the next poll.
            if database.exists():
                _note_try(database, database.stat().st_size, compacted_at(database))
            raise RecordNotWritten(f"{database} was not compacted and is unchanged ({str(error)[:300]})") from None
        finally:
            clear_unfinished(database)


def _rewrite(database: Path, clock: Clock, wait_seconds: float) -> Compacted:
    with in_memory() as connection:
        attach(connection, database, clock.pause, wait_seconds)
        if checked_version(connection, database, ATTACHED) < len(MIGRATIONS) or _log(database).exists():
            raise RecordUnreadable(
                f"{database} was not compacted: a killed run or an older Poolscope left it; run poolscope collect first"
            )
        _refuse_added(connection, database)
        # While the old file is attached, no process writes to it.
        with replacing(database) as fresh:
            connection.execute(f"ATTACH {quoted(fresh)} AS fresh")
            connection.execute(f"SET temp_directory = {quoted(fresh.with_name(fresh.name + '.tmp'))}")
            rows = _copy(connection)
            connection.execute("CHECKPOINT fresh")
            connection.execute("DETACH fresh")
            before, after = database.stat().st_size, fresh.stat().st_size
            # The log of the old file must never be replayed into the new one.
            if _log(database).exists() or _log(fresh).exists():
                raise RecordNotWritten(
                    f"{database} was not compacted and is unchanged: another program wrote to it; try again"
                )
    # Only now the space of the old file is free.
    _note_try(database, after, naive(clock.now()))
    return Compacted(before, after, rows)


def _refuse_added(connection: Record, database: Path) -> None:
    """Raise NotOurs where the file has more than Poolscope's tables."""
    added = [name for (name,) in connection.execute(ADDED, [[*TABLES, "poolscope_migrations"], ATTACHED]).fetchall()]
    if added:
        more = f" and {len(added) - MOST_NAMED} more" if len(added) > MOST_NAMED else ""
        raise NotOurs(
            f"{database} was not compacted and is unchanged: it also has {', '.join(added[:MOST_NAMED])}{more}, which"
            " would be lost: move these to another database file, which can ATTACH the record, and drop them here"
        )


def _copy(connection: Record) -> int:
    """Copy all tables, sorted, check their row counts, and return the number of rows of snapshots."""
    connection.execute("CREATE TABLE fresh.poolscope_migrations AS FROM record.poolscope_migrations ORDER BY version")
    counts = {}
    for table in TABLES:
        connection.execute(f"CREATE TABLE fresh.{table} AS FROM record.{table} LIMIT 0")
        for condition in _months(connection, table):
            connection.execute(
                f"INSERT INTO fresh.{table} FROM record.{table} WHERE {condition} ORDER BY {ORDER[table]}"
            )
        old, new = connection.execute(
            f"SELECT (SELECT count(*) FROM record.{table}), (SELECT count(*) FROM fresh.{table})"
        ).fetchall()[0]
        if old != new:
            raise RecordNotWritten(
                f"the compacted {table} has {new} of {old} rows: the record is unchanged; please report this"
            )
        counts[table] = int(new)
    return counts["snapshots"]


def _months(connection: Record, table: str) -> Iterator[str]:
    """Yield SQL conditions that split a table's rows by month; rows of an import's poll have no slot."""
    yield "slot IS NULL"
    months = f"SELECT DISTINCT date_trunc('month', slot) FROM record.{table} WHERE slot IS NOT NULL ORDER BY ALL"
    for (month,) in connection.execute(months).fetchall():
        yield f"slot >= DATE '{month:%Y-%m-%d}' AND slot < DATE '{_next(month):%Y-%m-%d}'"


def _next(month: datetime) -> datetime:
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


def _log(database: Path) -> Path:
    return database.with_name(database.name + ".wal")


def _size_file(database: Path) -> Path:
    return database.with_name(database.name + ".compacted")
