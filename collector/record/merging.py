"""SQL for drain and reader: which spooled rows are new to the database, and which of several successes counts."""

from typing import Final

# The key of each table; a snapshot has that of its scrape. Of pools only changes are stored.
KEYS: Final = {
    "polls": "run, project",
    "discoveries": "run, project, workspace, page",
    "pools": "run, project, pool",
    "scrapes": "run, project, pool, slot",
}


def winners(condition: str, scrapes: str) -> str:
    """Return the SQL that makes the table `winners`: the spooled successes that are the earliest of pool and slot."""
    return f"""CREATE OR REPLACE TEMP TABLE winners AS
        WITH arrived AS (
            SELECT project, pool, slot, min(run) AS run FROM spooled
            WHERE "table" = 'scrapes' AND outcome = 'ok' GROUP BY ALL
        ), earlier AS (
            SELECT project, pool, slot, min(run) AS run FROM {scrapes} stored WHERE {condition} GROUP BY ALL
        )
        SELECT arrived.* FROM arrived LEFT JOIN earlier USING (project, pool, slot)
        WHERE earlier.run IS NULL OR arrived.run < earlier.run"""


def new_rows(table: str, columns: dict[str, str], stored: str, where: str) -> str:
    """Return the SQL for the spooled rows of a table that are not in the table `stored`."""
    key = KEYS[table]
    return f"""SELECT DISTINCT ON ({key}) {_names(columns)} FROM spooled
        ANTI JOIN (SELECT {key} FROM {stored} {where}) USING ({key}) WHERE "table" = '{table}'"""


def changes(columns: dict[str, str], new_rows: str, stored: str) -> str:
    """Return the SQL for the new rows of pools that differ from the row before, of the same pool."""
    description = ", ".join(f'"{name}"' for name in columns if name not in ("run", "project", "pool", "slot"))
    return f"""SELECT {_names(columns)} FROM (
            SELECT *, lag(description) OVER (PARTITION BY project, pool ORDER BY run) AS before FROM (
                SELECT *, row({description}) AS description, true AS is_new FROM ({new_rows})
                UNION ALL BY NAME SELECT *, row({description}) AS description, false AS is_new FROM {stored}
            )
        ) WHERE is_new AND description IS DISTINCT FROM before"""


def new_snapshots(columns: dict[str, str]) -> str:
    """Return the SQL for the spooled snapshots that belong to a winner."""
    return f"""SELECT DISTINCT ON (project, pool, type, slot) {_names(columns)}
        FROM spooled SEMI JOIN winners USING (project, pool, slot, run) WHERE "table" = 'snapshots'"""


def _names(columns: dict[str, str]) -> str:
    """Return the names of columns as SQL."""
    return ", ".join(f'"{name}"' for name in columns)
