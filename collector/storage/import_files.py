"""The files of an import: each is read unchanged, and refused at its first wrong value."""

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import duckdb

from collector.errors import InputRefused
from collector.record.database import Record
from collector.record.paths import pattern_of
from collector.record.statuses import STATUSES
from collector.storage.import_columns import KNOWN, NO_ENTRIES, REQUIRED, Column, column_of, literal, other_statuses_of

SHOWN_VALUE: Final = 60
FIX: Final = "nothing was imported, correct the file and import again"


def read(record: Record, files: list[Path], number: int, project: str | None) -> None:
    """Check file `number` and read it into the table `items`, which the first file makes.

    Parameters
    ----------
    project
        The project of all rows; None uses the file's column, or `imported` where it has none.

    Raises
    ------
    InputRefused
        When the file cannot be read, has wrong columns, or has a wrong value; the message names the first such line.
    """
    file = files[number]
    names = _read_given(record, file)
    kinds = [row[1] for row in record.execute("DESCRIBE given").fetchall()[1:]]
    columns = {n: column_of(file, n, f"c{i}", kind) for i, (n, kind) in enumerate(zip(names, kinds, strict=True))}
    unknown = [column for name, column in columns.items() if name not in KNOWN]
    if "other_statuses" in columns:
        labels = ", ".join(literal(label) for label in (*STATUSES, *(column.name for column in unknown)))
        i = names.index("other_statuses")
        columns["other_statuses"] = other_statuses_of(f"c{i}", kinds[i], labels)
    if project is not None:
        columns.pop("project", None)
    _refuse_first(record, file, list(columns.values()))
    listed = ", ".join(
        f'{columns[n].value if n in columns else "NULL"}::INTEGER AS "{n}"' for n in ("total", *STATUSES)
    )
    others = columns["other_statuses"].value if "other_statuses" in columns else NO_ENTRIES
    if unknown:
        entries = ", ".join(f"{{'key': {literal(column.name)}, 'value': {column.value}}}" for column in unknown)
        others = f"list_concat({others}, list_filter([{entries}], lambda e: e.value IS NOT NULL))"
    named = columns["project"].value if "project" in columns else literal(project or "imported")
    record.execute(
        f"""{"INSERT INTO items" if number else "CREATE TABLE items AS"}
        SELECT * EXCLUDE (others), CASE WHEN len(others) > 0 THEN map_from_entries(others) END
            ::MAP(VARCHAR, INTEGER) AS other_statuses
        FROM (
            SELECT {number} AS file, line, {named} AS project,
                {", ".join(f"{columns[name].value} AS {name}" for name in REQUIRED)}, {listed}, {others} AS others
            FROM given
        )"""
    )
    record.execute("DROP TABLE given")


def _read_given(record: Record, file: Path) -> list[str]:
    """Read a file unchanged into the table `given` (line, c0, c1, ...), and return the names of its columns."""
    kind = file.suffix.lower()
    paths = "SELECT path FROM duckdb_databases() WHERE database_name = current_database()"
    ((scratch,),) = record.execute(paths).fetchall()
    try:
        if kind == ".parquet":
            source = "read_parquet($1, hive_partitioning = false)"
            elements = record.execute(
                "SELECT name, num_children FROM parquet_schema($1)", [pattern_of(file)]
            ).fetchall()
            names = list(_top_level(iter(elements[1:])))
        elif kind == ".csv":
            with file.open(encoding="utf-8-sig", newline="") as opened:
                names = next((cells for cells in csv.reader(opened, strict=True) if cells), [])
            columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(names)))
            # No detection: it would skip lines that look wrong to it. The header is row 0.
            source = (
                f"read_csv($1, columns = {{{columns}}}, auto_detect = false, header = false,"
                " delim = ',', quote = '\"', escape = '\"', nullstr = '', strict_mode = true,"
                " hive_partitioning = false)"
            )
        else:
            raise InputRefused(f"{file}: the format is not known: name a file that ends in .parquet or .csv")
        _check_names(file, names)
        aliases = ", ".join(f"c{i}" for i in range(len(names)))
        first = 1 if kind == ".parquet" else 0
        record.execute(
            f"CREATE TABLE given AS SELECT row_number() OVER () - 1 + {first} AS line, * FROM {source} g({aliases})",
            [pattern_of(file)],
        )
        if [tuple(names)] * (1 - first) != record.execute(
            "DELETE FROM given WHERE line = 0 RETURNING * EXCLUDE line"
        ).fetchall():
            raise InputRefused(
                f"{file}: the header (the line with the names of the columns) cannot be read as one row: {FIX}"
            )
    except (duckdb.Error, UnicodeDecodeError, csv.Error, OSError) as error:
        if isinstance(error, duckdb.Error) and scratch and scratch in str(error):
            # The error names our scratch database: it has no room, the file is not at fault.
            raise
        reason = str(error).split("Possible")[0].strip()[:300]
        raise InputRefused(f"{file}: cannot be read as {kind[1:]} ({reason}): {FIX}") from None
    if not record.execute("SELECT count(*) FROM given").fetchall()[0][0]:
        raise InputRefused(f"{file}: the file has no rows of data")
    return names


def _top_level(elements: Iterator[tuple[str, int | None]]) -> Iterator[str]:
    """Yield the names of columns without nested parts, which a Parquet schema lists directly after their column."""
    for name, children in elements:
        yield name
        nested = children or 0
        while nested:
            nested += (next(elements)[1] or 0) - 1


def _check_names(file: Path, names: list[str]) -> None:
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise InputRefused(
            f"{file}: no column {', '.join(missing)}: give each column its exact name (in CSV, between commas)"
        )
    for name, times in Counter(name.lower() for name in names).items():
        if times > 1:
            raise InputRefused(f"{file}: {times} columns are named {name!r}, if case is ignored: keep one of them")
    known = {name.lower(): name for name in KNOWN}
    for name in names:
        if not name.strip() or name.startswith("__index_level_"):
            raise InputRefused(f"{file}: the column {name!r} cannot be a status: write the file without an index")
        if name not in KNOWN and name.lower() in known:
            raise InputRefused(f"{file}: the column {name!r} must be spelled {known[name.lower()]!r}")


def _refuse_first(record: Record, file: Path, columns: list[Column]) -> None:
    """Raise InputRefused for the first line that has a wrong value."""
    first = ", ".join(f"min(line) FILTER ({column.is_wrong})" for column in columns)
    lines = record.execute(f"SELECT {first} FROM given").fetchall()[0]
    wrong_lines = [(line, column) for line, column in zip(lines, columns, strict=True) if line is not None]
    if wrong_lines:
        line, column = min(wrong_lines, key=lambda pair: int(pair[0]))
        value = record.execute(f"SELECT CAST({column.raw} AS VARCHAR) FROM given WHERE line = $1", [line]).fetchall()[
            0
        ][0]
        problem = f"{value[:SHOWN_VALUE]!r} {column.wrong}" if value else "a value is missing"
        raise InputRefused(f"{where(file, line)}, column {column.name}: {problem}: {FIX}")


def where(file: Path, row: int) -> str:
    """Return the place of a row as text: in Parquet its number, in CSV its first line (rows may span lines)."""
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
