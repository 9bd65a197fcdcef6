"""The columns of the tables, and the schema version that introduced each."""

from typing import Final

from collector.record.statuses import STATUSES

_RUN: Final = {"run": "TIMESTAMP", "project": "VARCHAR"}
_ANSWER: Final = {
    "outcome": "VARCHAR",
    "http_status": "SMALLINT",
    "error_code": "VARCHAR",
    "error_msg": "VARCHAR",
    "request_id": "VARCHAR",
    "attempts": "INTEGER",
    "started_at": "TIMESTAMP",
    "answered_at": "TIMESTAMP",
}
_NODES: Final = ("count", "available", "abnormal", "creating", "deleting")
COLUMNS: Final[dict[str, dict[str, str]]] = {
    "polls": {
        **_RUN,
        "project_id": "VARCHAR",
        "endpoint": "VARCHAR",
        "command": "VARCHAR",
        "version": "VARCHAR",
        "slot": "TIMESTAMP",
        "interval_seconds": "INTEGER",
        "ended_at": "TIMESTAMP",
        "pools": "INTEGER",
        "discovered": "BOOLEAN",
    },
    "discoveries": {
        **_RUN,
        "workspace": "VARCHAR",
        "page": "INTEGER",
        "slot": "TIMESTAMP",
        **_ANSWER,
        "pools": "INTEGER",
        "body": "VARCHAR",
    },
    "scrapes": {
        **_RUN,
        "pool": "VARCHAR",
        "slot": "TIMESTAMP",
        "interval_seconds": "INTEGER",
        **_ANSWER,
        "total": "INTEGER",
        "disagreement": "VARCHAR",
        "body": "VARCHAR",
    },
    "snapshots": {
        "project": "VARCHAR",
        "pool": "VARCHAR",
        "type": "VARCHAR",
        "slot": "TIMESTAMP",
        "total": "INTEGER",
        **dict.fromkeys(STATUSES, "INTEGER"),
        "other_statuses": "MAP(VARCHAR, INTEGER)",
    },
    "pools": {
        **_RUN,
        "pool": "VARCHAR",
        "slot": "TIMESTAMP",
        "listed": "BOOLEAN",
        "name": "VARCHAR",
        "workspace": "VARCHAR",
        "created_at": "TIMESTAMP",
        "phase": "VARCHAR",
        "kind": "VARCHAR",
        "scope": "VARCHAR[]",
        "queue_policy": "VARCHAR",
        "nodes": f"STRUCT(flavor VARCHAR, {', '.join(f'{count} INTEGER' for count in _NODES)})[]",
    },
}
"""Name and type of every column of every table, in order, in the newest schema version."""
TABLES: Final = tuple(COLUMNS)
# Rows sorted by series take a tenth of the space of rows in order of arrival; by month, a slot is found quickly.
ORDER: Final = {
    "polls": "slot, run, project",
    "discoveries": "slot, run, project, workspace, page",
    "scrapes": "project, pool, slot, run",
    "snapshots": "project, pool, type, slot",
    "pools": "project, pool, run",
}
"""The order of rows in a compacted database and in a dataset: the key of each table."""
SINCE: Final = {"pools": 2}
"""The schema version that introduced a table; 1 for tables that are not listed here."""
COLUMNS_SINCE: Final = {("polls", "discovered"): 2}
"""The schema version that added a column, by table and column."""


def columns_at(version: int) -> dict[str, dict[str, str]]:
    """Return `COLUMNS` as they were in a schema version."""
    return {
        table: {name: kind for name, kind in columns.items() if COLUMNS_SINCE.get((table, name), 1) <= version}
        for table, columns in COLUMNS.items()
        if SINCE.get(table, 1) <= version
    }


def create_table(name: str, columns: dict[str, str]) -> str:
    """Return the SQL that creates or replaces an empty temporary table."""
    definitions = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
    return f'CREATE OR REPLACE TEMP TABLE "{name}" ({definitions})'
