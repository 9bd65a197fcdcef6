"""Paths for DuckDB, written so that every character counts literally."""

from pathlib import Path
from typing import Final

from collector.errors import InputRefused, RecordUnreadable

MAGIC: Final = "*?["


def pattern_of(path: Path) -> str:
    """Return the pattern that matches a path and no other, for `read_parquet`, `read_csv` and `read_json`.

    These functions read every path as a pattern. With ``hive_partitioning = false`` they do not read a folder such as
    ``month=3`` as a column.

    Raises
    ------
    InputRefused
        When there is no such pattern.
    """
    text = text_of(path)
    if not any(letter in MAGIC for letter in text):
        return text
    if "\\" in text:
        # From DuckDB 2.0 on, a pattern never matches a name with a backslash.
        raise InputRefused(
            f"{path} has both a backslash and one of * ? [ in its name, which DuckDB cannot read: rename it"
        )
    return "".join(f"[{letter}]" if letter in MAGIC else letter for letter in text)


def quoted_pattern(path: Path) -> str:
    """Return `pattern_of` a path as an SQL text, for views, which take no parameters.

    Raises
    ------
    InputRefused
        When there is no such pattern.
    """
    return "'" + pattern_of(path).replace("'", "''") + "'"


def database_at(path: Path) -> str:
    """Return the path of a database for DuckDB.

    Raises
    ------
    RecordUnreadable
        When DuckDB would read the path as another place, for the database or its log.
    """
    try:
        text = text_of(path)
    except InputRefused as refusal:
        raise RecordUnreadable(str(refusal)) from None
    if odd := [letter for letter in "?\\" if letter in text]:
        raise RecordUnreadable(
            f"{path} has {' and '.join(odd)} in its name, which DuckDB reads as a different path: rename the folder, or"
            " name another database in [paths]; until then new polls wait in the spool folder"
        )
    return text


def quoted(path: Path) -> str:
    """Return a path as an SQL text, for ATTACH, COPY and SET: they take it literally, but not as a parameter.

    Raises
    ------
    InputRefused
        When it is not UTF-8.
    """
    return "'" + text_of(path).replace("'", "''") + "'"


def text_of(path: Path) -> str:
    """Return the absolute path, so that DuckDB does not read ``~`` or ``s3:`` in it as a home folder or a kind of file.

    Raises
    ------
    InputRefused
        When it is not UTF-8.
    """
    text = str(path.absolute())
    try:
        text.encode()
    except UnicodeEncodeError:
        shown = text.encode(errors="replace").decode()
        raise InputRefused(f"{shown} is not UTF-8, which DuckDB cannot read: rename it") from None
    return text
