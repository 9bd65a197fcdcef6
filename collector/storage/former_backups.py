"""Backups of Poolscope 0.1 and before: one Parquet file a table, and a manifest of their row counts and checksums.

This version still reads them. It writes datasets, see `record.dataset`.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collector.errors import InputRefused
from collector.record.columns import SINCE, TABLES
from collector.record.dataset import MANIFEST, sha256_of
from collector.record.schema import MIGRATIONS


@dataclass(frozen=True)
class FormerManifest:
    """The content of a former backup: number of rows and SHA-256 of the file, by table."""

    poolscope: str
    schema: int
    made_at: str
    rows: dict[str, int]
    sha256: dict[str, str]


def is_former(folder: Path) -> bool:
    """Return whether a folder has a manifest that is not of a dataset."""
    try:
        fields = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(fields, dict) and "format" not in fields


def verify_former(folder: Path) -> FormerManifest:
    """Check every file of a former backup, and return its manifest.

    Raises
    ------
    InputRefused
        When a file is missing or changed, or the backup is from a newer Poolscope.
    """
    try:
        fields: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        manifest = FormerManifest(**fields)
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
        sums = {table: sha256_of(folder / f"{table}.parquet") for table in tables}
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise InputRefused(f"{folder} is not a complete backup ({error}): name another backup") from None
    if manifest.schema > len(MIGRATIONS):
        raise InputRefused(f"{folder} was made by a newer Poolscope ({manifest.poolscope}): upgrade Poolscope")
    for table in tables:
        if sums[table] != manifest.sha256.get(table):
            raise InputRefused(f"{folder / table}.parquet has changed since the backup was made: use another backup")
    return manifest
