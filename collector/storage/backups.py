"""Backup, restore and prune: all tables as Parquet files, with a manifest of their row counts and checksums."""

import errno
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import duckdb

from collector import __version__
from collector.errors import InputRefused, RecordNotWritten
from collector.record.columns import SINCE, TABLES, columns_at
from collector.record.database import Record, connect
from collector.record.files import clear_unfinished, make_folder, replacing, sync
from collector.record.paths import pattern_of, quoted
from collector.record.schema import MIGRATIONS, migrate
from collector.storage.held_folder import clear_abandoned, made_and_held
from collector.storage.row_rules import refuse_wrong_rows

MANIFEST: Final = "manifest.json"
PARQUET: Final = "read_parquet(${}, hive_partitioning = false)"
# Later rows need the descriptions of pools, which are few: they are never pruned.
PRUNED: Final = tuple(table for table in TABLES if table != "pools")


@dataclass(frozen=True)
class Manifest:
    """The content of a backup: number of rows and SHA-256 of the file, by table."""

    poolscope: str
    schema: int
    made_at: str
    rows: dict[str, int]
    sha256: dict[str, str]


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
            rows = {}
            for table in TABLES:
                file = quoted(beside / f"{table}.parquet")
                record.execute(f"COPY (FROM {table} ORDER BY ALL) TO {file} (FORMAT parquet, COMPRESSION zstd)")
                rows[table] = int(record.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])
            sums = {table: _sha256(beside / f"{table}.parquet") for table in TABLES}
            manifest = Manifest(__version__, len(MIGRATIONS), f"{now.isoformat()}Z", rows, sums)
            (beside / MANIFEST).write_text(json.dumps(asdict(manifest), indent=2), encoding="utf-8")
    except (OSError, duckdb.Error) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise InputRefused(
                f"{folder} was filled by another program during the backup: name a new folder for each backup"
            ) from None
        raise RecordNotWritten(f"{folder} was not written ({str(error)[:300]})") from None
    return manifest


def verify(folder: Path) -> Manifest:
    """Check every file of a backup, and return its manifest.

    Raises
    ------
    InputRefused
        When a file is missing or changed, or the backup is from a newer Poolscope.
    """
    try:
        fields: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        manifest = Manifest(**fields)
        if (
            not isinstance(manifest.rows, dict)
            or not all(type(rows) is int for rows in manifest.rows.values())
            or not isinstance(manifest.sha256, dict)
            or type(manifest.schema) is not int
            or manifest.schema < 1
        ):
            raise ValueError("its manifest is damaged")
        # The names become part of SQL: only names of our own tables are allowed.
        tables = [table for table in TABLES if table in manifest.rows]
        if len(tables) < len(manifest.rows):
            raise ValueError(f"unknown tables: {', '.join(sorted(manifest.rows.keys() - set(tables)))}")
        if missing := {table for table in TABLES if SINCE.get(table, 1) <= manifest.schema} - set(tables):
            raise ValueError(f"tables are missing: {', '.join(sorted(missing))}")
        sums = {table: _sha256(folder / f"{table}.parquet") for table in tables}
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise InputRefused(f"{folder} is not a complete backup ({error}): name another backup") from None
    if manifest.schema > len(MIGRATIONS):
        raise InputRefused(f"{folder} was made by a newer Poolscope ({manifest.poolscope}): upgrade Poolscope")
    for table in tables:
        if sums[table] != manifest.sha256.get(table):
            raise InputRefused(f"{folder / table}.parquet has changed since the backup was made: use another backup")
    return manifest


def restore(folder: Path, database: Path) -> Manifest:
    """Make a database from a backup; whatever happens, the database is complete or does not exist.

    Raises
    ------
    InputRefused
        When the backup is not complete, or the database exists.
    RecordNotWritten
        When the database cannot be written.
    """
    manifest = verify(folder)
    if database.exists():
        raise InputRefused(f"{database} exists: move it away, or name another database in [paths]")
    try:
        make_folder(database.parent)
        clear_unfinished(database)
        with replacing(database) as beside, connect(beside, read_only=False) as connection:
            migrate(connection, 0, __version__, manifest.schema)
            for table, rows in manifest.rows.items():
                file = folder / f"{table}.parquet"
                connection.execute(f"INSERT INTO {table} BY NAME FROM {PARQUET.format(1)}", [pattern_of(file)])
                if connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0] != rows:
                    raise InputRefused(f"{file} does not have {rows:,} rows: use another backup")
                refuse_wrong_rows(connection, table, columns_at(manifest.schema)[table], file)
            migrate(connection, manifest.schema, __version__)
            connection.execute("CHECKPOINT")
    except (OSError, duckdb.OperationalError) as error:
        raise RecordNotWritten(f"{database} was not restored ({str(error)[:300]})") from None
    except duckdb.Error as error:
        raise InputRefused(
            f"{folder} is not a backup of Poolscope's tables ({str(error)[:300]}): name another backup"
        ) from None
    return manifest


def lacking(record: Record, before: datetime, folder: Path) -> int:
    """Return how many rows with slots before an instant (naive UTC) a verified backup does not have."""
    missing = 0
    for table in PRUNED:
        columns = ", ".join(f'"{row[0]}"' for row in record.execute(f"DESCRIBE {table}").fetchall())
        # A backup of an older Poolscope lacks columns: the migrated rows have NULL there.
        query = f"""SELECT count(*) FROM (SELECT {columns} FROM {table} WHERE slot < $1 EXCEPT ALL
            SELECT {columns} FROM (FROM {table} WHERE false UNION ALL BY NAME FROM {PARQUET.format(2)}))"""
        missing += int(record.execute(query, [before, pattern_of(folder / f"{table}.parquet")]).fetchall()[0][0])
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


def make_durable(folder: Path, manifest: Manifest) -> None:
    """Make the files of a backup, which may just have been copied, survive a crash of the machine.

    Raises
    ------
    RecordNotWritten
        When they cannot be synced.
    """
    try:
        for path in (*(folder / f"{table}.parquet" for table in manifest.rows), folder / MANIFEST, folder):
            sync(path)
    except OSError as error:
        raise RecordNotWritten(f"{folder} cannot be made durable ({error}): nothing was deleted") from None


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
