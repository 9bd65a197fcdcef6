"""The record as one: the tables of the database together with the rows of the spool, as if these had been drained.

A dataset is read in place of both, with the same tables; `opener` is the place that chooses.

The spool is read first, then the database: in the other order a drain in between would hide rows. Nothing is migrated:
tables and columns that the database of an older Poolscope lacks are empty.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import _GeneratorContextManager, contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from threading import RLock
from typing import Final, TypeAlias

from collector.errors import RecordUnreadable
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
from collector.record.dataset import MANIFEST, Dataset, make_views, open_dataset, refusing_loss, served
from collector.record.log import LOG
from collector.record.merging import KEYS, changes, new_rows, new_snapshots, winners
from collector.record.places import Place, StorePath
from collector.record.spool import waiting
from collector.record.spooled import load

Opening: TypeAlias = "partial[_GeneratorContextManager[Record, None, None]]"
"""Opens the record when it is called, and closes it at the end of the context."""
ONE_AT_A_TIME: Final = RLock()
"""Held while this process reads a database. File locks belong to the process: the first of two threads that closes the
file would open it to writers, while the other still reads."""
READ_WAIT_SECONDS: Final = 5.0


@contextmanager
def reading(
    database: Place, spool_folder: Path, sleep: Callable[[float], None], wait_seconds: float = READ_WAIT_SECONDS
) -> Iterator[Record]:
    """Open the record for reading, and close it at the end. While it is open, no process can write to the database.

    Each table is a view of its name. `scrapes` has all scrapes, also failed ones. Where a pool has several successes in
    a slot, that of the earliest run counts: `snapshots` has the rows of that run only.

    Parameters
    ----------
    database, spool_folder
        Where the record is; a missing file or folder counts as empty. If the database is a folder, or is in an object
        store, it is a dataset, and the spool is not read.
    sleep
        Waits a number of seconds.
    wait_seconds
        How long to wait for another process that writes to the database.

    Raises
    ------
    RecordUnreadable
        When the database cannot be read, another process still writes to it after `wait_seconds`, or a query needs
        more memory than there is.
    """
    with opener(database, spool_folder, sleep, wait_seconds)() as record:
        yield record


def opener(
    database: Place, spool_folder: Path, sleep: Callable[[float], None], wait_seconds: float = READ_WAIT_SECONDS
) -> Opening:
    """Return a function that opens the record as `reading` does, each time that it is called.

    The same dataset is opened each time, whatever is published meanwhile; a database as it is at that time.

    Raises
    ------
    RecordUnreadable
        When the dataset is not complete, see `dataset.open_dataset`.
    """
    before, _, name = str(database).rpartition("/")
    if name == MANIFEST:
        raise RecordUnreadable(f"{database} is the manifest of a dataset: name its folder, {before or Path()}")
    if isinstance(database, StorePath) or database.is_dir():
        LOG.debug("reading the dataset %s", database)
        return partial(_reading_dataset, open_dataset(database))
    LOG.debug("reading %s and its spool, %s", database, spool_folder)
    return partial(_reading_database, database, spool_folder, sleep, wait_seconds)


def about(opened: Opening, pools: Collection[tuple[str, str]]) -> Opening:
    """Return what `opener` returned, but of a dataset only with the files that have scrapes or snapshots of some pools.

    Another process, or another machine that has the same paths, can call it too.
    """
    if opened.func is _reading_dataset:
        return partial(_reading_dataset, opened.args[0].about(pools))
    database, spool_folder, *others = opened.args
    return partial(_reading_database, database.absolute(), spool_folder.absolute(), *others)


@contextmanager
def _reading_database(
    database: Path, spool_folder: Path, sleep: Callable[[float], None], wait_seconds: float
) -> Iterator[Record]:
    with ONE_AT_A_TIME, within_memory(database), in_memory() as connection, refusing_damage(database):
        load(connection, waiting(spool_folder))
        stored_columns: dict[str, dict[str, str]] = {}
        if database.exists():
            attach(connection, database, sleep, wait_seconds)
            stored_columns = columns_at(checked_version(connection, database, ATTACHED))
        _join(connection, stored_columns)
        yield connection


@contextmanager
def _reading_dataset(dataset: Dataset) -> Iterator[Record]:
    with (
        within_memory(dataset.folder),
        in_memory() as connection,
        refusing_loss(dataset, served(connection, dataset)),
    ):
        connection.execute(f"ATTACH ':memory:' AS {ATTACHED}")
        make_views(connection, dataset, ATTACHED)
        load(connection, [])
        _join(connection, columns_at(dataset.manifest.schema))
        yield connection


def _join(connection: Record, stored_columns: dict[str, dict[str, str]]) -> None:
    """Make the views; `stored_columns` has the columns of the database's tables."""
    stored = {}
    for table, columns in COLUMNS.items():
        stored[table] = f"{ATTACHED}.main.{table}"
        if table not in stored_columns:
            stored[table] = f"none_{table}"
            connection.execute(create_table(stored[table], columns))
    *span, spooled = connection.execute("SELECT min(slot), max(slot), count(*) FROM spooled").fetchall()[0]
    # The spool is mostly empty: opening the record often should then cost nothing extra.
    if spooled:
        _find_arrivals(connection, stored, span)
    connection.execute("DROP TABLE spooled")
    for table, columns in COLUMNS.items():
        names = ", ".join(
            f'"{name}"' if name in stored_columns.get(table, columns) else f'NULL::{kind} AS "{name}"'
            for name, kind in columns.items()
        )
        view = f"CREATE TEMP VIEW {table} AS SELECT {names} FROM {stored[table]}"
        if spooled:
            replaced = "ANTI JOIN winners USING (project, pool, slot)" if table == "snapshots" else ""
            view += f" {replaced} UNION ALL BY NAME SELECT * FROM arrived_{table}"
        connection.execute(view)


def _find_arrivals(connection: Record, stored: dict[str, str], span: list[datetime]) -> None:
    """Make the tables `arrived_*` of rows that only the spool has: once, so that each query need not."""
    connection.execute(winners("stored.outcome = 'ok' AND stored.slot BETWEEN $1 AND $2", stored["scrapes"]), span)
    for table in KEYS:
        rows = new_rows(table, COLUMNS[table], stored[table], "WHERE slot BETWEEN $1 AND $2")
        if table == "pools":
            rows = changes(COLUMNS[table], rows, stored[table])
        connection.execute(f"CREATE TEMP TABLE arrived_{table} AS {rows}", span)
    connection.execute(f"CREATE TEMP TABLE arrived_snapshots AS {new_snapshots(COLUMNS['snapshots'])}")
