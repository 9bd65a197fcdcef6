"""The schema versions: migrations, which are only ever added to, and the check of a database's tables and columns.

data/README.md describes the tables and their columns.
"""

from datetime import datetime
from typing import Final

import duckdb

from collector.errors import RecordUnreadable
from collector.record.columns import columns_at

# No PRIMARY KEY, UNIQUE or index: they cost memory and file size. The process lock and anti-joins keep keys unique.
MIGRATIONS: Final = (
    """
    CREATE TABLE polls (
        run TIMESTAMP, project VARCHAR, project_id VARCHAR, endpoint VARCHAR, command VARCHAR, version VARCHAR,
        slot TIMESTAMP, interval_seconds INTEGER, ended_at TIMESTAMP, pools INTEGER
    );
    CREATE TABLE discoveries (
        run TIMESTAMP, project VARCHAR, workspace VARCHAR, page INTEGER, slot TIMESTAMP, outcome VARCHAR,
        http_status SMALLINT, error_code VARCHAR, error_msg VARCHAR, request_id VARCHAR, attempts INTEGER,
        started_at TIMESTAMP, answered_at TIMESTAMP, pools INTEGER, body VARCHAR
    );
    CREATE TABLE scrapes (
        run TIMESTAMP, project VARCHAR, pool VARCHAR, slot TIMESTAMP, interval_seconds INTEGER, outcome VARCHAR,
        http_status SMALLINT, error_code VARCHAR, error_msg VARCHAR, request_id VARCHAR, attempts INTEGER,
        started_at TIMESTAMP, answered_at TIMESTAMP, total INTEGER, disagreement VARCHAR, body VARCHAR
    );
    CREATE TABLE snapshots (
        project VARCHAR, pool VARCHAR, type VARCHAR, slot TIMESTAMP, total INTEGER,
        "Queue" INTEGER, "Pending" INTEGER, "Abnormal" INTEGER, "Terminating" INTEGER, "Creating" INTEGER,
        "Running" INTEGER, "Completed" INTEGER, "Terminated" INTEGER, "Failed" INTEGER,
        other_statuses MAP(VARCHAR, INTEGER)
    );
    """,
    """
    ALTER TABLE polls ADD COLUMN discovered BOOLEAN;
    CREATE TABLE pools (
        run TIMESTAMP, project VARCHAR, pool VARCHAR, slot TIMESTAMP, listed BOOLEAN, name VARCHAR, workspace VARCHAR,
        created_at TIMESTAMP, phase VARCHAR, kind VARCHAR, scope VARCHAR[], queue_policy VARCHAR,
        nodes STRUCT(
            flavor VARCHAR, count INTEGER, available INTEGER, abnormal INTEGER, creating INTEGER, deleting INTEGER
        )[]
    );
    """,
)


def version_of(connection: duckdb.DuckDBPyConnection, attached: str | None = None) -> int:
    """Return the schema version of a database, that is how many migrations it has had; 0 for an empty one.

    Parameters
    ----------
    attached
        The database's name where it is not the connection's main database.

    Raises
    ------
    RecordUnreadable
        When Poolscope did not make it, a newer Poolscope did, or a table or column of its version is missing.
    """
    prefix = f'"{attached}".' if attached else ""
    try:
        row = connection.execute(f"SELECT max(version) FROM {prefix}main.poolscope_migrations").fetchone()
    except (duckdb.CatalogException, duckdb.BinderException):
        foreign_tables = connection.execute(
            "SELECT 1 FROM information_schema.tables WHERE table_catalog = coalesce($1, current_database()) LIMIT 1",
            [attached],
        ).fetchone()
        if foreign_tables:
            raise RecordUnreadable("it was not made by Poolscope; name another file in [paths]") from None
        return 0
    version = 0 if row is None or row[0] is None else row[0]
    if not isinstance(version, int):
        raise RecordUnreadable("it was not made by Poolscope; name another file in [paths]")
    if version > len(MIGRATIONS):
        raise RecordUnreadable(
            f"a newer Poolscope wrote it (schema {version}, this one knows {len(MIGRATIONS)}): upgrade Poolscope"
        )
    _check_columns(connection, version, attached)
    return version


def made_at(connection: duckdb.DuckDBPyConnection, attached: str) -> datetime | None:
    """Return when an attached database was made or last brought to a newer version, naive UTC; None if unknown."""
    query = f"SELECT max(applied_at) FROM {attached}.main.poolscope_migrations"
    try:
        instant: datetime | None = connection.execute(query).fetchall()[0][0]
    except duckdb.CatalogException:
        return None
    return instant


def _check_columns(connection: duckdb.DuckDBPyConnection, version: int, attached: str | None) -> None:
    """Refuse a database that lacks a table or a column of its version; a view does not count as a table."""
    stored_types = {
        (table, column): kind
        for table, column, kind in connection.execute(
            """SELECT table_name, column_name, data_type FROM duckdb_columns()
            SEMI JOIN (SELECT table_oid FROM duckdb_tables() WHERE database_name = coalesce($1, current_database()))
            USING (table_oid) WHERE database_name = coalesce($1, current_database()) AND schema_name = 'main'""",
            [attached],
        ).fetchall()
    }
    tables = {table for table, _ in stored_types}
    for table, columns in columns_at(version).items():
        for column, kind in columns.items():
            # The spelling of nested types differs between versions of DuckDB.
            if (table, column) in stored_types and ("(" in kind or stored_types[table, column] == kind):
                continue
            lacking = (
                f"no column {column} of type {kind} in its table {table}" if table in tables else f"no table {table}"
            )
            raise RecordUnreadable(
                f"there is {lacking}: move the file away, then restore a backup (poolscope restore), or name another"
                " file in [paths]"
            )


def migrate(connection: duckdb.DuckDBPyConnection, version: int, poolscope: str, target: int = len(MIGRATIONS)) -> None:
    """Migrate the connection's main database from a version to another, by default the newest, in a transaction.

    Parameters
    ----------
    poolscope
        The version of Poolscope that migrates, stored with each migration.
    """
    if version == target:
        return
    connection.begin()
    connection.execute(
        "CREATE TABLE IF NOT EXISTS poolscope_migrations"
        " (version INTEGER, applied_at TIMESTAMP DEFAULT (now()::TIMESTAMP), poolscope_version VARCHAR)"
    )
    for number in range(version + 1, target + 1):
        connection.execute(MIGRATIONS[number - 1])
        connection.execute(
            "INSERT INTO poolscope_migrations (version, poolscope_version) VALUES ($1, $2)", [number, poolscope]
        )
    connection.commit()
