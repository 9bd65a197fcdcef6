"""The only reader of spool files: it checks them and puts their rows into a table of DuckDB.

A file is read whole or not at all: every line must be JSON of the columns' types, the header must have the known format
and the number of rows, and every row must be of a known table. A file that a drain removed meanwhile is not damaged.
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
# The errors that the content of a file causes; any other error has another cause.
DAMAGED: Final = (duckdb.InvalidInputException, duckdb.DataError, ValueError)


def load(
    connection: Record, files: list[Path], columns: Mapping[str, str] = ALL_COLUMNS
) -> tuple[list[Path], list[Path]]:
    """Read spool files into the temporary table `spooled`, which is created or replaced.

    Parameters
    ----------
    columns
        The wanted columns of the tables, with their types; `spooled` also has the column `table`.

    Returns
    -------
    tuple
        The files that were read, and those that are damaged.

    Raises
    ------
    duckdb.Error
        When reading fails for another reason than a file: the memory or the disk is full.
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
        # One damaged file makes the whole read fail: search for it in either half.
        half = len(files) // 2
        parts = [_load(connection, part, columns) for part in (files[:half], files[half:])]
        readable, unreadable = ([file for part in parts for file in part[kind]] for kind in (0, 1))
        return readable, unreadable
    return files, []


def _damaged(file: Path, error: Exception) -> list[Path]:
    """Return a file whose content is the reason that it could not be read; raise the error where there is another."""
    if isinstance(error, DAMAGED):
        return [file]
    if not isinstance(error, duckdb.IOException | OSError):
        raise error
    if os.access(file, os.R_OK):
        raise duckdb.IOException(str(error)) from None
    # Where it does not exist, a drain has taken it in meanwhile.
    return [file] if file.exists() else []


def _read(connection: Record, files: list[Path], columns: Mapping[str, str]) -> None:
    """Read files whole or not at all.

    Raises
    ------
    duckdb.Error, ValueError, OSError
        When a file is damaged or cannot be read.
    """
    struct = ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items())
    # Directly into `spooled`: each table in memory takes a block per column, however few rows it has.
    connection.begin()
    try:
        with _joined(files) as (sources, lines):
            rows = connection.execute(
                f"INSERT INTO spooled SELECT * FROM read_json($1, columns = {{{struct}}},"
                " format = 'newline_delimited', hive_partitioning = false)",
                [sources],
            ).fetchall()[0][0]
        headers = connection.execute("""DELETE FROM spooled WHERE "table" = 'spool'""").fetchall()[0][0]
        unknown_tables = connection.execute(
            """SELECT count(*) FROM spooled WHERE "table" IS NULL OR NOT list_contains($1, "table")""", [list(TABLES)]
        ).fetchall()[0][0]
        if headers != len(files) or rows != lines or unknown_tables:
            raise ValueError("a file does not have the rows that were written")
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


@contextmanager
def _joined(files: list[Path]) -> Iterator[tuple[list[str], int]]:
    """Give the files joined into one, and its number of lines: for DuckDB a file costs as much as a thousand rows.

    Where there is no room for the joined file, the files themselves are given.

    Raises
    ------
    ValueError, OSError
        When a file does not have the lines that were written, or cannot be read.
    """
    lines = 0
    with ExitStack() as stack:
        joined = None
        if len(files) > 1:
            with suppress(OSError):
                joined = stack.enter_context(TemporaryFile())
        for file in files:
            text = file.read_bytes()
            lines += _count_lines(text)
            if joined is not None:
                try:
                    joined.write(text.removesuffix(b"\n") + b"\n")
                    joined.flush()
                except OSError:
                    joined = None
        # The joined file has no name: nothing of it is left, however this process ends.
        yield [pattern_of(file) for file in files] if joined is None else [f"/dev/fd/{joined.fileno()}"], lines


def _count_lines(text: bytes) -> int:
    lines = text.removesuffix(b"\n").count(b"\n")
    first = text.partition(b"\n")[0]
    # A longer line cannot be a header, and might be nested without end.
    header = json.loads(first) if len(first) <= LONGEST_HEADER else None
    expected = {"table": "spool", "format": FORMAT, "lines": lines}
    if not isinstance(header, dict) or header | expected != header:
        raise ValueError("a file does not have the lines that were written")
    return 1 + lines
