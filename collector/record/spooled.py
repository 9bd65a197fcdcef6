"""The one reader of spool files: their rows, checked, in a table of DuckDB.

A file is read whole or not at all: every line is JSON of the columns' types, the header is of the known format, and as
many rows follow as it says, each of a known table. A file that a drain took away meanwhile is no damage.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import duckdb

from collector.record.columns import COLUMNS, TABLES, create_table
from collector.record.database import Record
from collector.record.paths import pattern_of, text_of
from collector.record.spool import FORMAT

HEADER: Final = {"table": "VARCHAR", "format": "INTEGER", "lines": "INTEGER"}
ALL_COLUMNS: Final = {name: kind for columns in COLUMNS.values() for name, kind in columns.items()}
# What is said of a file's content; any other error is not the file's.
DAMAGED: Final = (duckdb.InvalidInputException, duckdb.DataError, ValueError)


def load(
    connection: Record, files: list[Path], columns: Mapping[str, str] = ALL_COLUMNS
) -> tuple[list[Path], list[Path]]:
    """Read spool files into the temporary table `spooled`, made anew.

    Parameters
    ----------
    columns
        Those of the tables that are wanted, with their types; besides them `spooled` has `table` and `filename`.

    Returns
    -------
    tuple
        The files that are in it, and those that are damaged.

    Raises
    ------
    duckdb.Error
        When it is not for a file that nothing can be read (the memory or the disk is full).
    """
    columns = HEADER | dict(columns)
    connection.execute(create_table("spooled", columns | {"filename": "VARCHAR"}))
    if not files:
        return [], []
    try:
        _read(connection, files, columns)
    except (duckdb.Error, ValueError):
        # One damaged file keeps all from being read together: each is tried alone.
        readable: list[Path] = []
        unreadable: list[Path] = []
        for file in files:
            try:
                _read(connection, [file], columns)
            except DAMAGED:
                unreadable.append(file)
            except duckdb.IOException:
                if os.access(file, os.R_OK):
                    raise
                # Where it is not there at all, a drain has taken it in meanwhile.
                unreadable += [file] if file.exists() else []
            else:
                readable.append(file)
        return readable, unreadable
    return files, []


def _read(connection: Record, files: list[Path], columns: Mapping[str, str]) -> None:
    """Read files whole or not at all.

    Raises
    ------
    duckdb.Error, ValueError
        When one is not as it was written.
    """
    struct = ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items())
    # Straight into `spooled`: a table in memory takes a block a column, however few its rows are.
    connection.begin()
    try:
        connection.execute(
            f"INSERT INTO spooled SELECT * FROM read_json($1, columns = {{{struct}}},"
            " format = 'newline_delimited', filename = true, hive_partitioning = false)",
            [[pattern_of(file) for file in files]],
        )
        whole = connection.execute(
            f"""SELECT count(*) FROM (SELECT filename FROM spooled WHERE list_contains($1, filename) GROUP BY filename
            HAVING count(*) FILTER ("table" = 'spool' AND format = {FORMAT}) = 1 AND max(lines) = count(*) - 1
            AND max(lines) = count(*) FILTER ("table" IN $2))""",
            [[text_of(file) for file in files], list(TABLES)],
        ).fetchall()[0][0]
        if whole != len(files):
            raise ValueError("a file has not as many lines as were written")
        connection.execute("""DELETE FROM spooled WHERE "table" = 'spool'""")
    except BaseException:
        connection.rollback()
        raise
    connection.commit()
