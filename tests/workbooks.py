"""A reader of workbooks, independent of what writes them: it knows sheets, texts, numbers and times."""

import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

NAMES: Final = {"s": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
TIME: Final = "yyyy"
FIRST_DAY: Final = datetime(1899, 12, 30)

Cell = str | float | datetime | None


def sheets_of(file: Path) -> dict[str, list[list[Cell]]]:
    """Return the rows of each sheet by its name."""
    with zipfile.ZipFile(file) as book:
        texts = [_text(node) for node in _root(book, "xl/sharedStrings.xml").iterfind("s:si", NAMES)]
        styles = _root(book, "xl/styles.xml")
        formats = {node.get("numFmtId"): node.get("formatCode", "") for node in styles.iterfind(".//s:numFmt", NAMES)}
        times = [TIME in formats.get(node.get("numFmtId"), "") for node in styles.iterfind("s:cellXfs/s:xf", NAMES)]
        sheets = [node.get("name", "") for node in _root(book, "xl/workbook.xml").iterfind(".//s:sheet", NAMES)]
        return {
            name: list(_rows(_root(book, f"xl/worksheets/sheet{number}.xml"), texts, times))
            for number, name in enumerate(sheets, 1)
        }


def parts_of(file: Path) -> bytes:
    """Return the text of all parts."""
    with zipfile.ZipFile(file) as book:
        return b"".join(book.read(name) for name in book.namelist())


def _root(book: zipfile.ZipFile, name: str) -> ET.Element:
    return ET.fromstring(book.read(name))  # noqa: S314 - our own file


def _text(node: ET.Element) -> str:
    return "".join(part.text or "" for part in node.iterfind(".//s:t", NAMES))


def _rows(sheet: ET.Element, texts: list[str], times: list[bool]) -> Iterator[list[Cell]]:
    width = 0
    for row in sheet.iterfind(".//s:row", NAMES):
        cells: dict[int, Cell] = {}
        for node in row.iterfind("s:c", NAMES):
            value = node.findtext("s:v", None, NAMES)
            if value is not None:
                cells[_column(node.get("r", ""))] = _value(node, value, texts, times)
        width = max([width, *(place + 1 for place in cells)])
        yield [cells.get(place) for place in range(width)]


def _column(place: str) -> int:
    number = 0
    for letter in place.rstrip("0123456789"):
        number = 26 * number + ord(letter) - ord("A") + 1
    return number - 1


def _value(node: ET.Element, value: str, texts: list[str], times: list[bool]) -> Cell:
    if node.get("t") == "s":
        return texts[int(value)]
    if times[int(node.get("s", "0"))]:
        return FIRST_DAY + timedelta(minutes=round(float(value) * 1440))
    return float(value)
