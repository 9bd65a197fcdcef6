"""Import of a dataset: the rows of all tables, merged with those of the record as a drain merges those of the spool.

A row that the record has is not added again. Where record and dataset have a success of the same pool and slot, that of
the earliest run counts.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from collector.errors import InputRefused, RecordNotWritten
from collector.record.columns import TABLES, columns_at
from collector.record.database import Record
from collector.storage.backups import Backup
from collector.storage.drain import ingest
from collector.storage.imports import checkpoint
from collector.storage.row_rules import refuse_wrong_rows


def check(connection: Record, backup: Backup) -> None:
    """Check all rows of a dataset by the rules of import; any connection will do.

    Raises
    ------
    InputRefused
        When a row breaks a rule, a snapshot has no successful scrape, or the files do not have the tables' columns.
    """
    try:
        for table, relation in backup.relations.items():
            connection.execute(f"CREATE OR REPLACE TEMP VIEW {table} AS FROM {relation}")
            refuse_wrong_rows(connection, table, columns_at(backup.schema)[table], backup.folder / table)
            connection.execute(f"DROP VIEW {table}")
        _refuse_unanswered(connection, backup)
    except duckdb.Error as error:
        raise InputRefused(
            f"{backup.folder} does not have the columns of Poolscope's tables ({str(error)[:300]}): nothing imported"
        ) from None


def _refuse_unanswered(connection: Record, backup: Backup) -> None:
    """Refuse snapshots of a pool and slot without a successful scrape: a merge would leave them out."""
    rows = connection.execute(
        f"""SELECT count(*) FROM {backup.relations["snapshots"]} ANTI JOIN (
            SELECT project, pool, slot FROM {backup.relations["scrapes"]} WHERE outcome = 'ok'
        ) USING (project, pool, slot)"""
    ).fetchall()[0][0]
    if rows:
        raise InputRefused(
            f"{backup.folder / 'snapshots'}: {rows:,} rows of slots without a successful scrape of their pool: it was"
            " changed after the backup was made, use another backup"
        )


@dataclass(frozen=True)
class Merged:
    """The result: the number of new rows by table, and of rows of snapshots that an earlier answer replaced."""

    added: dict[str, int]
    replaced: int


def write(record: Record, backup: Backup) -> Merged:
    """Add the rows of a dataset to an open database, in one transaction.

    Raises
    ------
    RecordNotWritten
        When the database cannot be written.
    """
    try:
        before = _rows(record)
        record.begin()
        for table in TABLES:
            # A dataset of an older Poolscope lacks tables and columns: they are NULL.
            more = f" UNION ALL BY NAME FROM {backup.relations[table]}" if table in backup.relations else ""
            record.execute(f"CREATE OR REPLACE TEMP VIEW given_{table} AS FROM {table} WHERE false{more}")
        replaced = sum(_take_in(record, month) for month in _months(record))
        # The poll of an import has no slot.
        record.execute(
            "INSERT INTO polls SELECT given_polls.* FROM given_polls ANTI JOIN polls USING (run, project)"
            " WHERE given_polls.slot IS NULL"
        )
        added = {table: rows - before[table] for table, rows in _rows(record).items()}
        added["snapshots"] += replaced
        record.commit()
    except duckdb.Error as error:
        raise RecordNotWritten(
            f"nothing was imported, the database could not be written ({str(error)[:300]}): check the disk"
        ) from None
    checkpoint(record)
    return Merged(added, replaced)


def _months(record: Record) -> list[datetime]:
    slots = " UNION ".join(f"SELECT date_trunc('month', slot) AS month FROM given_{table}" for table in TABLES)
    return [month for (month,) in record.execute(f"FROM ({slots}) WHERE month IS NOT NULL ORDER BY month").fetchall()]


def _take_in(record: Record, month: datetime) -> int:
    """Take in the rows of a month, see `ingest`: more at a time might not fit into memory."""
    within = f"slot >= TIMESTAMP '{month}' AND slot < TIMESTAMP '{month}' + INTERVAL 1 MONTH"
    parts = {table: f"SELECT '{table}' AS \"table\", * FROM given_{table} WHERE {within}" for table in TABLES}
    parts["snapshots"] = f"""FROM ({parts["snapshots"]}) JOIN (
        SELECT project, pool, slot, min(run) AS run FROM given_scrapes WHERE outcome = 'ok' AND {within} GROUP BY ALL
    ) USING (project, pool, slot)"""
    record.execute(f"CREATE OR REPLACE TEMP VIEW spooled AS {' UNION ALL BY NAME '.join(parts.values())}")
    return ingest(record)


def _rows(record: Record) -> dict[str, int]:
    return {table: int(record.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]) for table in TABLES}


def is_dataset(paths: list[Path]) -> bool:
    """Return whether an import is of a dataset, which is a folder, and not of files.

    Raises
    ------
    InputRefused
        When there is a folder beside other files or folders.
    """
    folders = [path for path in paths if path.is_dir()]
    if folders and len(paths) > 1:
        raise InputRefused(f"{folders[0]} is a folder: import one dataset at a time, and no files with it")
    return bool(folders)
