"""Compaction copies only Poolscope's tables: it refuses a file with other objects, so that these are never lost."""

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
def test_objects_that_a_user_added_are_not_lost(tmp_path: Path, statement: str, named: str) -> None:
    """Compaction refuses, names the object, changes nothing, and notes the size, so as not to try at every poll."""
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


def test_a_record_without_other_objects_is_compacted(tmp_path: Path) -> None:
    """Poolscope's own objects do not count as a user's."""
    (tmp_path / RECORD).parent.mkdir()
    with duckdb.connect(tmp_path / RECORD) as connection:
        migrate(connection, 0, "test")
    assert 0 == compact(tmp_path / RECORD, SimulatedClock(AFTERWARDS), 0.0).rows
