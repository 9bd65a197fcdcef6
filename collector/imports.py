"""Snapshots from a file into the record: checked whole, then written whole or not at all."""

import csv
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb

from collector import __version__
from collector.errors import InputRefused
from collector.parse import LARGEST_COUNT
from collector.snapshot import STATUSES
from collector.store import Record, ingest, load

REQUIRED: Final = ("slot", "pool", "type")
KNOWN: Final = (*REQUIRED, "project", "total", *STATUSES, "other_statuses")
SHOWN_VALUE: Final = 60
MEND: Final = "mend it and import the file again, nothing of it was written"


@dataclass(frozen=True)
class Imported:
    """What an import did; `already` counts the slots of pools that had their sample, whose rows were left out."""

    rows: int
    slots: int
    pools: int
    already: int


def read(record: Record, file: Path) -> list[str]:
    """Read a file into the temporary table `given`, a row a line, under the names of its columns.

    Returns
    -------
    list
        The columns that are statuses no document names.

    Raises
    ------
    InputRefused
        When the file cannot be read, or its columns are not those of snapshots.
    """
    if not file.is_file():
        raise InputRefused(f"{file}: there is no such file")
    kind = file.suffix.lower()
    try:
        if kind == ".parquet":
            query, first = "SELECT * FROM read_parquet($1)", 1
            names = [row[0] for row in record.execute(f"DESCRIBE {query}", [str(file)]).fetchall()]
        elif kind == ".csv":
            # The header is line 1. Values stay text until they are checked.
            query, first = "SELECT * FROM read_csv($1, all_varchar = true, header = true, delim = ',', quote = '\"')", 2
            with file.open(encoding="utf-8-sig", newline="") as opened:
                names = next(csv.reader(opened), [])
        else:
            raise InputRefused(f"{file}: Parquet or CSV is expected, by the ending .parquet or .csv")
        _check_columns(file, names)
        record.execute(
            f"CREATE OR REPLACE TEMP TABLE given AS SELECT row_number() OVER () + {first - 1} AS line, *"
            f" FROM ({query})",
            [str(file)],
        )
    except (duckdb.Error, UnicodeDecodeError, csv.Error, OSError) as error:
        raise InputRefused(f"{file}: cannot be read as {kind[1:]} ({str(error)[:300]})") from None
    if not record.execute("SELECT count(*) FROM given").fetchall()[0][0]:
        raise InputRefused(f"{file}: there are no rows in it")
    return [name for name in names if name not in KNOWN]


def _check_columns(file: Path, names: list[str]) -> None:
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise InputRefused(
            f"{file}: the columns {', '.join(missing)} are missing; {', '.join(REQUIRED)} have to be there"
        )
    known = {name.lower(): name for name in KNOWN}
    for name in names:
        if not name.strip() or name == "line" or name.startswith("__index_level_"):
            raise InputRefused(
                f"{file}: the column {name!r} is no status's name: write the file without a row number or index"
            )
        if name not in KNOWN and name.lower() in known:
            raise InputRefused(f"{file}: the column {name!r} has to be spelled {known[name.lower()]!r}")
    for name, times in Counter(name.lower() for name in names).items():
        if times > 1:
            raise InputRefused(
                f"{file}: the column {name!r} is there {times} times (capitals do not tell columns apart)"
            )


def check(record: Record, file: Path, unknown: list[str], project: str | None, interval: timedelta | None) -> timedelta:
    """Turn `given` into `checked`, the typed rows, and find the interval.

    Parameters
    ----------
    project
        The project of all rows; None takes the file's column, and `imported` where it has none.
    interval
        Seconds between slots; None takes the most frequent spacing of the file's slots.

    Raises
    ------
    InputRefused
        Naming the first line that is off.
    """
    present = {row[0] for row in record.execute("DESCRIBE given").fetchall()}
    counts = [name for name in ("total", *STATUSES, *unknown) if name in present]
    typed = [
        "line",
        'TRY_CAST(TRY_CAST("slot" AS TIMESTAMPTZ) AS TIMESTAMP) AS slot',
        f"{_project(project, present)} AS project",
        *(f'nullif(CAST("{name}" AS VARCHAR), \'\') AS "{name}"' for name in ("pool", "type")),
        *(
            f"{_count(name) if name in present else 'CAST(NULL AS INTEGER)'} AS {_quoted(name)}"
            for name in ("total", *STATUSES)
        ),
        f"{_others(unknown, present)} AS other_statuses",
    ]
    _refuse_first(
        record,
        file,
        [
            *(
                (name, f"{_quoted(name)} IS NULL OR CAST({_quoted(name)} AS VARCHAR) = ''", "a value is missing")
                for name in REQUIRED
            ),
            (
                "slot",
                'TRY_CAST("slot" AS TIMESTAMPTZ) IS NULL',
                "no time; ISO 8601 is expected, UTC where it says no offset",
            ),
            *(
                (name, _no_count(name), f"no count: a whole number from 0 to {LARGEST_COUNT} is expected")
                for name in counts
            ),
            *([("other_statuses", _no_map(), "no JSON object of counts")] if "other_statuses" in present else []),
        ],
    )
    record.execute(f"CREATE OR REPLACE TEMP TABLE checked AS SELECT {', '.join(typed)} FROM given ORDER BY line")
    twice = record.execute(
        """SELECT min(line), max(line) FROM checked GROUP BY project, pool, type, slot HAVING count(*) > 1
        ORDER BY ALL LIMIT 1"""
    ).fetchall()
    if twice:
        raise InputRefused(f"{file}, line {twice[0][1]}: the same pool, type and slot as line {twice[0][0]}: {MEND}")
    found = interval or _spacing(record, file)
    off = record.execute(
        "SELECT line, slot FROM checked WHERE epoch_us(slot) % $1 <> 0 ORDER BY line LIMIT 1",
        [int(found.total_seconds()) * 1_000_000],
    ).fetchall()
    if off:
        raise InputRefused(
            f"{file}, line {off[0][0]}: the slot {off[0][1]} is no multiple of the interval, {found}: "
            "name the right one with --interval"
        )
    return found


def _refuse_first(record: Record, file: Path, checks: list[tuple[str, str, str]]) -> None:
    """Raise for the first line that fails one of the checks: column, condition, what is wrong."""
    found = []
    for column, condition, wrong in checks:
        query = f"SELECT line, CAST({_quoted(column)} AS VARCHAR) FROM given WHERE {condition} ORDER BY line LIMIT 1"
        found += [(line, column, value, wrong) for line, value in record.execute(query).fetchall()]
    if found:
        line, column, value, wrong = min(found, key=lambda one: one[0])
        shown = "" if value is None else f" {value[:SHOWN_VALUE]!r}"
        raise InputRefused(f"{file}, line {line}, column {column}:{shown} {wrong}: {MEND}")


def _spacing(record: Record, file: Path) -> timedelta:
    found = record.execute(
        """SELECT epoch(after - slot)::BIGINT AS spacing FROM (
            SELECT slot, lead(slot) OVER (ORDER BY slot) AS after FROM (SELECT DISTINCT slot FROM checked)
        ) WHERE after IS NOT NULL GROUP BY spacing ORDER BY count(*) DESC, spacing LIMIT 1"""
    ).fetchall()
    if not found or not found[0][0]:
        raise InputRefused(f"{file}: its slots do not tell how far apart polls were: name it with --interval")
    return timedelta(seconds=found[0][0])


def write(record: Record, now: datetime, interval: timedelta) -> Imported:
    """Write `checked` into the tables, in one transaction; slots of pools that have their sample are left out.

    Parameters
    ----------
    now
        Naive UTC: the run.
    """
    record.begin()
    load(record, [])
    record.execute(
        """CREATE OR REPLACE TEMP TABLE fresh AS SELECT * FROM checked ANTI JOIN (
            SELECT project, pool, slot FROM scrapes WHERE outcome = 'ok'
            AND slot BETWEEN (SELECT min(slot) FROM checked) AND (SELECT max(slot) FROM checked)
        ) USING (project, pool, slot)"""
    )
    statuses = ", ".join(_quoted(status) for status in STATUSES)
    named = " + ".join(f"coalesce({_quoted(status)}, 0)" for status in STATUSES)
    seconds = int(interval.total_seconds())
    record.execute(
        """INSERT INTO spooled BY NAME SELECT 'polls' AS "table", $1 AS run, project, 'import' AS command,
            $2 AS version,            $3 AS interval_seconds, $1 AS ended_at, count(DISTINCT pool) AS pools FROM fresh GROUP BY project""",
        [now, __version__, seconds],
    )
    # A file's rows are taken as whole answers: the outer total is the sum of what it lists.
    record.execute(
        f"""INSERT INTO spooled BY NAME
        WITH items AS (
            SELECT *, {named} + coalesce(list_sum(map_values(other_statuses)), 0) AS named FROM fresh
        )
        SELECT 'scrapes' AS "table", $1 AS run, project, pool, slot, $2 AS interval_seconds, 'ok' AS outcome,
            CASE WHEN bool_and(total IS NOT NULL) AND sum(total) <= {LARGEST_COUNT} THEN sum(total) END AS total,
            string_agg(type || ': total ' || total || ', its statuses sum to ' || named, '; ' ORDER BY type)
                FILTER (total <> named) AS disagreement
        FROM items GROUP BY project, pool, slot""",
        [now, seconds],
    )
    record.execute(
        f"""INSERT INTO spooled BY NAME SELECT 'snapshots' AS "table", $1 AS run, project, pool, type, slot, total,
            {statuses}, other_statuses FROM fresh""",
        [now],
    )
    ingest(record)
    rows, slots, pools = record.execute(
        "SELECT count(*), count(DISTINCT slot), count(DISTINCT (project, pool)) FROM fresh"
    ).fetchall()[0]
    already = record.execute(
        "SELECT count(DISTINCT (project, pool, slot)) FROM checked ANTI JOIN fresh USING (project, pool, slot)"
    ).fetchall()[0][0]
    record.commit()
    return Imported(rows, slots, pools, already)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _project(project: str | None, present: set[str]) -> str:
    if project is not None:
        return _literal(project)
    return "coalesce(nullif(CAST(project AS VARCHAR), ''), 'imported')" if "project" in present else "'imported'"


def _number(name: str) -> str:
    """Return the SQL of a value as a number: whatever type it came in; pandas writes counts with gaps as floats."""
    return f"TRY_CAST(nullif(trim(CAST({_quoted(name)} AS VARCHAR)), '') AS DOUBLE)"


def _no_count(name: str) -> str:
    number = _number(name)
    # NaN is larger than any number to DuckDB.
    return (
        f"nullif(trim(CAST({_quoted(name)} AS VARCHAR)), '') IS NOT NULL AND"
        f" ({number} IS NULL OR {number} < 0 OR {number} > {LARGEST_COUNT} OR {number} <> floor({number}))"
    )


def _count(name: str) -> str:
    return f"TRY_CAST({_number(name)} AS INTEGER)"


def _map() -> str:
    """Return the SQL of `other_statuses` as a map: it comes as JSON text or as a map."""
    return (
        "TRY_CAST(TRY_CAST(CASE WHEN typeof(other_statuses) LIKE 'MAP%' THEN CAST(to_json(other_statuses) AS VARCHAR)"
        " ELSE nullif(CAST(other_statuses AS VARCHAR), '') END AS JSON) AS MAP(VARCHAR, INTEGER))"
    )


def _no_map() -> str:
    return (
        "nullif(CAST(other_statuses AS VARCHAR), '') IS NOT NULL"
        f" AND ({_map()} IS NULL OR list_min(map_values({_map()})) < 0)"
    )


def _others(unknown: list[str], present: set[str]) -> str:
    """Return the SQL of the statuses that no document names; NULL where a row has none."""
    entries = ", ".join(f"{{'key': {_literal(name)}, 'value': {_count(name)}}}" for name in unknown)
    columns = f"map_from_entries(list_filter([{entries}], lambda e: e.value IS NOT NULL))" if unknown else None
    given = f"coalesce({_map()}, MAP {{}})" if "other_statuses" in present else None
    parts = [part for part in (given, columns) if part]
    if not parts:
        return "CAST(NULL AS MAP(VARCHAR, INTEGER))"
    joined = parts[0] if len(parts) == 1 else f"map_concat({', '.join(parts)})"
    return f"CASE WHEN cardinality({joined}) > 0 THEN {joined} END"
