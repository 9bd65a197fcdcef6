"""The headers of a database file: which DuckDB wrote it, and whether it was cut short, which DuckDB does not notice."""

from pathlib import Path
from typing import Final

import duckdb

HEADER_BYTES: Final = 4096
"""The length of each of the three headers before the blocks."""
# Place in the first header of the version of the DuckDB that made the file.
VERSION: Final = slice(52, 84)
SIZE: Final = """SELECT total_blocks, block_size FROM pragma_database_size()
    WHERE database_name = coalesce($1, current_database())"""
BLOCKS_USED: Final = """SELECT max(greatest(block_id, list_max(additional_block_ids)))
    FROM pragma_storage_info($1) WHERE persistent"""


def written_by(database: Path) -> str:
    """Return the version of the DuckDB that made a file; ``unknown`` where that cannot be read.

    Only for a file that is not open in DuckDB: opening and closing it here ends every lock of this process on it.
    """
    try:
        with database.open("rb") as file:
            version = file.read(VERSION.stop)[VERSION].rstrip(b"\0").decode("ascii")
    except (OSError, UnicodeDecodeError):
        version = ""
    return version if version.isprintable() and version else "unknown"


def missing_bytes(connection: duckdb.DuckDBPyConnection, database: Path, name: str | None = None) -> int:
    """Return how many bytes are missing at the end of an open database file; 0 where it is whole.

    Parameters
    ----------
    name
        The database's name where it is not the connection's main database.
    """
    # Asked through DuckDB and stat: opening and closing the file here would end every lock of this process on it.
    length = database.stat().st_size
    blocks, block_bytes = connection.execute(SIZE, [name]).fetchall()[0]
    if length >= 3 * HEADER_BYTES + blocks * block_bytes:
        return 0
    # DuckDB itself cuts off free blocks at the end: only the columns tell which blocks are used.
    prefix = f'"{name}".' if name else ""
    tables = connection.execute(
        "SELECT schema_name || '.' || table_name FROM duckdb_tables()"
        " WHERE NOT temporary AND database_name = coalesce($1, current_database())",
        [name],
    ).fetchall()
    last_block = max(
        (connection.execute(BLOCKS_USED, [prefix + table]).fetchall()[0][0] or 0 for (table,) in tables), default=0
    )
    return max(0, 3 * HEADER_BYTES + (int(last_block) + 1) * int(block_bytes) - length)
