"""Compaction copies Poolscope's tables alone: what a user put beside them is refused, and never lost."""

import re
from pathlib import Path

import duckdb
import pytest

from collector.clock import SimulatedClock
from collector.errors import RecordUnreadable
from collector.record.schema import migrate
from collector.storage.compaction import compact
from tests.collector.storage.test_compact import AFTERWARDS, RECORD

pytestmark = pytest.mark.floor


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("CREATE TABLE maintenance (a INTEGER)", "table maintenance"),
        ("CREATE VIEW queued AS SELECT slot FROM snapshots", "view queued"),
        ("CREATE SCHEMA mine", "schema mine"),
        ("CREATE SCHEMA mine; CREATE TABLE mine.scrapes (a INTEGER)", "table mine.scrapes"),
        ("CREATE INDEX quick ON scrapes (slot)", "index quick"),
        ("CREATE SEQUENCE numbers", "sequence numbers"),
        ("CREATE MACRO twice(a) AS a * 2", "macro twice"),
        ("CREATE TYPE mood AS ENUM ('good', 'bad')", "type mood"),
    ],
)
def test_what_a_user_added_is_not_lost(tmp_path: Path, statement: str, named: str) -> None:
    """Compaction refuses, names it, and does not try again at every poll; without it, it goes on."""
    (tmp_path / RECORD).parent.mkdir()
    with duckdb.connect(tmp_path / RECORD) as connection:
        migrate(connection, 0, "test")
        connection.execute(statement)
    before = (tmp_path / RECORD).read_bytes()
    with pytest.raises(RecordUnreadable, match=re.escape(named)):
        compact(tmp_path / RECORD, SimulatedClock(AFTERWARDS), 0.0)
    assert before == (tmp_path / RECORD).read_bytes()
    size = (tmp_path / RECORD).with_name("poolscope.duckdb.compacted").read_text()
    assert str(len(before)) == size


def test_a_record_of_poolscopes_own_is_compacted(tmp_path: Path) -> None:
    """Nothing that it made itself is taken for a user's."""
    (tmp_path / RECORD).parent.mkdir()
    with duckdb.connect(tmp_path / RECORD) as connection:
        migrate(connection, 0, "test")
    assert 0 == compact(tmp_path / RECORD, SimulatedClock(AFTERWARDS), 0.0).rows
