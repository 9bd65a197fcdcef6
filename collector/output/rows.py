"""The rows of a command of the collector, in every form."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, get_type_hints

from collector.output.delivery import deliver
from collector.output.documents import as_json, plain
from collector.output.forms import Target
from collector.output.layout import Heading, left_out, markdown, table
from collector.output.spreadsheet import Field, Kind, workbook

UNKNOWN: Final = "-"
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""Spreadsheets take a text of a CSV file that begins with one of these for a formula."""
SQL: Final = {
    Kind.INSTANT: "TIMESTAMPTZ",
    Kind.NUMBER: "DOUBLE",
    Kind.SHARE: "DOUBLE",
    Kind.TEXT: "VARCHAR",
    Kind.FLAG: "BOOLEAN",
}


@dataclass(frozen=True)
class Rows:
    """Rows as programs read them, by field, and as people read them, by heading."""

    kind: type
    """The dataclass of the rows, which has the fields even where there is no row."""
    rows: Sequence[Any]
    headings: Sequence[Heading]
    cells: Callable[[Mapping[str, Any]], Mapping[str, object]]
    """Returns the cells of a row in a table, by heading; None is unknown, and shown as a dash."""
    document: object = None
    """The JSON document of the command; None: a list of the rows."""
    shares: Sequence[str] = field(default=())
    """The fields that are parts of 1."""


def tell(target: Target, rows: Rows) -> None:
    """Write rows to a terminal, a pipe or a file.

    A table without rows is empty: the command says why. Times are UTC. In CSV, Parquet and Excel a list or a mapping is
    JSON.
    """
    makers: dict[str, Callable[[], str | bytes]] = {
        "table": lambda: _table(rows, target.width),
        "md": lambda: f"{markdown(_lines(rows))}\n" if rows.rows else "",
        "json": lambda: as_json(_document(rows), indent=2) + "\n",
        "csv": lambda: _csv(rows),
        "parquet": lambda: _parquet(rows),
        "xlsx": lambda: workbook(_fields(rows), _values(rows), "UTC"),
    }
    deliver(target, makers[target.form](), len(rows.rows))


def harmless(text: str) -> str:
    """Return a text of a CSV file so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _document(rows: Rows) -> object:
    return [asdict(row) for row in rows.rows] if rows.document is None else rows.document


def _lines(rows: Rows) -> list[dict[str, str]]:
    return [{heading: cell(value) for heading, value in rows.cells(asdict(row)).items()} for row in rows.rows]


def _table(rows: Rows, width: int | None) -> str:
    if not rows.rows:
        return ""
    text, missing = table(_lines(rows), rows.headings, width)
    return f"{text}\n{left_out(missing, width)}\n" if missing else f"{text}\n"


def cell(value: object) -> str:
    """Return the text of a value in a table: a dash for None, a time in UTC."""
    if value is None:
        return UNKNOWN
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}Z"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _fields(rows: Rows) -> list[Field]:
    kinds = {name: _kind(hint) for name, hint in get_type_hints(rows.kind).items()}
    return [Field(name, Kind.SHARE if name in rows.shares else kind) for name, kind in kinds.items()]


def _kind(hint: Any) -> Kind:  # noqa: ANN401 - a type
    types = set(getattr(hint, "__args__", ())) - {type(None)} if type(None) in getattr(hint, "__args__", ()) else {hint}
    if types == {datetime}:
        return Kind.INSTANT
    if types == {bool}:
        return Kind.FLAG
    return Kind.NUMBER if types <= {int, float} else Kind.TEXT


def _values(rows: Rows) -> list[list[object]]:
    return [[_flat(value) for value in asdict(row).values()] for row in rows.rows]


def _flat(value: object) -> object:
    if isinstance(value, dict | list | tuple):
        return as_json(value) if value else None
    return value


def _csv(rows: Rows) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(field_.name for field_ in _fields(rows))
    writer.writerows([_csv_cell(value) for value in values] for values in _values(rows))
    return text.getvalue()


def _csv_cell(value: object) -> object:
    if isinstance(value, datetime):
        return plain(value)
    return harmless(value) if isinstance(value, str) else value


def _parquet(rows: Rows) -> bytes:
    from collector.record.database import in_memory  # noqa: PLC0415 - only this form needs duckdb
    from collector.record.paths import text_of  # noqa: PLC0415 - likewise

    fields = _fields(rows)
    columns = ", ".join(f'"{field_.name}" {SQL[field_.kind]}' for field_ in fields)
    with in_memory() as connection, TemporaryDirectory() as folder:
        connection.execute(f"CREATE TABLE answer ({columns})")
        if values := _values(rows):
            marks = ", ".join("?" * len(fields))
            connection.executemany(f"INSERT INTO answer VALUES ({marks})", values)  # noqa: S608 - the dataclass's names
        file = Path(folder, "answer.parquet")
        connection.table("answer").write_parquet(text_of(file))
        return file.read_bytes()
