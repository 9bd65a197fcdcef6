"""Which rows of the spool are new to the record, and which of several successes counts: SQL for drain and reader."""

from typing import Final

# What makes a row of a table the same row; a snapshot goes with its scrape. Of pools only changes are kept.
KEYS: Final = {
    "polls": "run, project",
    "discoveries": "run, project, workspace, page",
    "pools": "run, project, pool",
    "scrapes": "run, project, pool, slot",
}


def winners(condition: str, scrapes: str) -> str:
    """Return the SQL that makes `winners`: the spooled successes that are their slot's earliest."""
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
    """Return the SQL for the spooled rows of a table that are not stored."""
    key = KEYS[table]
    return f"""SELECT DISTINCT ON ({key}) {_names(columns)} FROM spooled
        ANTI JOIN (SELECT {key} FROM {stored} {where}) USING ({key}) WHERE "table" = '{table}'"""


def changes(columns: dict[str, str], new_rows: str, stored: str) -> str:
    """Return the SQL for those of the new rows that tell something else than the row before, of the same pool."""
    told = ", ".join(f'"{name}"' for name in columns if name not in ("run", "project", "pool", "slot"))
    return f"""SELECT {_names(columns)} FROM (
            SELECT *, lag(told) OVER (PARTITION BY project, pool ORDER BY run) AS before FROM (
                SELECT *, row({told}) AS told, true AS is_new FROM ({new_rows})
                UNION ALL BY NAME SELECT *, row({told}) AS told, false AS is_new FROM {stored}
            )
        ) WHERE is_new AND told IS DISTINCT FROM before"""


def new_snapshots(columns: dict[str, str]) -> str:
    """Return the SQL for the spooled snapshots that belong to a winner."""
    return f"""SELECT DISTINCT ON (project, pool, type, slot) {_names(columns)}
        FROM spooled SEMI JOIN winners USING (project, pool, slot, run) WHERE "table" = 'snapshots'"""


def _names(columns: dict[str, str]) -> str:
    """Return the names of columns as SQL."""
    return ", ".join(f'"{name}"' for name in columns)
