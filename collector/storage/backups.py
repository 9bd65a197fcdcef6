"""Backup, restore and prune: a backup is a dataset that is written whole, see `record.dataset`."""

import errno
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import duckdb

from collector import __version__
from collector.errors import InputRefused, RecordNotWritten, RecordUnreadable
from collector.record.columns import TABLES, columns_at
from collector.record.database import Record, connect
from collector.record.dataset import MANIFEST, Manifest, open_dataset
from collector.record.files import clear_unfinished, make_folder, replacing, sync
from collector.record.paths import quoted_pattern
from collector.record.schema import migrate
from collector.storage.dataset_files import parts_of, sorting_in, write_files, write_manifest
from collector.storage.former_backups import is_former, verify_former
from collector.storage.held_folder import clear_abandoned, made_and_held
from collector.storage.row_rules import refuse_wrong_rows

# Later rows need the descriptions of pools, which are few: they are never pruned.
PRUNED: Final = tuple(table for table in TABLES if table != "pools")


@dataclass(frozen=True)
class Backup:
    """A backup whose files were checked: a dataset, or a backup of a former version."""

    folder: Path
    schema: int
    """The schema version of its tables."""
    made_at: str
    rows: dict[str, int]
    """The number of rows, by table."""
    relations: dict[str, str]
    """The SQL for the rows, by table."""
    files: list[Path]


def back_up(record: Record, folder: Path, now: datetime) -> Manifest:
    """Write all tables of an open record into a new or empty folder.

    Raises
    ------
    InputRefused
        When the folder is not empty.
    RecordNotWritten
        When the files cannot be written: none of them is left.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputRefused(f"{folder} is not empty: name a new folder for each backup")
    # A link to an empty folder stays a link; the backup goes into the folder.
    folder = folder.resolve()
    try:
        make_folder(folder.parent)
        clear_abandoned(folder)
        with replacing(folder) as beside, made_and_held(beside):
            with sorting_in(record, beside):
                manifest = write_files(record, beside, parts_of(record), now, {})
            write_manifest(beside, manifest)
    except (OSError, duckdb.Error) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise InputRefused(
                f"{folder} was filled by another program during the backup: name a new folder for each backup"
            ) from None
        raise RecordNotWritten(f"{folder} was not written ({str(error)[:300]})") from None
    return manifest


def verify(folder: Path) -> Backup:
    """Check every file of a backup, and return it.

    Raises
    ------
    InputRefused
        When a file is missing or changed, or the backup is from a newer Poolscope.
    """
    if not folder.is_dir():
        raise InputRefused(f"{folder}: there is no such folder")
    if is_former(folder):
        former = verify_former(folder)
        files = {table: folder / f"{table}.parquet" for table in former.rows}
        relations = {
            table: f"read_parquet({quoted_pattern(file)}, hive_partitioning = false)" for table, file in files.items()
        }
        return Backup(folder, former.schema, former.made_at, former.rows, relations, list(files.values()))
    try:
        dataset = open_dataset(folder)
    except RecordUnreadable as refusal:
        raise InputRefused(str(refusal)) from None
    manifest = dataset.manifest
    relations = {table: dataset.rows_of(table) for table in manifest.rows}
    paths = [folder / file.path for file in manifest.files]
    return Backup(folder, manifest.schema, manifest.published_at, manifest.rows, relations, paths)


def restore(folder: Path, database: Path) -> Backup:
    """Make a database from a backup; whatever happens, the database is complete or does not exist.

    Raises
    ------
    InputRefused
        When the backup is not complete, or the database exists.
    RecordNotWritten
        When the database cannot be written.
    """
    backup = verify(folder)
    if database.exists():
        raise InputRefused(f"{database} exists: move it away, or name another database in [paths]")
    try:
        make_folder(database.parent)
        clear_unfinished(database)
        with replacing(database) as beside, connect(beside, read_only=False) as connection:
            migrate(connection, 0, __version__, backup.schema)
            for table, rows in backup.rows.items():
                connection.execute(f"INSERT INTO {table} BY NAME FROM {backup.relations[table]}")
                place = folder / table
                if connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0] != rows:
                    raise InputRefused(f"{place} does not have {rows:,} rows: use another backup")
                refuse_wrong_rows(connection, table, columns_at(backup.schema)[table], place)
            migrate(connection, backup.schema, __version__)
            connection.execute("CHECKPOINT")
    except (OSError, duckdb.OperationalError) as error:
        raise RecordNotWritten(f"{database} was not restored ({str(error)[:300]})") from None
    except duckdb.Error as error:
        raise InputRefused(
            f"{folder} is not a backup of Poolscope's tables ({str(error)[:300]}): name another backup"
        ) from None
    return backup


def lacking(record: Record, before: datetime, backup: Backup) -> int:
    """Return how many rows with slots before an instant (naive UTC) a verified backup does not have."""
    missing = 0
    for table in PRUNED:
        columns = ", ".join(f'"{row[0]}"' for row in record.execute(f"DESCRIBE {table}").fetchall())
        # A backup of an older Poolscope lacks columns: the migrated rows have NULL there.
        query = f"""SELECT count(*) FROM (SELECT {columns} FROM {table} WHERE slot < $1 EXCEPT ALL
            SELECT {columns} FROM (FROM {table} WHERE false UNION ALL BY NAME FROM {backup.relations[table]}))"""
        missing += int(record.execute(query, [before]).fetchall()[0][0])
    return missing


def old_rows(record: Record, before: datetime) -> dict[str, int]:
    """Return how many rows `prune` would delete, by table."""
    return {
        table: int(record.execute(f"SELECT count(*) FROM {table} WHERE slot < $1", [before]).fetchall()[0][0])
        for table in PRUNED
    }


def slots_of(record: Record, before: datetime) -> tuple[datetime | None, datetime | None, datetime | None]:
    """Return the first and the last slot before an instant, and the record's last observed slot; None where missing."""
    first, last, newest = record.execute(
        """SELECT min(slot) FILTER (slot < $1), max(slot) FILTER (slot < $1), max(slot) FILTER (outcome = 'ok')
        FROM scrapes""",
        [before],
    ).fetchall()[0]
    return first, last, newest


def prune(record: Record, before: datetime, in_backup: Mapping[str, int] | None = None) -> dict[str, int]:
    """Delete the rows with slots before an instant from all tables but pools, in one transaction.

    Parameters
    ----------
    in_backup
        The number of these rows that a checked backup has, by table; None without a backup. Rows only change when new
        ones are added, so equal numbers of rows mean the same rows.

    Returns
    -------
    dict
        How many rows were deleted, by table.

    Raises
    ------
    InputRefused
        When old rows were added after the backup was checked: nothing is deleted.
    RecordNotWritten
        When the rows cannot be deleted.
    """
    try:
        record.begin()
        rows = {
            table: int(record.execute(f"DELETE FROM {table} WHERE slot < $1", [before]).fetchall()[0][0])
            for table in PRUNED
        }
        if in_backup is not None and rows != in_backup:
            record.rollback()
            raise InputRefused("old rows were added after the backup was checked: nothing was deleted, try again")
        record.commit()
    except duckdb.Error as error:
        raise RecordNotWritten(f"nothing was deleted ({str(error)[:300]})") from None
    return rows


def make_durable(backup: Backup) -> None:
    """Make the files of a backup, which may just have been copied, survive a crash of the machine.

    Raises
    ------
    RecordNotWritten
        When they cannot be synced.
    """
    folders = {parent for file in backup.files for parent in file.parents if parent.is_relative_to(backup.folder)}
    try:
        for path in (*backup.files, backup.folder / MANIFEST, *folders, backup.folder):
            sync(path)
    except OSError as error:
        raise RecordNotWritten(f"{backup.folder} cannot be made durable ({error}): nothing was deleted") from None
