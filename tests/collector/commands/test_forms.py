"""The forms of an answer: Excel, Parquet, Markdown and CSV of the same rows, by --format or the ending of --output."""

import json
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from collector.output.layout import Heading, markdown, table
from collector.output.spreadsheet import Field, Kind, workbook
from tests.plain import fill
from tests.polling import poolscope
from tests.terminal import raw_terminal
from tests.workbooks import parts_of, sheets_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a configuration and a record of a week; nothing changes it."""
    made = tmp_path_factory.mktemp("forms")
    fill(made, 7)
    return made


def test_excel_has_times_numbers_and_no_formula(folder: Path) -> None:
    """Times are on the clock of the zone, which the heading names; a pool named =cmd is a text; the notes are there."""
    done = poolscope(folder, "waits", "--zone", "Asia/Shanghai", "--slo", "15m", "--output", "waits.xlsx")
    assert (0, "") == (done.returncode, done.stdout)
    sheets = sheets_of(folder / "waits.xlsx")
    heading, *rows = sheets["data"]
    assert {"event": "note", "message": f"waits.xlsx: {len(rows)} rows"} == json.loads(done.stderr)
    first = dict(zip(heading, rows[0], strict=True))
    assert "=cmd" == first["pool"]
    assert datetime(2026, 1, 5) == first["window_start (Asia/Shanghai)"]
    assert isinstance(first["arrivals"], float)
    assert isinstance(first["note"], str)
    assert ["column", "unit", "meaning"] == sheets["columns"][0]
    assert set(heading) == {row[0] for row in sheets["columns"][1:]}
    text = parts_of(folder / "waits.xlsx")
    assert b"<f>" not in text
    assert b"autoFilter" in text
    assert b'state="frozen"' in text


def test_the_first_sheet_of_excel_is_for_people(folder: Path) -> None:
    """The limit, the period and the zone, then the table of the terminal, with units in its cells."""
    poolscope(folder, "waits", "--zone", "Asia/Shanghai", "--slo", "15m", "--output", "people.xlsx")
    limit, period, heading, first, *_rows = sheets_of(folder / "people.xlsx")["answer"]
    assert ["The limit on waits is 15 min."] == limit
    assert "Asia/Shanghai" in str(period[0])
    assert {"pool", "mean wait", "over the limit", "note"} <= set(heading)
    assert " min" in str(first[heading.index("mean wait")])
    # A cell with one number can be summed; one with bounds is a text, and so is a name.
    assert {"arrivals": float, "coverage": float, "over the limit": str, "pool": str} == {
        name: type(first[heading.index(name)]) for name in ("arrivals", "coverage", "over the limit", "pool")
    }
    assert b'formatCode="0%"' in parts_of(folder / "people.xlsx")


@pytest.mark.parametrize("question", ["failures", "flows", "coverage", "trend", "profile", "load", "plan", "forecast"])
def test_each_table_has_a_sheet_for_people(folder: Path, question: str) -> None:
    """Its numbers are those that the table shows as text."""
    assert 0 == poolscope(folder, question, "--output", f"{question}.xlsx").returncode
    sheet = sheets_of(folder / f"{question}.xlsx")["answer"]
    assert any(isinstance(cell, float) for row in sheet for cell in row)


def test_a_workbook_has_the_same_bytes_each_time() -> None:
    """The day on which it was made is not in it; unknown values are empty cells."""
    fields = [Field("pool", Kind.TEXT), Field("share", Kind.SHARE), Field("at", Kind.INSTANT)]
    rows = [["=1+1", 0.25, datetime(2026, 1, 5, 8)], ["@x", float("nan"), None]]
    made = workbook(fields, rows, "UTC")
    assert made == workbook(fields, rows, "UTC")


def test_the_ending_decides_the_form(folder: Path) -> None:
    """Of a command of the collector too; `-` is standard output, on which Parquet goes into a pipe alone."""
    for name in ("a.csv", "a.md", "a.parquet", "a.xlsx", "a.json", "a.txt", "a"):
        done = poolscope(folder, "status", "--output", name)
        assert (0, "") == (done.returncode, done.stdout), done.stderr
    assert (folder / "a.csv").read_text().startswith("project,pool,name,last_ok")
    assert (folder / "a.md").read_text().startswith("| project | pool | last sample |")
    assert (folder / "a.txt").read_text().startswith("project   pool  last sample")
    assert (folder / "a.txt").read_text() == (folder / "a").read_text()
    assert {"=cmd", "a"} == {pool["pool"] for pool in json.loads((folder / "a.json").read_text())["pools"]}
    with duckdb.connect() as connection:
        rows = connection.execute(
            "SELECT pool, typeof(last_ok), typeof(polled) FROM read_parquet($1)", [str(folder / "a.parquet")]
        ).fetchall()
    assert {"TIMESTAMP WITH TIME ZONE"} == {kind for _, kind, _ in rows}
    lines = poolscope(folder, "status", "--format", "csv", "--output", "-").stdout.splitlines()
    assert {"'=cmd", "a"} == {line.split(",")[1] for line in lines[1:]}
    assert b"" == raw_terminal(folder, 80, "status", "--format", "parquet")


@pytest.mark.parametrize("command", ["status", "waits"])
def test_csv_has_whole_lines_on_a_terminal(folder: Path, command: str) -> None:
    """Its lines end with a carriage return in a file, of which a terminal shows nothing."""
    assert b"u000d" not in raw_terminal(folder, 80, command, "--format", "csv")


def test_markdown_escapes_what_ends_a_cell() -> None:
    """A pipe and a backslash of a name stay in their cell."""
    assert "| a |\n| --- |\n| x\\|y\\\\z |" == markdown([{"a": "x|y\\z"}])


def test_columns_leave_a_narrow_table_by_weight() -> None:
    """The lightest first; a name is cut only where all that may leave have left."""
    headings = [Heading("pool", 3, is_name=True), Heading("light", 1), Heading("heavy", 2), Heading("stays", 3)]
    lines = [{"pool": "a-long-name", "light": "1", "heavy": "2", "stays": "3"}]
    assert [] == table(lines, headings, None)[1]
    assert [] == table(lines, headings, 32)[1]
    assert ["light"] == table(lines, headings, 27)[1]
    text, left = table(lines, headings, 16)
    assert (["light", "heavy"], "a-lo…name  3") == (left, text.splitlines()[-1])


def test_columns_of_the_terminal_can_be_set(folder: Path) -> None:
    """By COLUMNS, as everywhere."""
    shown = raw_terminal(folder, 200, "status", COLUMNS="60").decode()
    assert max(map(len, shown.splitlines())) <= 60
