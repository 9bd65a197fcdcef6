"""`poolscope import` of wrong files: the message names the line or column, and nothing is written."""

from pathlib import Path

import pytest

from collector.errors import InputRefused
from tests.collector.storage.test_import_export import GOOD, HEADER, LAST, call, csv, parquet, rows

NO_COUNTS = ("-1", "1.5", "true", "one", "NaN", "Infinity", "2147483648", "1e3", "1_0")
WRONG_LINES = {f"2026-01-15T08:05Z,a,train,3,{value},2": f"line 3, column Queue: '{value}'" for value in NO_COUNTS} | {
    ",a,train,3,1,2": "line 3, column slot: a value is missing",
    "2026-01-15T08:05Z,,train,3,1,2": "line 3, column pool: a value is missing",
    '2026-01-15T08:05Z,a,"",3,1,2': "line 3, column type: a value is missing",
    "epoch,a,train,3,1,2": "line 3, column slot: 'epoch'",
    "2026-02-30T08:05Z,a,train,3,1,2": "line 3, column slot: '2026-02-30",
    "2026-01-15T08:00:30Z,a,x,3,1,2\n2026-01-15T08:05Z,a,x,,,": "line 3, column slot: .* multiple",
    "2026-01-15T10:00+02:00,a,train,9,9,9": "line 3: the same .* line 2",
    f"2026-01-15T08:00Z,a,x,{2**31 - 1},,": "column total: 2147483650 in one pool",
    "2026-01-15T08:05Z,a,train": "line: 3|Line: 3",
    "2026-01-15T08:05Z,a,train,3,1,2,9": "Line: 3",
    '\n2026-01-15T08:05Z,"a\nb",train,3,1,2\n2026-01-15T08:05Z,a,train,3,-1,2': "line 6, column Queue",
}


@pytest.mark.parametrize("line", WRONG_LINES)
def test_a_wrong_line_is_named_and_nothing_is_written(tmp_path: Path, line: str) -> None:
    """The message has file, line, column and value; the correct lines and files are not written either."""
    good = csv(tmp_path, HEADER, "2026-01-14T08:00Z,a,train,3,1,2", name="good.csv")
    with pytest.raises(InputRefused, match=WRONG_LINES[line]) as refused:
        call(tmp_path, "import", "--interval", "5m", good, csv(tmp_path, HEADER, GOOD, line, LAST))
    assert "given.csv" in str(refused.value)
    assert 6 == refused.value.exit_code
    assert [] == rows(tmp_path, "FROM scrapes")


START = "SELECT TIMESTAMP '2026-01-15 08:00' AS slot, 'a' AS pool, 'x' AS type"
WRONG_COLUMNS = {
    f'{START}, true AS "Queue"': "row 1, column Queue: 'true'",
    f"{START}, 'nan'::DOUBLE AS \"Queue\"": "row 1, column Queue: 'nan'",
    f'{START}, -1::BIGINT AS "Queue"': "row 1, column Queue: '-1'",
    f'{START}, 2147483648 AS "Paused"': "row 1, column Paused: '2147483648'",
    f"{START} UNION ALL SELECT NULL, 'a', 'y'": "row 2, column slot: a value is missing",
    f"{START}, '{{\"a\": -1}}' AS other_statuses": "column other_statuses",
    f"{START}, '{{\"a\": 1.5}}' AS other_statuses": "column other_statuses",
    f'{START}, \'{{"a": 1, "a": 1}}\' AS other_statuses': "column other_statuses",
    f"{START}, '{{\"Queue\": 1}}' AS other_statuses": "column other_statuses",
    f"{START}, '[1]' AS other_statuses": "column other_statuses",
    f'{START}, 1 AS "Total"': "spelled 'total'",
    f"{START}, 1 AS __index_level_0__": "index",
    "SELECT 5 AS slot, 'a' AS pool, 'x' AS type": "column slot: INTEGER",
    "SELECT TIMESTAMP 'infinity' AS slot, 'a' AS pool, 'x' AS type": "column slot: 'infinity'",
    "SELECT TIMESTAMP_NS '2026-01-15 08:00:00.000000001' AS slot, 'a' AS pool, 'x' AS type": "column slot",
    "SELECT TIMESTAMP '2026-01-15' AS slot, 1.5::DOUBLE AS pool, 'x' AS type": "column pool: DOUBLE",
    "SELECT TIMESTAMP '2026-01-15' AS slot, 'a' AS pool": "no column type",
    f"{START} LIMIT 0": "no rows",
}


@pytest.mark.parametrize("query", WRONG_COLUMNS)
def test_values_and_columns_of_parquet_are_checked(tmp_path: Path, query: str) -> None:
    """Values of a wrong type for a count, name or time are refused, not converted."""
    with pytest.raises(InputRefused, match=WRONG_COLUMNS[query]):
        call(tmp_path, "import", "--interval", "5m", parquet(tmp_path, query))


@pytest.mark.parametrize("header", ["slot,pool,type,Lost,lost", "slot,pool,type,Lost,Lost", "slot,pool,type,x,"])
def test_columns_with_ambiguous_names_are_refused(tmp_path: Path, header: str) -> None:
    """Names that differ only in capitals, occur twice or are empty are refused, never renamed."""
    with pytest.raises(InputRefused, match="column"):
        call(tmp_path, "import", csv(tmp_path, header, "2026-01-15,a,x,1,2"))


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    """A missing file, an unknown ending, another format and invalid UTF-8; the message names the file."""
    (tmp_path / "a.parquet").write_text("no Parquet")
    (tmp_path / "a.csv").write_bytes(f"{HEADER}\n{GOOD}\n".encode() + b"\xff\xfe,a,b,1,1,1\n")
    (tmp_path / "a.json").write_text("{}")
    for name in ("missing.csv", "a.parquet", "a.csv", "a.json"):
        with pytest.raises(InputRefused, match=name):
            call(tmp_path, "import", tmp_path / name)


def test_an_interval_that_cannot_be_found_is_asked_for(tmp_path: Path) -> None:
    """One slot has no spacing: the message names the option, and with it the row is imported."""
    file = csv(tmp_path, HEADER, GOOD)
    with pytest.raises(InputRefused, match="--interval"):
        call(tmp_path, "import", file)
    call(tmp_path, "import", "--interval", "1m", file)
    assert [(60,)] == rows(tmp_path, "SELECT interval_seconds FROM scrapes")
