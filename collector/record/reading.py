"""The record as one: the tables of the database, with the spool's rows as if they had been taken in.

The spool is read first, then the database: in the other order a drain in between would hide rows. Nothing is migrated:
what an older Poolscope's database lacks is empty.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from collector.record.columns import COLUMNS, columns_at, create_table
from collector.record.database import ATTACHED, Record, attach, checked_version, in_memory, refusing_damage
from collector.record.merging import KEYS, changes, names_of, new_rows, new_snapshots, winners
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
        When the database is not one to be read, or another process writes to it for longer than the wait.
    """
    with in_memory() as connection, refusing_damage(database):
        # Each thread would hold a file of its own while it reads them.
        connection.execute("SET threads = 1")
        load(connection, waiting(spool_folder))
        connection.execute("RESET threads")
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
    span = connection.execute("SELECT min(slot), max(slot) FROM spooled").fetchall()[0]
    connection.execute(winners("stored.outcome = 'ok' AND stored.slot BETWEEN $1 AND $2", stored["scrapes"]), span)
    # Made once, not with every question.
    for table in KEYS:
        rows = new_rows(table, COLUMNS[table], stored[table], "WHERE slot BETWEEN $1 AND $2")
        if table == "pools":
            rows = changes(there.get(table, COLUMNS[table]), rows, stored[table])
        connection.execute(f"CREATE TEMP TABLE arrived_{table} AS {rows}", span)
    connection.execute(f"CREATE TEMP TABLE arrived_snapshots AS {new_snapshots(COLUMNS['snapshots'])}")
    connection.execute("DROP TABLE spooled")
    for table, columns in COLUMNS.items():
        kept = "ANTI JOIN winners USING (project, pool, slot)" if table == "snapshots" else ""
        connection.execute(
            f"""CREATE TEMP VIEW {table} AS SELECT {names_of(there.get(table, columns))} FROM {stored[table]} {kept}
            UNION ALL BY NAME SELECT * FROM arrived_{table}"""
        )
