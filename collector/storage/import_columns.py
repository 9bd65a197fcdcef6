"""The columns of an import file: how each is read in SQL, and which of its values are wrong."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from collector.errors import InputRefused
from collector.record.statuses import LARGEST_COUNT, STATUSES

NO_ENTRIES: Final = "[]::STRUCT(key VARCHAR, value INTEGER)[]"
REQUIRED: Final = ("slot", "pool", "type")
KNOWN: Final = (*REQUIRED, "project", "total", *STATUSES, "other_statuses")
WHOLE: Final = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
TIMES: Final = ("DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")
# DuckDB's own cast accepts more than ISO 8601, such as "epoch" or names of zones.
ISO_8601: Final = r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6}0*)?)?( ?(Z|[+-]\d{2}(:?\d{2})?))?)?"
NO_COUNT: Final = f"is not a count: a whole number from 0 to {LARGEST_COUNT} is expected, or an empty cell"


@dataclass(frozen=True)
class Column:
    """How a column of a file is read: SQL over the table `given`, and the message for a wrong value."""

    name: str
    raw: str
    value: str
    is_wrong: str
    wrong: str


def column_of(file: Path, name: str, raw: str, kind: str) -> Column:
    """Return how a column is read.

    Parameters
    ----------
    name, raw, kind
        Its name in the file, its name in the table `given`, and its type in DuckDB.

    Raises
    ------
    InputRefused
        When the column cannot have that type.
    """
    if name == "slot":
        if kind == "VARCHAR":
            # DuckDB 1.5 does not accept a zone directly after the minutes.
            zoned = f"substr({raw}, 17, 1) IN ('Z', '+', '-')"
            text = f"CASE WHEN {zoned} THEN substr({raw}, 1, 16) || ':00' || substr({raw}, 17) ELSE {raw} END"
            value = f"CASE WHEN regexp_full_match({raw}, '{ISO_8601}') THEN TRY_CAST({text} AS TIMESTAMPTZ) END"
        elif kind == "TIMESTAMP WITH TIME ZONE" or kind in TIMES:
            value = raw
        else:
            raise InputRefused(
                f"{file}, column slot: {kind} is not a type of date or time: write the column as TIMESTAMP"
            )
        # A failed cast (NULL) and the infinities lie outside the bounds.
        value = f"TRY_CAST({value} AS TIMESTAMP)"
        wrong = f"({value} BETWEEN TIMESTAMP '1970-01-01' AND TIMESTAMP '9999-12-31') IS NOT TRUE"
        if kind == "TIMESTAMP_NS":
            wrong += f" OR {value} <> {raw}"
        return Column(name, raw, value, wrong, "is not a time from 1970 on in ISO 8601, such as 2026-01-31T08:00Z")
    if name in (*REQUIRED, "project"):
        if kind not in ("VARCHAR", *WHOLE) and not kind.startswith("ENUM"):
            raise InputRefused(f"{file}, column {name}: {kind} cannot be a name: write the column as text")
        value = f"CAST({raw} AS VARCHAR)"
        return Column(name, raw, value, f"coalesce({value}, '') = ''", "is not a name")
    if kind in WHOLE:
        return Column(name, raw, f"TRY_CAST({raw} AS INTEGER)", f"{raw} NOT BETWEEN 0 AND {LARGEST_COUNT}", NO_COUNT)
    text = f"nullif(CAST({raw} AS VARCHAR), '')"
    return Column(name, raw, _count(text), _is_no_count(text), NO_COUNT)


def _count(text: str) -> str:
    """Return the SQL that reads a count from text; pandas writes counts with gaps as floats, such as 5.0."""
    return f"TRY_CAST(split_part({text}, '.', 1) AS INTEGER)"


def _is_no_count(text: str) -> str:
    return rf"{text} IS NOT NULL AND (NOT regexp_full_match({text}, '[0-9]+(\.0+)?') OR {_count(text)} IS NULL)"


def other_statuses_of(raw: str, kind: str, taken: str) -> Column:
    """Return how JSON or a map of counts by status is read; `taken`: the names with a column of their own, as SQL."""
    text = f"nullif({raw}, '')" if kind == "VARCHAR" else raw
    object_ = f"TRY_CAST({text} AS JSON)" if kind == "VARCHAR" else raw
    entries = f"map_entries(TRY_CAST({object_} AS MAP(VARCHAR, VARCHAR)))"
    value = (
        f"coalesce(list_transform({entries}, lambda e: {{'key': e.key, 'value': {_count('e.value')}}}), {NO_ENTRIES})"
    )
    wrong = f"lambda e: e.key IN ('', {taken}) OR ({_is_no_count('e.value')})"
    is_wrong = f"{text} IS NOT NULL AND ({entries} IS NULL OR len(list_filter({entries}, {wrong})) > 0)"
    if not kind.startswith("MAP") and kind not in ("VARCHAR", "JSON"):
        is_wrong = f"{raw} IS NOT NULL"
        value = NO_ENTRIES
    return Column(
        "other_statuses",
        raw,
        value,
        is_wrong,
        "is not a JSON object of counts, by names of statuses that have no column of their own",
    )


def literal(text: str) -> str:
    """Return text as an SQL literal, for names of result columns, which cannot be bound."""
    return "'" + text.replace("'", "''") + "'"
