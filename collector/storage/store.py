"""The database: one transaction takes in what the spool holds; readers see the spool's rows as if they were in it."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import duckdb

from collector.clock import Clock
from collector.errors import RecordNotWritten
from collector.record import spool
from collector.record.database import (
    LogDamaged,
    Record,
    attach,
    checked_version,
    in_memory,
    open_for_writing,
    refusing_damage,
)
from collector.record.merging import KEYS, changes, new_rows, new_snapshots, winners
from collector.record.schema import columns_of, migrate

READ_WAIT_SECONDS: Final = 5.0
# Bytes of the spool in one transaction, which take some five times that of memory: days of most records.
LARGEST_DRAIN: Final = 64 << 20
# What is said of a file's content; any other error is not the file's.
DAMAGED: Final = (duckdb.InvalidInputException, duckdb.DataError, ValueError)


@dataclass
class Drained:
    """What a drain did: how many files went in, which could not be read, and what kept the rest waiting."""

    files: int = 0
    set_aside: list[Path] = field(default_factory=list)
    waits_because: str | None = None


async def drain(database: Path, spool_folder: Path, clock: Clock, wait_seconds: float) -> Drained:
    """Take everything in the spool into the database, in one transaction, and remove the files when it is in.

    A spool larger than memory should hold at once goes in by parts, the oldest first.

    Under the process lock. Where the database cannot be had or written, the spool waits for the next poll. A damaged
    write-ahead log is set aside: spool files go only when their rows are in the database's own file.

    Raises
    ------
    DatabaseRefused
    """
    drained = Drained()
    files = spool.waiting(spool_folder)
    if not files:
        return drained
    try:
        try:
            connection = await open_for_writing(database, clock, wait_seconds)
        except LogDamaged:
            drained.set_aside.append(spool.set_aside(spool_folder, database.with_name(database.name + ".wal")))
            connection = await open_for_writing(database, clock, wait_seconds)
    except RecordNotWritten as error:
        drained.waits_because = str(error)
        return drained
    if isinstance(connection, str):
        drained.waits_because = connection
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
                spool.remove(readable)
                drained.files += len(readable)
                drained.set_aside += [spool.set_aside(spool_folder, path) for path in unreadable]
    except duckdb.Error as error:
        drained.waits_because = f"{database} could not be written ({str(error)[:300]})"
    return drained


def load(connection: Record, files: list[Path]) -> tuple[list[Path], list[Path]]:
    """Read spool files into the temporary table `spooled`, whose columns are those of all tables together.

    Returns
    -------
    tuple
        The files that are in it, and those that are damaged.

    Raises
    ------
    duckdb.Error
        When it is not for a file that nothing can be read (the memory or the disk is full).
    """
    columns = {"table": "VARCHAR", "format": "INTEGER", "lines": "INTEGER"}
    for table in columns_of(connection).values():
        columns |= table
    listed = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
    connection.execute(f"CREATE OR REPLACE TEMP TABLE spooled ({listed}, filename VARCHAR)")
    if not files:
        return [], []
    try:
        _read(connection, files, columns)
    except (duckdb.Error, ValueError):
        # One damaged file keeps all from being read together: each is tried alone.
        readable: list[Path] = []
        unreadable: list[Path] = []
        for file in files:
            try:
                _read(connection, [file], columns)
            except DAMAGED:
                unreadable.append(file)
            except duckdb.IOException:
                if os.access(file, os.R_OK):
                    raise
                # Where it is not there at all, a drain has taken it in meanwhile.
                unreadable += [file] if file.exists() else []
            else:
                readable.append(file)
        return readable, unreadable
    return files, []


def _read(connection: Record, files: list[Path], columns: dict[str, str]) -> None:
    """Read files whole or not at all.

    Raises
    ------
    duckdb.Error, ValueError
        When one is not as it was written.
    """
    struct, names = ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items()), [str(file) for file in files]
    # Straight into `spooled`: a table in memory takes a block a column, however few its rows are.
    connection.begin()
    try:
        connection.execute(
            f"INSERT INTO spooled SELECT * FROM read_json($1, columns = {{{struct}}},"
            " format = 'newline_delimited', filename = true)",
            [names],
        )
        whole = connection.execute(
            f"""SELECT count(*) FROM (SELECT filename FROM spooled WHERE list_contains($1, filename) GROUP BY filename
            HAVING count(*) FILTER ("table" = 'spool' AND format = {spool.FORMAT}) = 1 AND max(lines) = count(*) - 1
            AND max(lines) = count(*) FILTER ("table" IN $2))""",
            [names, list(spool.TABLES)],
        ).fetchall()[0][0]
        if whole != len(files):
            raise ValueError("a file has not as many lines as were written")
        connection.execute("""DELETE FROM spooled WHERE "table" = 'spool'""")
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def ingest(connection: Record) -> None:
    """Take the rows of `spooled` into the tables; what is there already is dropped.

    A slot's success is that of its earliest run, whichever arrived first; the other rows stay as what was tried.
    """
    span = connection.execute("SELECT min(slot), max(slot) FROM spooled").fetchall()[0]
    columns = columns_of(connection)
    connection.execute(winners("stored.outcome = 'ok' AND stored.slot BETWEEN $1 AND $2", "scrapes"), span)
    for table in KEYS:
        rows = new_rows(table, columns[table], table, "WHERE slot BETWEEN $1 AND $2")
        if table == "pools":
            rows = changes(columns[table], rows, table)
        connection.execute(f"INSERT INTO {table} BY NAME {rows} ORDER BY ALL", span)
    connection.execute(
        "DELETE FROM snapshots USING winners w WHERE snapshots.slot BETWEEN $1 AND $2 AND snapshots.slot = w.slot"
        " AND snapshots.project = w.project AND snapshots.pool = w.pool",
        span,
    )
    # Rows of one series side by side compress best.
    connection.execute(f"INSERT INTO snapshots BY NAME {new_snapshots(columns['snapshots'])} ORDER BY ALL")


@asynccontextmanager
async def reading(
    database: Path, spool_folder: Path, clock: Clock, wait_seconds: float = READ_WAIT_SECONDS
) -> AsyncIterator[Record]:
    """Open the record for reading: the four tables, as if the spool had been drained. Closed at the end.

    The spool is read first, then the database: in the other order a drain in between would hide rows.

    Raises
    ------
    DatabaseRefused
        When the database is not one to be read, or another process writes to it for longer than the wait.
    """
    with in_memory() as connection, refusing_damage(database):
        migrate(connection, 0)
        # Each thread would hold a file of its own while it reads them.
        connection.execute("SET threads = 1")
        load(connection, spool.waiting(spool_folder))
        connection.execute("RESET threads")
        columns = columns_of(connection)
        # A table that an older Poolscope's database lacks is the empty one in memory.
        stored = {table: f"memory.main.{table}" for table in columns}
        if database.exists():
            await attach(connection, database, clock, wait_seconds)
            checked_version(connection, database, "record")
            query = "SELECT table_name FROM duckdb_tables() WHERE database_name = 'record'"
            stored |= {table: f"record.main.{table}" for (table,) in connection.execute(query).fetchall()}
        connection.execute(
            winners("stored.outcome = 'ok' AND stored.slot IN (SELECT slot FROM spooled)", stored["scrapes"])
        )
        for table in KEYS:
            rows = new_rows(table, columns[table], stored[table], "")
            if table == "pools":
                rows = changes(columns[table], rows, stored[table])
            connection.execute(f"CREATE TEMP VIEW {table} AS SELECT * FROM {stored[table]} UNION ALL BY NAME ({rows})")
        connection.execute(
            f"CREATE TEMP VIEW snapshots AS SELECT * FROM {stored['snapshots']}"
            f" ANTI JOIN winners USING (project, pool, slot) UNION ALL BY NAME ({new_snapshots(columns['snapshots'])})"
        )
        yield connection
