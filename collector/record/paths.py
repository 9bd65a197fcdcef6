"""Paths as DuckDB takes them: literally, whatever characters are in them."""

from pathlib import Path
from typing import Final

from collector.errors import InputRefused, RecordUnreadable

MAGIC: Final = "*?["


def pattern_of(path: Path) -> str:
    """Return the pattern that fits a path and no other, for `read_parquet`, `read_csv` and `read_json`.

    They take every path for a pattern. Folders such as ``month=3`` are no columns only with
    ``hive_partitioning = false``.

    Raises
    ------
    InputRefused
        When there is none.
    """
    text = text_of(path)
    if not any(letter in MAGIC for letter in text):
        return text
    if "\\" in text:
        # From 2.0 on a pattern of DuckDB never fits a name with a backslash.
        raise InputRefused(
            f"{path} has both a backslash and one of * ? [ in its name, which DuckDB cannot read: rename it"
        )
    return "".join(f"[{letter}]" if letter in MAGIC else letter for letter in text)


def database_at(path: Path) -> str:
    """Return where a database is as DuckDB takes it.

    Raises
    ------
    RecordUnreadable
        Where it would be looked for, or its log written, at another place.
    """
    try:
        text = text_of(path)
    except InputRefused as refusal:
        raise RecordUnreadable(str(refusal)) from None
    if odd := [letter for letter in "?\\" if letter in text]:
        raise RecordUnreadable(
            f"{path} has {' and '.join(odd)} in its name, with which DuckDB takes it for another place: rename the"
            " folder, or name another database in [paths]; what is polled meanwhile waits in the spool"
        )
    return text


def quoted(path: Path) -> str:
    """Return a path as SQL, for ATTACH, COPY and SET, which take it literally but cannot be bound.

    Raises
    ------
    InputRefused
    """
    return "'" + text_of(path).replace("'", "''") + "'"


def text_of(path: Path) -> str:
    """Return a path absolute, so that no part of it is taken for a home folder or a kind of file (``~``, ``s3:``).

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
