"""The record as one: the tables of the database, with the spool's rows as if they had been taken in.

The spool is read first, then the database: in the other order a drain in between would hide rows. Nothing is migrated:
what an older Poolscope's database lacks is empty.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from collector.record.columns import COLUMNS, columns_at, create_table
from collector.record.database import (
    ATTACHED,
    Record,
    attach,
    checked_version,
    in_memory,
    refusing_damage,
    within_memory,
)
from collector.record.merging import KEYS, changes, new_rows, new_snapshots, winners
from collector.record.spool import waiting
from collector.record.spooled import load

READ_WAIT_SECONDS: Final = 5.0


@contextmanager
def reading(
    database: Path, spool_folder: Path, sleep: Callable[[float], None], wait_seconds: float = READ_WAIT_SECONDS
) -> Iterator[Record]:
    """Open the record for reading, and close it at the end: as long as it is open nobody can write to the database.

    Its tables are views of that name. `scrapes` has every turn, also those that failed; of several successes in a slot
    that of the earliest run counts, and `snapshots` has its rows alone.

    Parameters
    ----------
    database, spool_folder
        Where the record lies; what is missing is empty.
    sleep
        Lets so many seconds pass.
    wait_seconds
        For another process that writes to the database.

    Raises
    ------
    RecordUnreadable
        When the database is not one to be read, another process writes to it for longer than the wait, or what is
        asked takes more memory than there is.
    """
    with within_memory(database), in_memory() as connection, refusing_damage(database):
        load(connection, waiting(spool_folder))
        there: dict[str, dict[str, str]] = {}
        if database.exists():
            attach(connection, database, sleep, wait_seconds)
            there = columns_at(checked_version(connection, database, ATTACHED))
        _join(connection, there)
        yield connection


def _join(connection: Record, there: dict[str, dict[str, str]]) -> None:
    """Make the views; `there` has the columns of the tables that the database has."""
    stored = {}
    for table, columns in COLUMNS.items():
        stored[table] = f"{ATTACHED}.main.{table}"
        if table not in there:
            stored[table] = f"none_{table}"
            connection.execute(create_table(stored[table], columns))
    *span, spooled = connection.execute("SELECT min(slot), max(slot), count(*) FROM spooled").fetchall()[0]
    # Mostly the spool is empty, and whoever opens the record again and again is to pay for nothing.
    if spooled:
        _find_arrivals(connection, stored, span)
    connection.execute("DROP TABLE spooled")
    for table, columns in COLUMNS.items():
        names = ", ".join(
            f'"{name}"' if name in there.get(table, columns) else f'NULL::{kind} AS "{name}"'
            for name, kind in columns.items()
        )
        view = f"CREATE TEMP VIEW {table} AS SELECT {names} FROM {stored[table]}"
        if spooled:
            replaced = "ANTI JOIN winners USING (project, pool, slot)" if table == "snapshots" else ""
            view += f" {replaced} UNION ALL BY NAME SELECT * FROM arrived_{table}"
        connection.execute(view)


def _find_arrivals(connection: Record, stored: dict[str, str], span: list[datetime]) -> None:
    """Make the tables `arrived_*` of what the spool has and the database has not: once, not with every question."""
    connection.execute(winners("stored.outcome = 'ok' AND stored.slot BETWEEN $1 AND $2", stored["scrapes"]), span)
    for table in KEYS:
        rows = new_rows(table, COLUMNS[table], stored[table], "WHERE slot BETWEEN $1 AND $2")
        if table == "pools":
            rows = changes(COLUMNS[table], rows, stored[table])
        connection.execute(f"CREATE TEMP TABLE arrived_{table} AS {rows}", span)
    connection.execute(f"CREATE TEMP TABLE arrived_snapshots AS {new_snapshots(COLUMNS['snapshots'])}")
