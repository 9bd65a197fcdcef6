"""`poolscope import` of a dataset: all tables are merged with the record's, and nothing is added twice."""

import json
import shutil
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from collector.record import spool
from collector.record.columns import TABLES
from tests.collector.record.test_spool import RUN, SLOT, a_round
from tests.collector.storage.test_backup import former_backup
from tests.collector.storage.test_backup_rules import change
from tests.collector.storage.test_compact import RECORD, content, fill
from tests.polling import configure, poolscope, rows

pytestmark = pytest.mark.floor


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a record of five weeks, its dataset `ds`, and its configuration."""
    fill(tmp_path)
    configure(tmp_path, "http://127.0.0.1:9")
    assert 0 == poolscope(tmp_path, "export", "--dataset", "ds").returncode
    return tmp_path


def tables(folder: Path) -> dict[str, list[tuple[int, int]]]:
    """Return number of rows and checksum of each table."""
    sums = content(folder)
    return {table: sums[table] for table in TABLES}


def test_an_empty_record_gets_every_row(folder: Path) -> None:
    """Of all tables: intervals, failures, slots without rows, descriptions of pools, and polls without a slot."""
    before = tables(folder)
    (folder / RECORD).unlink()
    done = poolscope(folder, "import", "ds")
    assert 0 == done.returncode, done.stderr
    event = json.loads(done.stdout)
    assert ("imported", {table: count for table, [(count, _)] in before.items()}) == (event["event"], event["tables"])
    assert before == tables(folder)


def test_a_second_import_adds_nothing(folder: Path) -> None:
    """Nor does the import of a record's own dataset, also of one in the former format."""
    before = tables(folder)
    former_backup(folder)
    for name in ("ds", "ds", "kept"):
        done = poolscope(folder, "import", name)
        assert (0, 0) == (done.returncode, json.loads(done.stdout)["rows"]), done.stderr
        assert before == tables(folder)


def test_missing_months_are_added(folder: Path) -> None:
    """What was pruned comes back, beside newer rows, which stay."""
    before = tables(folder)
    assert 0 == poolscope(folder, "prune", "--before", "2026-02-01", "--yes").returncode
    assert before != tables(folder)
    assert 0 == poolscope(folder, "import", "ds").returncode
    assert before == tables(folder)


@pytest.mark.parametrize("first", [0, 1])
def test_of_two_answers_the_earlier_run_counts(tmp_path: Path, first: int) -> None:
    """Whichever of record and dataset has it: the result is that of a record that took both polls in."""
    folders = [tmp_path / name for name in ("a", "b", "both")]
    for seconds, folder in enumerate(folders):
        folder.mkdir()
        configure(folder, "http://127.0.0.1:9")
        for later in (0, 1) if folder.name == "both" else (seconds,):
            polled = a_round()
            run = RUN + timedelta(seconds=later)
            for row in (*polled.polls, *polled.scrapes, *polled.snapshots):
                object.__setattr__(row, "run", run)
            object.__setattr__(polled.snapshots[0], "total", 4 + later)
            spool.write(folder / "data/spool", SLOT, run, polled)
        assert 0 == poolscope(folder, "backup", "kept").returncode
    shutil.copytree(folders[1 - first] / "kept", folders[first] / "other")
    done = poolscope(folders[first], "import", "other")
    assert 0 == done.returncode, done.stderr
    assert tables(folders[2]) == tables(folders[first])
    assert [(4,)] == rows(folders[first] / RECORD, "SELECT total FROM snapshots")
    event = json.loads(done.stdout)
    assert (first, first) == (event["replaced"], event["tables"]["snapshots"])


def test_a_dataset_that_cannot_be_used_changes_nothing(folder: Path) -> None:
    """Exit 6 for wrong rows and damaged files, 2 for options of files; no row of it is added."""
    (folder / RECORD).unlink()
    (folder / "given.csv").touch()
    assert 2 == poolscope(folder, "import", "ds", "--project", "q").returncode
    assert 6 == poolscope(folder, "import", "ds", "given.csv").returncode
    change(folder / "ds", "snapshots", 'SELECT * REPLACE (-1 AS "Queue") FROM old')
    done = poolscope(folder, "import", "ds")
    assert 6 == done.returncode
    assert "a Queue below zero" in done.stderr
    next((folder / "ds/polls").rglob("*.parquet")).unlink()
    done = poolscope(folder, "import", "ds")
    assert 6 == done.returncode
    assert "ds/polls/project=" in done.stderr
    assert not (folder / RECORD).exists()


def test_columns_that_are_missing_are_named(folder: Path) -> None:
    """Exit 6, also where rows and checksums agree with the manifest."""
    change(folder / "ds", "polls", "SELECT * EXCLUDE (command) FROM old")
    done = poolscope(folder, "import", "ds")
    assert 6 == done.returncode
    assert "command" in done.stderr
    with duckdb.connect(folder / RECORD, read_only=True) as connection:
        assert [(201_600,)] == connection.execute("SELECT count(*) FROM snapshots").fetchall()


def test_snapshots_without_a_scrape_are_refused(folder: Path) -> None:
    """A merge would leave them out in silence; the message says how many rows there are."""
    before = tables(folder)
    change(folder / "ds", "scrapes", "SELECT * REPLACE (if(pool = 'pool-0', 'timeout', outcome) AS outcome) FROM old")
    done = poolscope(folder, "import", "ds")
    assert 6 == done.returncode
    assert "rows of slots without a successful scrape of their pool" in done.stderr
    assert before == tables(folder)
