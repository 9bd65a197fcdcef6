"""The rules of backups: rows as import accepts them, one writer per folder, durable before it is reported."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from collector.clock import SimulatedClock
from collector.commands.backup import command as backup
from collector.commands.restore import command as restore
from collector.context import Context
from collector.errors import InputRefused
from collector.record import files, spool
from collector.record.columns import COLUMNS, create_table
from tests.collector.record.test_spool import RUN, SLOT, a_round
from tests.collector.storage.test_backup import STOPPING_BACKUP
from tests.polling import START, configure, environment, rows

pytestmark = pytest.mark.floor

RECORD = Path("data/poolscope.duckdb")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the record of one poll."""
    configure(tmp_path, "http://127.0.0.1:9")
    spool.write(tmp_path / "data/spool", SLOT, RUN, a_round())
    return tmp_path


def back_up(folder: Path, name: str = "kept") -> Path:
    context = Context({}, SimulatedClock(START), folder / "poolscope.toml")
    backup.main([str(folder / name)], standalone_mode=False, obj=context)
    return folder / name


def restore_from(folder: Path, kept: Path) -> None:
    (folder / RECORD).unlink()
    context = Context({}, SimulatedClock(START), folder / "poolscope.toml")
    restore.main([str(kept)], standalone_mode=False, obj=context)


def change(kept: Path, table: str, query: str) -> None:
    """Replace the rows of a table in a backup by a query over `old`, and correct the manifest."""
    manifest = json.loads((kept / "manifest.json").read_text())
    entry = next((entry for entry in manifest["files"] if entry["table"] == table), None)
    with duckdb.connect() as connection:
        if entry is None:
            path = f"{table}/project=p/month=2026-01/{'0' * 16}.parquet"
            entry = manifest["files"][0] | {"path": path, "table": table}
            manifest["files"].append(entry)
            (kept / path).parent.mkdir(parents=True)
            connection.execute(create_table("old", COLUMNS[table]))
        else:
            old = kept / entry["path"]
            connection.execute(f"CREATE TABLE old AS FROM read_parquet('{old}', hive_partitioning = false)")
        file = kept / entry["path"]
        connection.sql(query).write_parquet(str(file))
        count = connection.execute(f"SELECT count(*) FROM '{file}'").fetchall()[0][0]
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    entry |= {"rows": count, "bytes": file.stat().st_size, "sha256": digest}
    (kept / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("table", "query", "message"),
    [
        ("snapshots", 'SELECT * REPLACE (-1 AS "Queue") FROM old', "1 rows with a Queue below zero"),
        ("snapshots", """SELECT * REPLACE ('{"Odd": -2}' AS other_statuses) FROM old""", "other_statuses below zero"),
        ("snapshots", "SELECT * REPLACE (NULL AS pool) FROM old", "1 rows with no pool"),
        ("snapshots", "FROM old UNION ALL FROM old", "1 rows more than once"),
        ("scrapes", "SELECT * REPLACE (TIMESTAMP 'infinity' AS slot) FROM old LIMIT 1", "a slot out of range"),
        ("scrapes", "SELECT * REPLACE (TIMESTAMP '0044-03-15 (BC)' AS slot) FROM old LIMIT 1", "slot out of range"),
        ("scrapes", "SELECT * REPLACE (0 AS interval_seconds) FROM old", "an interval of zero"),
        ("scrapes", "SELECT * REPLACE (NULL AS outcome) FROM old", "no outcome"),
        ("scrapes", "FROM old UNION ALL FROM old", "2 rows more than once, by run, project, pool, slot"),
        ("polls", "SELECT * REPLACE (NULL AS run) FROM old", "no run"),
        (
            "pools",
            "FROM old UNION ALL BY NAME SELECT DATE '2026-01-15' AS run, 'p' AS project, 'a' AS pool, run AS slot",
            "no listed",
        ),
        ("polls", "SELECT * EXCLUDE (command) FROM old", "is not a backup of Poolscope's tables"),
    ],
)
def test_rows_that_import_would_refuse_are_refused(folder: Path, table: str, query: str, message: str) -> None:
    """Also where row counts and checksums agree with the manifest; no database is made."""
    kept = back_up(folder)
    change(kept, table, query)
    with pytest.raises(InputRefused, match=message):
        restore_from(folder, kept)
    assert not (folder / RECORD).exists()


@pytest.mark.parametrize("text", ["[" * 100_000, '{"rows": ' * 50_000, "[1]", "null", '{"schema": 0}', "1" * 10_000])
def test_a_manifest_of_any_shape_is_refused(folder: Path, text: str) -> None:
    """Exit 6, without a traceback: nested too deep, not an object, an impossible version."""
    kept = back_up(folder)
    (kept / "manifest.json").write_text(text)
    with pytest.raises(InputRefused, match=r"is damaged|not that of a dataset|not a complete backup"):
        restore_from(folder, kept)


def test_an_impossible_version_is_refused(folder: Path) -> None:
    """Schema 0 does not exist."""
    kept = back_up(folder)
    manifest = json.loads((kept / "manifest.json").read_text())
    (kept / "manifest.json").write_text(json.dumps(manifest | {"schema": 0}))
    with pytest.raises(InputRefused, match="is damaged"):
        restore_from(folder, kept)


def test_a_link_to_an_empty_folder_is_that_folder(folder: Path) -> None:
    """The backup is in that folder, and the link stays a link."""
    (folder / "disk").mkdir()
    (folder / "kept").symlink_to("disk")
    kept = back_up(folder)
    assert kept.is_symlink()
    assert (folder / "disk/manifest.json").exists()
    restore_from(folder, kept)
    assert [(2,)] == rows(folder / RECORD, "SELECT count(*) FROM scrapes")


def test_a_second_backup_leaves_the_first_alone(folder: Path) -> None:
    """Stopped while it writes, the first keeps its files; it is then refused, as the second has filled the folder."""
    with subprocess.Popen(
        [sys.executable, "-c", STOPPING_BACKUP, "backup", "kept"], cwd=folder, env=environment(), stderr=subprocess.PIPE
    ) as first:
        _, status = os.waitpid(first.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        try:
            kept = back_up(folder)
            assert 1 == len(list(folder.glob(".kept.*.unfinished/polls")))
        finally:
            first.send_signal(signal.SIGCONT)
        assert first.stderr is not None
        assert b"was filled by another program during the backup" in first.stderr.read()
    assert InputRefused.exit_code == first.returncode
    assert [] == list(folder.glob(".kept.*"))
    restore_from(folder, kept)
    assert [(2,)] == rows(folder / RECORD, "SELECT count(*) FROM scrapes")


def test_only_unfinished_folders_of_that_backup_are_removed(folder: Path) -> None:
    """The folder of a killed backup is removed; those of other backups and other people's folders stay."""
    for name in (".kept.123.unfinished", ".kept.2.123.unfinished", ".kept.notes.unfinished", "kept.unfinished"):
        (folder / name).mkdir()
    back_up(folder)
    left = sorted(path.name for path in folder.iterdir() if "unfinished" in path.name)
    assert [".kept.2.123.unfinished", ".kept.notes.unfinished", "kept.unfinished"] == left


def test_every_new_folder_is_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the parents of a new folder are new too, every parent is synced."""
    synced: list[Path] = []
    monkeypatch.setattr(files, "sync", synced.append)
    files.make_folder(tmp_path / "a/b/c")
    assert [tmp_path, tmp_path / "a", tmp_path / "a/b"] == synced
