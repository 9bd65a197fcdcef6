"""The record, read: spool and database as one, opened late and closed at once."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

import duckdb
import tenacity

from analysis.errors import NothingObserved, RecordUnreadable
from analysis.record import query
from analysis.record.query import Selection
from analysis.record.series import STATUSES, Pool, Series

# What is read of the tables, and of the spool's lines, whose fields are the same.
SCRAPES: Final = {
    "run": "TIMESTAMP",
    "project": "VARCHAR",
    "pool": "VARCHAR",
    "slot": "TIMESTAMP",
    "interval_seconds": "INTEGER",
    "outcome": "VARCHAR",
    "total": "INTEGER",
}
SNAPSHOTS: Final = {
    "project": "VARCHAR",
    "pool": "VARCHAR",
    "type": "VARCHAR",
    "slot": "TIMESTAMP",
    "total": "INTEGER",
    **dict.fromkeys(STATUSES, "INTEGER"),
    "other_statuses": "MAP(VARCHAR, INTEGER)",
}
POOLS: Final = {
    "run": "TIMESTAMP",
    "project": "VARCHAR",
    "pool": "VARCHAR",
    "slot": "TIMESTAMP",
    "listed": "BOOLEAN",
    "name": "VARCHAR",
    "queue_policy": "VARCHAR",
    "nodes": (
        "STRUCT(flavor VARCHAR, count INTEGER, available INTEGER, abnormal INTEGER, creating INTEGER,"
        " deleting INTEGER)[]"
    ),
}
TABLES: Final = {"scrapes": SCRAPES, "snapshots": SNAPSHOTS, "pools": POOLS}
SETTINGS: Final[dict[str, str | bool | int | float | list[str]]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
LOCK_SECONDS: Final = 5.0


class Record:
    """The record of a collector.

    Parameters
    ----------
    database
        The DuckDB file. It is open while it is read, and never longer.
    spool
        The folder of polls that are not yet in the database; ``spool`` beside the database by default.
    """

    def __init__(self, database: Path | str, spool: Path | str | None = None) -> None:
        self.database = Path(database)
        self.spool = Path(spool) if spool is not None else self.database.parent / "spool"

    def read(self, selection: Selection) -> Iterator[tuple[list[Pool], list[Series]]]:
        """Read the pools of a selection and their series, a few pools at a time.

        Raises
        ------
        RecordUnreadable
            When there is none, it is damaged, or a writer holds it for longer than a few seconds.
        """
        with self._opened() as connection:
            chosen = query.batches(connection, selection)
        for batch in chosen:
            # Closed while the caller computes: a reader keeps the collector from writing.
            with self._opened() as connection:
                found = query.read(connection, batch, selection)
            yield found

    def last_slot(self) -> datetime:
        """Return the last slot that was observed, naive UTC.

        Raises
        ------
        NothingObserved
            Besides what `read` raises.
        """
        with self._opened() as connection:
            last = connection.execute("SELECT max(slot) FROM scrapes").fetchall()[0][0]
        if not isinstance(last, datetime):
            raise NothingObserved(f"{self.database} holds no slot that was observed: look at poolscope status")
        return last

    def attempts(self, selection: Selection) -> list[tuple[str, str, str | None, str, int, datetime, datetime]]:
        """Count how often each pool of a selection was asked, by what came of it: ok, or the cause of a failure.

        Returns
        -------
        list
            Project, pool, display name, outcome, how often, and the first and last slot, naive UTC; in that order.
        """
        with self._opened() as connection:
            return query.attempts(connection, selection)

    @contextmanager
    def _opened(self) -> Iterator[duckdb.DuckDBPyConnection]:
        if not self.database.exists() and not any(self.spool.glob("*.ndjson")):
            raise RecordUnreadable(f"{self.database} does not exist: name the record with --db, or poll first")
        with duckdb.connect(config=SETTINGS) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            # The spool first: in the other order what a drain moves in between would be missed.
            _read_spool(connection, self.spool)
            stored = self._attach(connection) if self.database.exists() else set()
            _join(connection, stored)
            try:
                yield connection
            except duckdb.Error as error:
                if "Corrupt" not in str(error) and "Could not read enough bytes" not in str(error):
                    raise
                raise self._damaged(error) from None

    def _attach(self, connection: duckdb.DuckDBPyConnection) -> set[str]:
        """Attach the database, waiting for a writer; return its tables."""
        quoted = str(self.database).replace("'", "''")
        held = tenacity.retry_if_exception(lambda error: "Could not set lock" in str(error))
        stop, wait = tenacity.stop_after_delay(LOCK_SECONDS), tenacity.wait_fixed(0.1)
        try:
            tenacity.Retrying(retry=held, stop=stop, wait=wait, reraise=True)(
                connection.execute, f"ATTACH '{quoted}' AS record (READ_ONLY)"
            )
        except duckdb.Error as error:
            message = str(error).split("See also")[0].strip()
            if "Could not set lock" in message:
                raise RecordUnreadable(f"{self.database} is being written ({message}): try again later") from None
            raise self._damaged(error) from None
        query = "SELECT table_name FROM duckdb_tables() WHERE database_name = 'record'"
        tables = {name for (name,) in connection.execute(query).fetchall()}
        if tables and "poolscope_migrations" not in tables:
            raise RecordUnreadable(f"{self.database} was not made by Poolscope: name another file")
        return tables

    def _damaged(self, error: duckdb.Error) -> RecordUnreadable:
        return RecordUnreadable(
            f"{self.database} cannot be read ({str(error)[:200]}): poolscope doctor says what to do about it"
        )


def _read_spool(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Read the spool into the temporary tables `spooled_*`."""
    columns = {"table": "VARCHAR", **POOLS, **SNAPSHOTS, **SCRAPES}
    listed = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
    connection.execute(f"CREATE TEMP TABLE spooled ({listed})")
    struct = ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items())
    files = sorted(str(file) for file in folder.glob("*.ndjson"))
    try:
        _read_files(connection, struct, files)
    except duckdb.Error:
        # One is drained meanwhile, or damaged: each is read alone. The collector sets aside what is damaged.
        for file in files:
            with suppress(duckdb.Error):
                _read_files(connection, struct, [file])
    for table, fields in TABLES.items():
        names = ", ".join(f'"{name}"' for name in ({"run": ""} | fields))
        connection.execute(
            f"""CREATE TEMP VIEW spooled_{table} AS SELECT {names} FROM spooled WHERE "table" = '{table}'"""
        )


def _read_files(connection: duckdb.DuckDBPyConnection, struct: str, files: list[str]) -> None:
    if not files:
        return
    connection.execute(
        f"INSERT INTO spooled SELECT * FROM read_json($1, columns = {{{struct}}}, format = 'newline_delimited')",
        [files],
    )


def _join(connection: duckdb.DuckDBPyConnection, stored: set[str]) -> None:
    """Make the views `scrapes`, `snapshots`, `pools` and `attempts`, in which spool and database are one.

    Of several successes in one slot that of the earliest run counts; the database holds the snapshots of its earliest.
    """
    for table, fields in TABLES.items():
        if table not in stored:
            listed = ", ".join(f'"{name}" {kind}' for name, kind in fields.items())
            connection.execute(f"CREATE TEMP TABLE none_{table} ({listed})")
    source = {table: f"record.main.{table}" if table in stored else f"none_{table}" for table in TABLES}
    connection.execute(
        f"""CREATE TEMP TABLE winners AS
        WITH arrived AS (
            SELECT project, pool, slot, min(run) AS run FROM spooled_scrapes WHERE outcome = 'ok' GROUP BY ALL
        ), earlier AS (
            SELECT project, pool, slot, min(run) AS run FROM {source["scrapes"]}
            WHERE outcome = 'ok' AND slot IN (SELECT slot FROM arrived) GROUP BY ALL
        )
        SELECT arrived.* FROM arrived LEFT JOIN earlier USING (project, pool, slot)
        WHERE earlier.run IS NULL OR arrived.run < earlier.run"""
    )
    for table in ("scrapes", "snapshots"):
        names = ", ".join(f'"{name}"' for name in TABLES[table])
        good = "WHERE outcome = 'ok'" if table == "scrapes" else ""
        connection.execute(
            f"""CREATE TEMP VIEW {table} AS
            SELECT {names} FROM {source[table]} ANTI JOIN winners USING (project, pool, slot) {good}
            UNION ALL SELECT {names} FROM spooled_{table} SEMI JOIN winners USING (project, pool, slot, run) {good}"""
        )
    # What failed too; a slot may be tried more than once.
    names = "run, project, pool, slot, outcome"
    connection.execute(
        f"""CREATE TEMP VIEW attempts AS
        SELECT {names} FROM {source["scrapes"]}
        UNION ALL SELECT {names} FROM spooled_scrapes ANTI JOIN {source["scrapes"]} USING (run, project, pool, slot)"""
    )
    names = ", ".join(POOLS)
    connection.execute(
        f"CREATE TEMP VIEW pools AS SELECT {names} FROM {source['pools']} UNION ALL SELECT {names} FROM spooled_pools"
    )
