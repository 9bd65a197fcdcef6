"""The tables, as numbered migrations: appended to, never changed. Their dictionary is data/README.md."""

from typing import Final

import duckdb

from collector import __version__
from collector.errors import DatabaseRefused

TABLES: Final = ("polls", "discoveries", "scrapes", "snapshots", "pools")
SINCE: Final = {"pools": 2}
"""The version from which on there is a table; 1 where it is not named."""

# No PRIMARY KEY, UNIQUE or index: they cost memory and bloat the file; the process lock and anti-joins hold the keys.
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
    """Return how many migrations a database has had; 0 for an empty one.

    Parameters
    ----------
    attached
        The database's name where it is not the connection's own.

    Raises
    ------
    DatabaseRefused
        When it holds tables of someone else, or those of a newer Poolscope.
    """
    within = f'"{attached}".' if attached else ""
    try:
        row = connection.execute(f"SELECT max(version) FROM {within}main.poolscope_migrations").fetchone()
    except (duckdb.CatalogException, duckdb.BinderException):
        found = connection.execute(
            "SELECT 1 FROM information_schema.tables WHERE table_catalog = coalesce($1, current_database()) LIMIT 1",
            [attached],
        ).fetchone()
        if found:
            raise DatabaseRefused("it was not made by Poolscope; name another file in [paths]") from None
        return 0
    version = int(row[0]) if row and row[0] is not None else 0
    if version > len(MIGRATIONS):
        raise DatabaseRefused(
            f"a newer Poolscope wrote it (schema {version}, this one knows {len(MIGRATIONS)}): upgrade Poolscope"
        )
    return version


def migrate(connection: duckdb.DuckDBPyConnection, version: int, target: int = len(MIGRATIONS)) -> None:
    """Bring the connection's own database from a version to another, the newest by default, in one transaction."""
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
            "INSERT INTO poolscope_migrations (version, poolscope_version) VALUES ($1, $2)", [number, __version__]
        )
    connection.commit()


def columns_of(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """Return name and type of every column of every table of the connection's own database."""
    return {
        table: {
            name: str(kind) for name, kind, *_ in connection.execute(f"FROM main.{table} LIMIT 0").description or ()
        }
        for table in TABLES
    }
