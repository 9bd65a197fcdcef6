"""The one reader of spool files: their rows, checked, in a table of DuckDB.

A file is read whole or not at all: every line is JSON of the columns' types, the header is of the known format, and as
many rows follow as it says, each of a known table. A file that a drain took away meanwhile is no damage.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

import duckdb

from collector.record.columns import COLUMNS, TABLES, create_table
from collector.record.database import Record
from collector.record.paths import pattern_of
from collector.record.spool import FORMAT

HEADER: Final = {"table": "VARCHAR", "format": "INTEGER", "lines": "INTEGER"}
ALL_COLUMNS: Final = {name: kind for columns in COLUMNS.values() for name, kind in columns.items()}
LONGEST_HEADER: Final = 500
# What is said of a file's content; any other error is not the file's.
DAMAGED: Final = (duckdb.InvalidInputException, duckdb.DataError, ValueError)


def load(
    connection: Record, files: list[Path], columns: Mapping[str, str] = ALL_COLUMNS
) -> tuple[list[Path], list[Path]]:
    """Read spool files into the temporary table `spooled`, made anew.

    Parameters
    ----------
    columns
        Those of the tables that are wanted, with their types; besides them `spooled` has `table`.

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
    connection.execute(create_table("spooled", columns))
    return _load(connection, files, columns) if files else ([], [])


def _load(connection: Record, files: list[Path], columns: Mapping[str, str]) -> tuple[list[Path], list[Path]]:
    try:
        _read(connection, files, columns)
    except duckdb.OutOfMemoryException:
        raise
    except (duckdb.Error, ValueError, OSError) as error:
        if len(files) == 1:
            return [], _damaged(files[0], error)
        # One damaged file keeps all from being read together: it is looked for in either half.
        half = len(files) // 2
        parts = [_load(connection, part, columns) for part in (files[:half], files[half:])]
        readable, unreadable = ([file for part in parts for file in part[kind]] for kind in (0, 1))
        return readable, unreadable
    return files, []


def _damaged(file: Path, error: Exception) -> list[Path]:
    """Return a file that could not be read, where that is for its content; raise the error where it is not."""
    if isinstance(error, DAMAGED):
        return [file]
    if not isinstance(error, duckdb.IOException | OSError):
        raise error
    if os.access(file, os.R_OK):
        raise duckdb.IOException(str(error)) from None
    # Where it is not there at all, a drain has taken it in meanwhile.
    return [file] if file.exists() else []


def _read(connection: Record, files: list[Path], columns: Mapping[str, str]) -> None:
    """Read files whole or not at all.

    Raises
    ------
    duckdb.Error, ValueError, OSError
        When one is not as it was written, or cannot be read.
    """
    struct = ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items())
    # Straight into `spooled`: a table in memory takes a block a column, however few its rows are.
    connection.begin()
    try:
        with _as_one(files) as (sources, lines):
            rows = connection.execute(
                f"INSERT INTO spooled SELECT * FROM read_json($1, columns = {{{struct}}},"
                " format = 'newline_delimited', hive_partitioning = false)",
                [sources],
            ).fetchall()[0][0]
        headers = connection.execute("""DELETE FROM spooled WHERE "table" = 'spool'""").fetchall()[0][0]
        strange = connection.execute(
            """SELECT count(*) FROM spooled WHERE "table" IS NULL OR NOT list_contains($1, "table")""", [list(TABLES)]
        ).fetchall()[0][0]
        if headers != len(files) or rows != lines or strange:
            raise ValueError("a file has not the rows that were written")
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


@contextmanager
def _as_one(files: list[Path]) -> Iterator[tuple[list[str], int]]:
    """Give the files as one, with its number of lines: DuckDB takes as long for each as for a thousand rows.

    Where there is no room for that it is the files themselves.

    Raises
    ------
    ValueError, OSError
        When a file has not as many lines as were written, or cannot be read.
    """
    lines = 0
    with ExitStack() as stack:
        gathered = None
        if len(files) > 1:
            with suppress(OSError):
                gathered = stack.enter_context(TemporaryFile())
        for file in files:
            text = file.read_bytes()
            lines += _count_lines(text)
            if gathered is not None:
                try:
                    gathered.write(text.removesuffix(b"\n") + b"\n")
                    gathered.flush()
                except OSError:
                    gathered = None
        # It has no name, so that nothing is left of it, however this process ends.
        yield [pattern_of(file) for file in files] if gathered is None else [f"/dev/fd/{gathered.fileno()}"], lines


def _count_lines(text: bytes) -> int:
    lines = text.removesuffix(b"\n").count(b"\n")
    first = text.partition(b"\n")[0]
    # What is longer, or nested without end, is no header.
    header = json.loads(first) if len(first) <= LONGEST_HEADER else None
    expected = {"table": "spool", "format": FORMAT, "lines": lines}
    if not isinstance(header, dict) or header | expected != header:
        raise ValueError("a file has not as many lines as were written")
    return 1 + lines
