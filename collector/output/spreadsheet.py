"""Workbooks for Excel: numbers are numbers, times are times, and no text becomes a formula."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final, NamedTuple

import click

from collector.output.visible import visible


class Kind(Enum):
    """What the cells of a column hold."""

    TEXT = "text"
    NUMBER = "number"
    SHARE = "share"
    """A part of 1, shown in per cent."""
    FLAG = "flag"
    """True or false."""
    INSTANT = "instant"
    """A point in time, on the clock of the workbook's zone."""


@dataclass(frozen=True)
class Field:
    """A column: its heading, what its cells hold, and what it means."""

    name: str
    kind: Kind
    unit: str = ""
    meaning: str = ""


MOST_ROWS: Final = 1_048_575
MOST_LETTERS: Final = 32_767
WIDEST: Final = 60
NARROWEST: Final = 8
TIME: Final = "yyyy-mm-dd hh:mm"
PERCENT: Final = "0.0%"
WHOLE_PERCENT: Final = "0%"
WHOLE: Final = "#,##0"
DECIMAL: Final = "#,##0.0##"
TENTHS: Final = "#,##0.0"
# The same data gives the same bytes: the day on which a workbook was made is not in it.
MADE: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - a workbook has no zones


class Figure(NamedTuple):
    """A number in a sheet for people, rounded as people read it."""

    number: float
    kind: Kind


@dataclass(frozen=True)
class Page:
    """A sheet for people: sentences, then a table, whose headings and cells are in the same order."""

    sentences: Sequence[str]
    headings: Sequence[str]
    lines: Sequence[Sequence[str | Figure]]


def workbook(fields: Sequence[Field], rows: Sequence[Sequence[object]], zone: str, page: Page | None = None) -> bytes:
    """Return a workbook with a sheet of rows, and one that explains the columns where they have meanings.

    Parameters
    ----------
    rows
        The values in the order of the fields: text, number, bool, or datetime on the clock of the zone; None or NaN
        where there is none.
    zone
        The zone of all times. Excel knows none, so that headings name it.
    page
        The first sheet, before that of the rows; None: the rows are the first sheet.

    Raises
    ------
    click.UsageError
        When Excel cannot hold so many rows.
    """
    import xlsxwriter  # noqa: PLC0415 - only this form needs it

    if len(rows) > MOST_ROWS:
        raise click.UsageError(
            f"Excel has at most {MOST_ROWS:,} rows, the answer has {len(rows):,}: take csv or parquet"
        )
    content = io.BytesIO()
    # Cells are written by type: a text that begins with = is a text.
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        book.set_properties({"created": MADE})
        heading = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        if page is not None:
            _write_page(book, book.add_worksheet("answer"), page, heading)
        names = [f"{field.name} ({zone})" if field.kind is Kind.INSTANT else field.name for field in fields]
        _write_rows(book, book.add_worksheet("answer" if page is None else "data"), fields, names, rows, heading)
        if any(field.meaning for field in fields):
            explained = book.add_worksheet("columns")
            meanings = [(name, field.unit, field.meaning) for name, field in zip(names, fields, strict=True)]
            for number, cells in enumerate([("column", "unit", "meaning"), *meanings]):
                _write_texts(explained, number, cells, None if number else heading)
            explained.set_column(0, 1, 24)
            explained.set_column(2, 2, 100)
            explained.freeze_panes(1, 0)
    return content.getvalue()


def _write_page(
    book: Any,  # noqa: ANN401 - xlsxwriter's, which is imported late
    sheet: Any,  # noqa: ANN401 - likewise
    page: Page,
    heading: Any,  # noqa: ANN401 - likewise
) -> None:
    first = len(page.sentences) + 1 if page.sentences else 0
    for number, text in enumerate(page.sentences):
        sheet.write_string(number, 0, visible(text)[:MOST_LETTERS])
    _write_texts(sheet, first, page.headings, heading)
    formats = {text: book.add_format({"num_format": text}) for text in (WHOLE_PERCENT, WHOLE, TENTHS)}
    for number, cells in enumerate(page.lines, first + 1):
        for place, cell in enumerate(cells):
            if isinstance(cell, Figure):
                sheet.write_number(number, place, cell.number, formats[_rounded(cell)])
            else:
                sheet.write_string(number, place, visible(cell)[:MOST_LETTERS])
    for place, name in enumerate(page.headings):
        texts = [line[place] for line in page.lines if isinstance(line[place], str)]
        sheet.set_column(place, place, _width(name, Kind.TEXT, texts))
    sheet.freeze_panes(first + 1, 0)
    sheet.autofilter(first, 0, first + len(page.lines), len(page.headings) - 1)
    # The name of a pool may be a number, which Excel would mark as an error.
    sheet.ignore_errors({"number_stored_as_text": "A1:XFD1048576"})


def _rounded(figure: Figure) -> str:
    """Return the format of a number for people: whole per cent; whole from a hundred on, else a tenth if it has any."""
    if figure.kind is Kind.SHARE:
        return WHOLE_PERCENT
    return WHOLE if figure.number.is_integer() or figure.number >= 100 else TENTHS


def _write_texts(sheet: Any, number: int, cells: Sequence[str], style: Any) -> None:  # noqa: ANN401 - likewise
    """Write a row of texts."""
    for place, cell in enumerate(cells):
        sheet.write_string(number, place, visible(cell)[:MOST_LETTERS], style)


def _write_rows(
    book: Any,  # noqa: ANN401 - likewise
    sheet: Any,  # noqa: ANN401 - likewise
    fields: Sequence[Field],
    names: Sequence[str],
    rows: Sequence[Sequence[object]],
    heading: Any,  # noqa: ANN401 - likewise
) -> None:
    formats = {text: book.add_format({"num_format": text}) for text in (TIME, PERCENT, WHOLE, DECIMAL)}
    for place, (field, name) in enumerate(zip(fields, names, strict=True)):
        values = [row[place] for row in rows]
        sheet.write_string(0, place, name, heading)
        form = _format(field.kind, values)
        for number, value in enumerate(values, 1):
            if isinstance(value, datetime):
                sheet.write_datetime(number, place, value, formats[TIME])
            elif isinstance(value, bool):
                sheet.write_boolean(number, place, value)
            elif isinstance(value, int | float):
                if math.isfinite(value):
                    sheet.write_number(number, place, value, formats[form])
            elif value is not None:
                sheet.write_string(number, place, visible(str(value))[:MOST_LETTERS])
        sheet.set_column(place, place, _width(name, field.kind, values))
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, len(rows), len(fields) - 1)


def _format(kind: Kind, values: Sequence[object]) -> str:
    if kind is Kind.SHARE:
        return PERCENT
    numbers = [value for value in values if isinstance(value, int | float) and math.isfinite(value)]
    return WHOLE if all(float(number).is_integer() for number in numbers) else DECIMAL


def _width(name: str, kind: Kind, values: Sequence[object]) -> int:
    longest = {Kind.INSTANT: len(TIME), Kind.NUMBER: 10, Kind.SHARE: 8}.get(kind, 0)
    if kind is Kind.TEXT:
        longest = max((len(str(value)) for value in values if value is not None), default=0)
    # A heading has the arrow of the filter beside it.
    return min(WIDEST, max(NARROWEST, longest + 1, len(name) + 3))
