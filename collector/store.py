"""The database: one transaction takes in what the spool holds; readers see the spool's rows as if they were in it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

import duckdb

from collector import spool
from collector.clock import Clock
from collector.errors import DatabaseRefused, RecordNotWritten
from collector.schema import columns_of, migrate, version_of

# Nothing here needs an extension that is not built in, and a cron tick must not look for one on the network.
SETTINGS: Final[dict[str, str | bool | int | float | list[str]]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
POLL_LOCK_SECONDS: Final = 0.1
READ_WAIT_SECONDS: Final = 5.0
# What makes a row of a table the same row; a snapshot goes with its scrape.
KEYS: Final = {
    "polls": "run, project",
    "discoveries": "run, project, workspace, page",
    "scrapes": "run, project, pool, slot",
}


Record: TypeAlias = duckdb.DuckDBPyConnection
"""An open record, with the four tables."""


@dataclass
class Drained:
    """What a drain did: how many files went in, which could not be read, and what kept the rest waiting."""

    files: int = 0
    set_aside: list[Path] = field(default_factory=list)
    waits_because: str | None = None


class _Locked(Exception):
    """Another process has the database open."""


def _open(database: Path | None = None, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """Open a database, or one in memory."""
    connection = duckdb.connect(str(database) if database else ":memory:", read_only=read_only, config=SETTINGS)
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _connect(database: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """Open a database file.

    Raises
    ------
    _Locked
        When another process holds it.
    DatabaseRefused
        When it is no DuckDB database, or a damaged one.
    RecordNotWritten
        When it lies where it cannot be opened.
    """
    try:
        return _open(database, read_only=read_only)
    except duckdb.IOException as error:
        message = str(error).split("See also")[0].strip()
        if "Could not set lock" in message:
            raise _Locked(message) from None
        if "not a valid DuckDB" in message:
            raise DatabaseRefused(f"{database} is no DuckDB database: name another file in [paths]") from None
        raise RecordNotWritten(f"{database} cannot be opened ({message})") from None
    except duckdb.Error as error:
        raise DatabaseRefused(
            f"{database} cannot be read, it may be damaged or of a newer DuckDB ({str(error)[:200]}): "
            "move it away or restore it, and polling goes on"
        ) from None


def successes(database: Path, spool_folder: Path, slot: datetime) -> set[tuple[str, str]]:
    """Return the (project, pool) pairs that have their sample of a slot, from spool and database.

    A database that cannot be had now is left out: what it may have twice is dropped when it takes the spool in.

    Raises
    ------
    DatabaseRefused
    """
    done: set[tuple[str, str]] = set()
    for file in spool.waiting(spool_folder, slot):
        try:
            rows = list(spool.rows(file))
        except (ValueError, OSError):
            continue  # The drain sets it aside and says so.
        done |= {(r["project"], r["pool"]) for r in rows if r["table"] == "scrapes" and r["outcome"] == "ok"}
    if not database.exists():
        return done
    try:
        connection = _connect(database, read_only=True)
    except (_Locked, RecordNotWritten):
        return done
    with connection:
        if _checked_version(connection, database):
            query = "SELECT DISTINCT project, pool FROM scrapes WHERE slot = $1 AND outcome = 'ok'"
            done |= set(connection.execute(query, [slot]).fetchall())
    return done


def _checked_version(connection: duckdb.DuckDBPyConnection, database: Path, name: str | None = None) -> int:
    try:
        return version_of(connection, name or connection.execute("SELECT current_database()").fetchall()[0][0])
    except DatabaseRefused as refusal:
        raise DatabaseRefused(f"{database} is left untouched: {refusal}") from None


async def open_for_writing(database: Path, clock: Clock, wait_seconds: float) -> duckdb.DuckDBPyConnection | str:
    """Open the database, made if missing, under the process lock.

    Returns
    -------
    duckdb.DuckDBPyConnection or str
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
                with _connect(database, read_only=True) as looked_at:
                    _checked_version(looked_at, database)
            connection = _connect(database, read_only=False)
        except _Locked as locked:
            if clock.monotonic() >= until:
                return str(locked)
            await clock.sleep(POLL_LOCK_SECONDS)
        else:
            try:
                _checked_version(connection, database)
                migrate(connection)
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
    with _open(unfinished) as connection:
        migrate(connection)
        # Closing does this too, but silently leaves the tables in a log of the other name where the disk is full.
        connection.execute("CHECKPOINT")
    unfinished.rename(database)


async def drain(database: Path, spool_folder: Path, clock: Clock, wait_seconds: float) -> Drained:
    """Take everything in the spool into the database, in one transaction, and remove the files when it is in.

    Under the process lock. Where the database cannot be had or written, the spool waits for the next poll.

    Raises
    ------
    DatabaseRefused
    """
    drained = Drained()
    files = spool.waiting(spool_folder)
    if not files:
        return drained
    try:
        connection = await open_for_writing(database, clock, wait_seconds)
    except RecordNotWritten as error:
        drained.waits_because = str(error)
        return drained
    if isinstance(connection, str):
        drained.waits_because = connection
        return drained
    try:
        with connection:
            readable, unreadable = load(connection, files)
            connection.begin()
            ingest(connection)
            connection.commit()
    except duckdb.Error as error:
        drained.waits_because = f"{database} could not be written ({str(error)[:300]})"
        return drained
    spool.remove(readable)
    drained.files = len(readable)
    drained.set_aside = [spool.set_aside(path) for path in unreadable]
    return drained


def load(connection: duckdb.DuckDBPyConnection, files: list[Path]) -> tuple[list[Path], list[Path]]:
    """Read spool files into the temporary table `spooled`, whose columns are those of all tables together.

    Returns
    -------
    tuple
        The files that are in it, and those that are damaged.
    """
    columns = {"table": "VARCHAR", "format": "INTEGER", "lines": "INTEGER"}
    for table in columns_of(connection, _main(connection)).values():
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
            except (duckdb.Error, ValueError):
                (unreadable if file.exists() else []).append(file)
            else:
                readable.append(file)
        return readable, unreadable
    return files, []


def _read(connection: duckdb.DuckDBPyConnection, files: list[Path], columns: dict[str, str]) -> None:
    """Read files whole or not at all.

    Raises
    ------
    duckdb.Error, ValueError
        When one is not as it was written.
    """
    struct = ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items())
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE arriving AS SELECT * FROM read_json($1, columns = {{{struct}}},"
        " format = 'newline_delimited', filename = true)",
        [[str(file) for file in files]],
    )
    whole = connection.execute(
        f"""SELECT count(*) FROM (SELECT filename FROM arriving GROUP BY filename
        HAVING count(*) FILTER ("table" = 'spool' AND format = {spool.FORMAT}) = 1 AND max(lines) = count(*) - 1
        AND max(lines) = count(*) FILTER ("table" IN $1))""",
        [list(spool.TABLES)],
    ).fetchall()[0][0]
    if whole != len(files):
        raise ValueError("a file has not as many lines as were written")
    connection.execute("""INSERT INTO spooled SELECT * FROM arriving WHERE "table" <> 'spool'""")


def ingest(connection: duckdb.DuckDBPyConnection) -> None:
    """Take the rows of `spooled` into the tables; what is there already is dropped.

    A slot's success is that of its earliest run, whichever arrived first; the other rows stay as what was tried.
    """
    span = connection.execute("SELECT min(slot), max(slot) FROM spooled").fetchall()[0]
    columns = columns_of(connection, _main(connection))
    connection.execute(_winners("stored.outcome = 'ok' AND stored.slot BETWEEN $1 AND $2", "scrapes"), span)
    for table in KEYS:
        connection.execute(
            f"INSERT INTO {table} BY NAME {_new_rows(table, columns[table], table, 'WHERE slot BETWEEN $1 AND $2')}"
            " ORDER BY ALL",
            span,
        )
    connection.execute(
        "DELETE FROM snapshots USING winners w WHERE snapshots.slot BETWEEN $1 AND $2 AND snapshots.slot = w.slot"
        " AND snapshots.project = w.project AND snapshots.pool = w.pool",
        span,
    )
    # Rows of one series side by side compress best.
    connection.execute(f"INSERT INTO snapshots BY NAME {_new_snapshots(columns['snapshots'])} ORDER BY ALL")


def _winners(condition: str, scrapes: str) -> str:
    """Return the SQL that makes `winners`: the spooled successes that are their slot's earliest."""
    return f"""CREATE OR REPLACE TEMP TABLE winners AS
        WITH arrived AS (
            SELECT project, pool, slot, min(run) AS run FROM spooled
            WHERE "table" = 'scrapes' AND outcome = 'ok' GROUP BY ALL
        ), earlier AS (
            SELECT project, pool, slot, min(run) AS run FROM {scrapes} stored WHERE {condition} GROUP BY ALL
        )
        SELECT arrived.* FROM arrived LEFT JOIN earlier USING (project, pool, slot)
        WHERE earlier.run IS NULL OR arrived.run < earlier.run"""


def _new_rows(table: str, columns: dict[str, str], stored: str, where: str) -> str:
    """Return the SQL for the spooled rows of a table that are not stored."""
    key = KEYS[table]
    return f"""SELECT DISTINCT ON ({key}) {_names(columns)} FROM spooled ANTI JOIN (SELECT {key} FROM {stored} {where})
        USING ({key}) WHERE "table" = '{table}'"""


def _new_snapshots(columns: dict[str, str]) -> str:
    """Return the SQL for the spooled snapshots that belong to a winner."""
    return f"""SELECT DISTINCT ON (project, pool, type, slot) {_names(columns)}
        FROM spooled SEMI JOIN winners USING (project, pool, slot, run) WHERE "table" = 'snapshots'"""


def _names(columns: dict[str, str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _main(connection: duckdb.DuckDBPyConnection) -> Any:  # noqa: ANN401 - what DuckDB returns
    return connection.execute("SELECT current_database()").fetchall()[0][0]


@asynccontextmanager
async def reading(
    database: Path, spool_folder: Path, clock: Clock, wait_seconds: float = READ_WAIT_SECONDS
) -> AsyncIterator[duckdb.DuckDBPyConnection]:
    """Open the record for reading: the four tables, as if the spool had been drained. Closed at the end.

    The spool is read first, then the database: in the other order a drain in between would hide rows.

    Raises
    ------
    DatabaseRefused
        When the database is not one to be read, or another process writes to it for longer than the wait.
    """
    with _open() as connection:
        migrate(connection)
        load(connection, spool.waiting(spool_folder))
        columns = columns_of(connection, _main(connection))
        stored = "memory.main"
        if database.exists():
            await _attach(connection, database, clock, wait_seconds)
            if _checked_version(connection, database, "record"):
                stored = "record.main"
        connection.execute(
            _winners("stored.outcome = 'ok' AND stored.slot IN (SELECT slot FROM spooled)", f"{stored}.scrapes")
        )
        for table in KEYS:
            connection.execute(
                f"CREATE TEMP VIEW {table} AS SELECT * FROM {stored}.{table} UNION ALL BY NAME"
                f" ({_new_rows(table, columns[table], f'{stored}.{table}', '')})"
            )
        connection.execute(
            f"CREATE TEMP VIEW snapshots AS SELECT * FROM {stored}.snapshots"
            f" ANTI JOIN winners USING (project, pool, slot) UNION ALL BY NAME ({_new_snapshots(columns['snapshots'])})"
        )
        yield connection


async def _attach(connection: duckdb.DuckDBPyConnection, database: Path, clock: Clock, wait_seconds: float) -> None:
    until = clock.monotonic() + wait_seconds
    quoted = str(database).replace("'", "''")
    while True:
        try:
            connection.execute(f"ATTACH '{quoted}' AS record (READ_ONLY)")
        except duckdb.Error as error:
            message = str(error).split("See also")[0].strip()
            if "Could not set lock" not in message:
                raise DatabaseRefused(f"{database} cannot be read ({message}): name another file in [paths]") from None
            if clock.monotonic() >= until:
                raise DatabaseRefused(
                    f"{database} is in use ({message}): try again when that process has ended"
                ) from None
            await clock.sleep(POLL_LOCK_SECONDS)
        else:
            return
