"""The columns of a file that is imported: how each is read in SQL, and which of its values are wrong."""

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
# DuckDB's own cast takes more than ISO 8601, such as "epoch", or names of zones.
ISO_8601: Final = r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6}0*)?)?( ?(Z|[+-]\d{2}(:?\d{2})?))?)?"
NO_COUNT: Final = f"is no count: a whole number from 0 to {LARGEST_COUNT} is expected, or nothing"


@dataclass(frozen=True)
class Column:
    """How one of a file's columns is read: SQL over the table `given`."""

    name: str
    raw: str
    value: str
    is_wrong: str
    wrong: str


def column_of(file: Path, name: str, raw: str, kind: str) -> Column:
    """Return how a column is read: its name, what `given` calls it, and its type in DuckDB.

    Raises
    ------
    InputRefused
        When no value of that type can be what the column is for.
    """
    if name == "slot":
        if kind == "VARCHAR":
            # DuckDB 1.5 does not take a zone right after the minutes.
            zoned = f"substr({raw}, 17, 1) IN ('Z', '+', '-')"
            text = f"CASE WHEN {zoned} THEN substr({raw}, 1, 16) || ':00' || substr({raw}, 17) ELSE {raw} END"
            value = f"CASE WHEN regexp_full_match({raw}, '{ISO_8601}') THEN TRY_CAST({text} AS TIMESTAMPTZ) END"
        elif kind == "TIMESTAMP WITH TIME ZONE" or kind in TIMES:
            value = raw
        else:
            raise InputRefused(f"{file}, column slot: {kind} is no instant: write it as TIMESTAMP")
        # What cannot be had, and the infinities, are outside of any bounds.
        value = f"TRY_CAST({value} AS TIMESTAMP)"
        wrong = f"({value} BETWEEN TIMESTAMP '1970-01-01' AND TIMESTAMP '9999-12-31') IS NOT TRUE"
        if kind == "TIMESTAMP_NS":
            wrong += f" OR {value} <> {raw}"
        return Column(name, raw, value, wrong, "is no instant from 1970 on, in ISO 8601, such as 2026-01-31T08:00Z")
    if name in (*REQUIRED, "project"):
        if kind not in ("VARCHAR", *WHOLE) and not kind.startswith("ENUM"):
            raise InputRefused(f"{file}, column {name}: {kind} is no name: write it as text")
        value = f"CAST({raw} AS VARCHAR)"
        return Column(name, raw, value, f"coalesce({value}, '') = ''", "is no name")
    if kind in WHOLE:
        return Column(name, raw, f"TRY_CAST({raw} AS INTEGER)", f"{raw} NOT BETWEEN 0 AND {LARGEST_COUNT}", NO_COUNT)
    text = f"nullif(CAST({raw} AS VARCHAR), '')"
    return Column(name, raw, _count(text), _is_no_count(text), NO_COUNT)


def _count(text: str) -> str:
    """Return the SQL of a count that is written out; whole numbers as floats are pandas' counts with gaps."""
    return f"TRY_CAST(split_part({text}, '.', 1) AS INTEGER)"


def _is_no_count(text: str) -> str:
    return rf"{text} IS NOT NULL AND (NOT regexp_full_match({text}, '[0-9]+(\.0+)?') OR {_count(text)} IS NULL)"


def other_statuses_of(raw: str, kind: str, taken: str) -> Column:
    """Read statuses by name from JSON or a map; a name that has a column of its own is wrong."""
    text = f"nullif({raw}, '')" if kind == "VARCHAR" else raw
    given = f"TRY_CAST({text} AS JSON)" if kind == "VARCHAR" else raw
    entries = f"map_entries(TRY_CAST({given} AS MAP(VARCHAR, VARCHAR)))"
    value = (
        f"coalesce(list_transform({entries}, lambda e: {{'key': e.key, 'value': {_count('e.value')}}}), {NO_ENTRIES})"
    )
    wrong = f"lambda e: e.key IN ('', {taken}) OR ({_is_no_count('e.value')})"
    is_wrong = f"{text} IS NOT NULL AND ({entries} IS NULL OR len(list_filter({entries}, {wrong})) > 0)"
    if not kind.startswith("MAP") and kind not in ("VARCHAR", "JSON"):
        is_wrong = f"{raw} IS NOT NULL"
        value = NO_ENTRIES
    return Column(
        "other_statuses", raw, value, is_wrong, "is no JSON object of counts by the names of statuses without a column"
    )


def literal(text: str) -> str:
    """Return text as SQL; names that label columns of a result cannot be bound."""
    return "'" + text.replace("'", "''") + "'"
