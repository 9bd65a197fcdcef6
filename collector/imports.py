"""Snapshots from files into the record: checked whole, then written whole or not at all."""

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb

from collector import __version__
from collector.errors import InputRefused, RecordNotWritten
from collector.parse import LARGEST_COUNT
from collector.snapshot import STATUSES
from collector.store import Record, ingest, load

REQUIRED: Final = ("slot", "pool", "type")
KNOWN: Final = (*REQUIRED, "project", "total", *STATUSES, "other_statuses")
WHOLE: Final = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
TIMES: Final = ("DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")
# DuckDB's own cast takes more than ISO 8601, such as "epoch", or names of zones.
ISO_8601: Final = r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6}0*)?)?( ?(Z|[+-]\d{2}(:?\d{2})?))?)?"
SHOWN_VALUE: Final = 60
MEND: Final = "mend it and import again, nothing was written"
NO_COUNT: Final = f"is no count: a whole number from 0 to {LARGEST_COUNT} is expected, or nothing"


@dataclass(frozen=True)
class Imported:
    """What an import did; `already` counts the slots of pools that had their sample, whose rows were left out."""

    rows: int
    slots: int
    pools: int
    already: int


@dataclass(frozen=True)
class _Column:
    """How one of a file's columns is read: SQL over the table `given`."""

    name: str
    raw: str
    value: str
    is_wrong: str
    wrong: str


def read(record: Record, files: list[Path], number: int, project: str | None) -> None:
    """Read one of the files, checked, into the temporary table `items`, which the first one makes anew.

    Parameters
    ----------
    project
        The project of all rows; None takes the file's column, and `imported` where it has none.

    Raises
    ------
    InputRefused
        When the file cannot be read, its columns are not those of snapshots, or naming the first line that is off.
    """
    file = files[number]
    names = _read_given(record, file)
    kinds = [row[1] for row in record.execute("DESCRIBE given").fetchall()[1:]]
    columns = {n: _column(file, n, f"c{i}", kind) for i, (n, kind) in enumerate(zip(names, kinds, strict=True))}
    unknown = [column for name, column in columns.items() if name not in KNOWN]
    if "other_statuses" in columns:
        labels = ", ".join(_literal(label) for label in (*STATUSES, *(column.name for column in unknown)))
        i = names.index("other_statuses")
        columns["other_statuses"] = _other_statuses(f"c{i}", kinds[i], labels)
    if project is not None:
        columns.pop("project", None)
    _refuse_first(record, file, list(columns.values()))
    listed = ", ".join(
        f'{columns[n].value if n in columns else "NULL"}::INTEGER AS "{n}"' for n in ("total", *STATUSES)
    )
    others = columns["other_statuses"].value if "other_statuses" in columns else "[]"
    if unknown:
        entries = ", ".join(f"{{'key': {_literal(column.name)}, 'value': {column.value}}}" for column in unknown)
        others = f"list_concat({others}, list_filter([{entries}], lambda e: e.value IS NOT NULL))"
    named = columns["project"].value if "project" in columns else _literal(project or "imported")
    record.execute(
        f"""CREATE OR REPLACE TEMP TABLE taken AS SELECT {number} AS file, line, {named} AS project,
            {", ".join(f"{columns[name].value} AS {name}" for name in REQUIRED)}, {listed}, {others} AS others
        FROM given"""
    )
    record.execute(
        f"""{"INSERT INTO items" if number else "CREATE OR REPLACE TEMP TABLE items AS"}
        SELECT * EXCLUDE (others), CASE WHEN len(others) > 0 THEN map_from_entries(others) END
            ::MAP(VARCHAR, INTEGER) AS other_statuses FROM taken"""
    )


def _read_given(record: Record, file: Path) -> list[str]:
    """Read a file as it is into the temporary table `given` (line, c0, c1, ...) and return its columns' names."""
    if not file.is_file():
        raise InputRefused(f"{file}: there is no such file")
    kind = file.suffix.lower()
    try:
        if kind == ".parquet":
            source = "read_parquet($1, hive_partitioning = false)"
            elements = record.execute("SELECT name, num_children FROM parquet_schema($1)", [str(file)]).fetchall()
            names = list(_top_level(iter(elements[1:])))
        elif kind == ".csv":
            with file.open(encoding="utf-8-sig", newline="") as opened:
                names = next((cells for cells in csv.reader(opened, strict=True) if cells), [])
            columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(names)))
            # Nothing is left to detection, which would skip lines that it does not like; the header is row 0.
            source = (
                f"read_csv($1, columns = {{{columns}}}, auto_detect = false, header = false,"
                " delim = ',', quote = '\"', escape = '\"', nullstr = '', strict_mode = true)"
            )
        else:
            raise InputRefused(f"{file}: Parquet or CSV is expected, by the ending .parquet or .csv")
        _check_names(file, names)
        aliases = ", ".join(f"c{i}" for i in range(len(names)))
        first = 1 if kind == ".parquet" else 0
        record.execute(
            f"CREATE OR REPLACE TEMP TABLE given AS SELECT row_number() OVER () - 1 + {first} AS line, *"
            f" FROM {source} g({aliases})",
            [str(file)],
        )
        if [tuple(names)] * (1 - first) != record.execute(
            "DELETE FROM given WHERE line = 0 RETURNING * EXCLUDE line"
        ).fetchall():
            raise InputRefused(f"{file}: its header cannot be told from its rows: {MEND}")
    except (duckdb.Error, UnicodeDecodeError, csv.Error, OSError) as error:
        reason = str(error).split("Possible")[0].strip()[:300]
        raise InputRefused(f"{file}: cannot be read as {kind[1:]} ({reason}): {MEND}") from None
    if not record.execute("SELECT count(*) FROM given").fetchall()[0][0]:
        raise InputRefused(f"{file}: there are no rows in it")
    return names


def _top_level(elements: Iterator[tuple[str, int | None]]) -> Iterator[str]:
    """Leave out what is nested in a column: a Parquet schema lists it right after."""
    for name, children in elements:
        yield name
        nested = children or 0
        while nested:
            nested += (next(elements)[1] or 0) - 1


def _check_names(file: Path, names: list[str]) -> None:
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise InputRefused(
            f"{file}: no column {', '.join(missing)} (columns are told by their exact names, in CSV between commas)"
        )
    for name, times in Counter(name.lower() for name in names).items():
        if times > 1:
            raise InputRefused(f"{file}: {times} columns are named {name!r} (but for capitals): keep one")
    known = {name.lower(): name for name in KNOWN}
    for name in names:
        if not name.strip() or name.startswith("__index_level_"):
            raise InputRefused(f"{file}: the column {name!r} is no status: write the file without an index")
        if name not in KNOWN and name.lower() in known:
            raise InputRefused(f"{file}: the column {name!r} has to be spelled {known[name.lower()]!r}")


def _column(file: Path, name: str, raw: str, kind: str) -> _Column:
    if name == "slot":
        if kind == "VARCHAR":
            value = f"CASE WHEN regexp_full_match({raw}, '{ISO_8601}') THEN TRY_CAST({raw} AS TIMESTAMPTZ) END"
        elif kind == "TIMESTAMP WITH TIME ZONE" or kind in TIMES:
            value = raw
        else:
            raise InputRefused(f"{file}, column slot: {kind} is no instant: write it as TIMESTAMP")
        # What cannot be had, and the infinities, are outside of any bounds.
        value = f"TRY_CAST({value} AS TIMESTAMP)"
        wrong = f"({value} BETWEEN TIMESTAMP '1970-01-01' AND TIMESTAMP '9999-12-31') IS NOT TRUE"
        if kind == "TIMESTAMP_NS":
            wrong += f" OR {value} <> {raw}"
        return _Column(name, raw, value, wrong, "is no instant from 1970 on, in ISO 8601, such as 2026-01-31T08:00Z")
    if name in (*REQUIRED, "project"):
        if kind not in ("VARCHAR", *WHOLE) and not kind.startswith("ENUM"):
            raise InputRefused(f"{file}, column {name}: {kind} is no name: write it as text")
        value = f"CAST({raw} AS VARCHAR)"
        return _Column(name, raw, value, f"coalesce({value}, '') = ''", "is no name")
    if kind in WHOLE:
        return _Column(name, raw, f"TRY_CAST({raw} AS INTEGER)", f"{raw} NOT BETWEEN 0 AND {LARGEST_COUNT}", NO_COUNT)
    text = f"nullif(CAST({raw} AS VARCHAR), '')"
    return _Column(name, raw, _count(text), _is_no_count(text), NO_COUNT)


def _count(text: str) -> str:
    """Return the SQL of a count that is written out; whole numbers as floats are pandas' counts with gaps."""
    return f"TRY_CAST(split_part({text}, '.', 1) AS INTEGER)"


def _is_no_count(text: str) -> str:
    return rf"{text} IS NOT NULL AND (NOT regexp_full_match({text}, '[0-9]+(\.0+)?') OR {_count(text)} IS NULL)"


def _other_statuses(raw: str, kind: str, taken: str) -> _Column:
    """Read statuses by name from JSON or a map; a name that has a column of its own is wrong."""
    text = f"nullif({raw}, '')" if kind == "VARCHAR" else raw
    given = f"TRY_CAST({text} AS JSON)" if kind == "VARCHAR" else raw
    entries = f"map_entries(TRY_CAST({given} AS MAP(VARCHAR, VARCHAR)))"
    value = (
        f"coalesce(list_transform({entries}, lambda e: {{'key': e.key, 'value': {_count('e.value')}}}),"
        " []::STRUCT(key VARCHAR, value INTEGER)[])"
    )
    wrong = f"lambda e: e.key IN ('', {taken}) OR ({_is_no_count('e.value')})"
    is_wrong = f"{text} IS NOT NULL AND ({entries} IS NULL OR len(list_filter({entries}, {wrong})) > 0)"
    if not kind.startswith("MAP") and kind not in ("VARCHAR", "JSON"):
        is_wrong = f"{raw} IS NOT NULL"
        value = "[]::STRUCT(key VARCHAR, value INTEGER)[]"
    return _Column(
        "other_statuses", raw, value, is_wrong, "is no JSON object of counts by the names of statuses without a column"
    )


def _refuse_first(record: Record, file: Path, columns: list[_Column]) -> None:
    """Raise for the first line that has a wrong value."""
    first = ", ".join(f"min(line) FILTER ({column.is_wrong})" for column in columns)
    lines = record.execute(f"SELECT {first} FROM given").fetchall()[0]
    found = [(line, column) for line, column in zip(lines, columns, strict=True) if line is not None]
    if found:
        line, column = min(found, key=lambda one: int(one[0]))
        value = record.execute(f"SELECT CAST({column.raw} AS VARCHAR) FROM given WHERE line = $1", [line]).fetchall()[
            0
        ][0]
        wrong = f"{value[:SHOWN_VALUE]!r} {column.wrong}" if value else "a value is missing"
        raise InputRefused(f"{_where(file, line)}, column {column.name}: {wrong}: {MEND}")


def _where(file: Path, row: int) -> str:
    """Say where a row is: a CSV's rows may span lines, and empty lines are none."""
    if file.suffix.lower() == ".parquet":
        return f"{file}, row {row}"
    with file.open(encoding="utf-8-sig", newline="") as opened:
        reader, seen, before = csv.reader(opened), -1, 0
        for cells in reader:
            seen += bool(cells)
            if cells and seen == row:
                break
            before = reader.line_num
    return f"{file}, line {before + 1}"


def check(record: Record, files: list[Path], interval: timedelta | None) -> timedelta:
    """Check what the rows of `items` are to each other, and find the interval.

    Parameters
    ----------
    interval
        Between slots; None takes the most frequent spacing of all distinct slots.

    Raises
    ------
    InputRefused
        When a row is there twice, a slot is not on the interval, or the slots do not tell one.
    """
    twice = record.execute(
        """SELECT list([file, line] ORDER BY file, line) AS places FROM items GROUP BY project, pool, type, slot
        HAVING count(*) > 1 ORDER BY places[2] LIMIT 1"""
    ).fetchall()
    if twice:
        (file, line), (again, line_again) = twice[0][0][:2]
        first = _where(files[file], line)
        raise InputRefused(
            f"{_where(files[again], line_again)}: the same project, pool, type and slot as in {first}: {MEND}"
        )
    found = interval or _spacing(record)
    off = record.execute(
        "SELECT file, line, slot FROM items WHERE epoch_us(slot) % $1 <> 0 ORDER BY ALL LIMIT 1",
        [found // timedelta(microseconds=1)],
    ).fetchall()
    if off:
        file, line, slot = off[0]
        raise InputRefused(
            f"{_where(files[file], line)}, column slot: {slot}Z is no multiple of the interval of"
            f" {found.total_seconds():g} s, counted from 1970: name the right one with --interval"
        )
    large = record.execute(
        "SELECT min(file), min(line), sum(total) AS whole FROM items GROUP BY project, pool, slot"
        f" HAVING whole > {LARGEST_COUNT} ORDER BY ALL LIMIT 1"
    ).fetchall()
    if large:
        file, line, whole = large[0]
        raise InputRefused(
            f"{_where(files[file], line)}, column total: {whole} in one pool and slot {NO_COUNT}: {MEND}"
        )
    return found


def _spacing(record: Record) -> timedelta:
    found = record.execute(
        """SELECT epoch_us(after) - epoch_us(slot) AS spacing FROM (
            SELECT slot, lead(slot) OVER (ORDER BY slot) AS after FROM (SELECT DISTINCT slot FROM items)
        ) WHERE after IS NOT NULL GROUP BY spacing ORDER BY count(*) DESC, spacing LIMIT 1"""
    ).fetchall()
    if not found or found[0][0] % 1_000_000:
        raise InputRefused("the slots do not tell how far apart polls were: name it with --interval, such as 5m")
    return timedelta(microseconds=found[0][0])


def write(record: Record, now: datetime, interval: timedelta) -> Imported:
    """Write `items` into the tables, in one transaction; slots of pools that have their sample are left out.

    Parameters
    ----------
    now
        Naive UTC: the run.

    Raises
    ------
    RecordNotWritten
    """
    try:
        record.begin()
        imported = _write(record, now, interval)
        record.commit()
    except duckdb.Error as error:
        raise RecordNotWritten(
            f"nothing was imported, the database could not be written ({str(error)[:300]})"
        ) from None
    return imported


def _write(record: Record, now: datetime, interval: timedelta) -> Imported:
    load(record, [])
    record.execute(
        """CREATE OR REPLACE TEMP TABLE fresh AS SELECT * FROM items ANTI JOIN (
            SELECT project, pool, slot FROM scrapes WHERE outcome = 'ok'
            AND slot BETWEEN (SELECT min(slot) FROM items) AND (SELECT max(slot) FROM items)
        ) USING (project, pool, slot)"""
    )
    common = [now, interval // timedelta(seconds=1)]
    record.execute(
        """INSERT INTO spooled BY NAME SELECT 'polls' AS "table", $1 AS run, project, 'import' AS command,
            $3 AS version, $2 AS interval_seconds, $1 AS ended_at, count(DISTINCT pool) AS pools
        FROM fresh GROUP BY project""",
        [*common, __version__],
    )
    known = " + ".join(f'coalesce("{status}", 0)::BIGINT' for status in STATUSES)
    # A file's rows are taken as whole answers: the outer total is the sum of what it lists.
    record.execute(
        f"""INSERT INTO spooled BY NAME
        WITH summed AS (SELECT *, {known} + coalesce(list_sum(map_values(other_statuses)), 0) AS known FROM fresh)
        SELECT 'scrapes' AS "table", $1 AS run, project, pool, slot, $2 AS interval_seconds, 'ok' AS outcome,
            CASE WHEN bool_and(total IS NOT NULL) THEN sum(total) END AS total,
            left(string_agg(type || ': total ' || total || ', its statuses sum to ' || known, '; ' ORDER BY file, line)
                FILTER (total <> known), 1000) AS disagreement
        FROM summed GROUP BY project, pool, slot""",
        common,
    )
    record.execute(
        """INSERT INTO spooled BY NAME SELECT 'snapshots' AS "table", $1 AS run, * EXCLUDE (file, line) FROM fresh""",
        [now],
    )
    ingest(record)
    rows, slots, pools = record.execute(
        "SELECT count(*), count(DISTINCT slot), count(DISTINCT (project, pool)) FROM fresh"
    ).fetchall()[0]
    already = record.execute(
        "SELECT count(DISTINCT (project, pool, slot)) FROM items ANTI JOIN fresh USING (project, pool, slot)"
    ).fetchall()[0][0]
    return Imported(rows, slots, pools, already)


def _literal(text: str) -> str:
    """Return text as SQL; names that label columns of a result cannot be bound."""
    return "'" + text.replace("'", "''") + "'"
