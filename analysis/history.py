"""The record as frames: spool and database read as one, and the one rule by which what was not said is read."""

from pathlib import Path
from typing import Final

import duckdb
import pandas as pd

STATUSES: Final = (
    "Queue",
    "Pending",
    "Abnormal",
    "Terminating",
    "Creating",
    "Running",
    "Completed",
    "Terminated",
    "Failed",
)
COUNTS: Final = ("total", *STATUSES)
KEY: Final = ("project", "pool", "type")

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
SETTINGS: Final[dict[str, str | bool | int | float | list[str]]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


class History:
    """The record of a collector.

    Parameters
    ----------
    database
        The DuckDB file. It is opened for one read at a time and closed at once, so as never to hold up the collector.
    spool
        The folder of polls that are not yet in the database; ``spool`` beside the database by default.
    """

    def __init__(self, database: Path | str, spool: Path | str | None = None) -> None:
        self.database = Path(database)
        self.spool = Path(spool) if spool is not None else self.database.parent / "spool"

    def scrapes(self) -> pd.DataFrame:
        """Return the slots in which each pool was observed.

        Returns
        -------
        pandas.DataFrame
            A row a (project, pool, slot) with a good answer, in that order: project, pool, slot (UTC),
            interval_seconds, total (the answer's outer total).
        """
        return self._read(
            "SELECT project, pool, slot, interval_seconds, total FROM observed ORDER BY project, pool, slot"
        )

    def counts(self) -> pd.DataFrame:
        """Return the counts of each series at every slot in which its pool was observed.

        What an answer left out is read by one rule. A type that was not listed has no jobs where the answer's outer
        total is the sum of those listed; a status that was not named is zero where the item's total is the sum of
        those named. Elsewhere it is unknown (NA). A slot without a good answer has no row.

        Returns
        -------
        pandas.DataFrame
            A row a (project, pool, type, slot), in that order: the key, slot (UTC), interval_seconds, total and the
            nine statuses as Int64.
        """
        statuses = ", ".join(f'"{status}"' for status in STATUSES)
        named = " + ".join(f'coalesce("{status}", 0)' for status in STATUSES)
        read = ", ".join(
            f'CASE WHEN s.type IS NOT NULL THEN coalesce(s."{count}", CASE WHEN s.total = s.named THEN 0 END)'
            f' WHEN o.total = coalesce(l.total, 0) THEN 0 END AS "{count}"'
            for count in COUNTS
        )
        frame = self._read(
            f"""
            WITH items AS (
                SELECT project, pool, type, slot, total, {statuses},
                    {named} + coalesce(list_sum(map_values(other_statuses)), 0) AS named
                FROM snapshots
            ), listed AS (
                SELECT project, pool, slot, sum(total) AS total FROM items GROUP BY ALL
            ), series AS (
                SELECT DISTINCT project, pool, type FROM items
            )
            SELECT o.project, o.pool, k.type, o.slot, o.interval_seconds, {read}
            FROM observed o JOIN series k USING (project, pool)
            LEFT JOIN listed l USING (project, pool, slot)
            LEFT JOIN items s ON s.project = o.project AND s.pool = o.pool AND s.type = k.type AND s.slot = o.slot
            ORDER BY o.project, o.pool, k.type, o.slot
            """
        )
        return frame.astype(dict.fromkeys(COUNTS, "Int64"))

    def _read(self, query: str) -> pd.DataFrame:
        """Run a query over `observed` and `snapshots`, in which spool and database are one."""
        with duckdb.connect(config=SETTINGS) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            # The spool first: in the other order what a drain moves in between would be missed.
            self._read_spool(connection)
            stored = "waiting"
            if self.database.exists():
                quoted = str(self.database).replace("'", "''")
                connection.execute(f"ATTACH '{quoted}' AS record (READ_ONLY)")
                stored = "record.main"
            self._join(connection, stored)
            frame: pd.DataFrame = connection.sql(query).df()
        frame["slot"] = frame["slot"].dt.tz_localize("UTC")
        return frame

    def _read_spool(self, connection: duckdb.DuckDBPyConnection) -> None:
        columns = {"table": "VARCHAR", **SNAPSHOTS, **SCRAPES}
        listed = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
        connection.execute(f"CREATE TEMP TABLE spooled ({listed})")
        struct = ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items())
        for file in sorted(self.spool.glob("*.ndjson")):
            try:
                connection.execute(
                    f"INSERT INTO spooled SELECT * FROM read_json($1, columns = {{{struct}}},"
                    " format = 'newline_delimited')",
                    [str(file)],
                )
            except duckdb.Error:
                # Drained since it was listed, or damaged: the collector sets that aside and says so.
                continue
        for table, fields in (("scrapes", SCRAPES), ("snapshots", SNAPSHOTS)):
            names = ", ".join(f'"{name}"' for name in ({"run": ""} | fields))
            connection.execute(
                f"""CREATE TEMP VIEW spooled_{table} AS SELECT {names} FROM spooled WHERE "table" = '{table}'"""
            )
        connection.execute("CREATE SCHEMA waiting")
        for table, fields in (("scrapes", SCRAPES), ("snapshots", SNAPSHOTS)):
            listed = ", ".join(f'"{name}" {kind}' for name, kind in fields.items())
            connection.execute(f"CREATE TABLE waiting.{table} ({listed})")

    @staticmethod
    def _join(connection: duckdb.DuckDBPyConnection, stored: str) -> None:
        """Make `observed` and `snapshots`: of several successes in one slot that of the earliest run counts."""
        scrapes, snapshots = (", ".join(f'"{name}"' for name in fields) for fields in (SCRAPES, SNAPSHOTS))
        connection.execute(
            f"""CREATE TEMP TABLE observed AS
            SELECT DISTINCT ON (project, pool, slot) *
            FROM (
                SELECT {scrapes}, false AS waits FROM {stored}.scrapes WHERE outcome = 'ok'
                UNION ALL SELECT {scrapes}, true FROM spooled_scrapes WHERE outcome = 'ok'
            ) ORDER BY project, pool, slot, run, waits"""
        )
        connection.execute(
            f"""CREATE TEMP VIEW snapshots AS
            SELECT {snapshots} FROM {stored}.snapshots
            SEMI JOIN (FROM observed WHERE NOT waits) USING (project, pool, slot)
            UNION ALL SELECT {snapshots} FROM spooled_snapshots
            SEMI JOIN (FROM observed WHERE waits) USING (project, pool, slot, run)"""
        )
