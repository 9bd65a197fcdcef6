"""`poolscope backup`, `restore` and `prune`: every row is restored, and only rows that a backup has are deleted."""

import hashlib
import json
import os
import pty
import random
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import duckdb
import pytest

from collector.clock import SimulatedClock
from collector.commands.prune import command as prune
from collector.context import Context
from collector.errors import InputRefused
from collector.record.columns import TABLES, columns_at
from collector.record.schema import MIGRATIONS
from collector.storage.lock import writing
from tests.collector.storage.test_compact import RECORD, content, fill
from tests.polling import START, configure, environment, poolscope, rows

# All slots that `fill` makes, except the last.
BUT_THE_LAST_SLOT = ("--before", "2026-02-08T23:59")
# Stops when the first file is written, as soon as it is read for its checksum.
STOPPING_BACKUP = """
import os, runpy, signal, sys

opened = []

def stop(event, arguments):
    if "open" == event and ".unfinished/polls/" in str(arguments[0]) and not opened:
        opened.append(arguments)
        os.kill(os.getpid(), signal.SIGSTOP)

sys.addaudithook(stop)
runpy.run_module("collector", run_name="__main__")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a record and its configuration."""
    fill(tmp_path)
    configure(tmp_path, "http://127.0.0.1:9")
    return tmp_path


def test_a_backup_restores_every_row(folder: Path) -> None:
    """All tables are restored unchanged; no backup and no database is overwritten."""
    before = content(folder)
    assert 0 == poolscope(folder, "backup", "kept").returncode
    assert 6 == poolscope(folder, "backup", "kept").returncode
    assert 6 == poolscope(folder, "restore", "kept").returncode
    (folder / RECORD).rename(folder / "away.duckdb")
    done = poolscope(folder, "restore", "kept")
    assert (0, "restored") == (done.returncode, json.loads(done.stdout)["event"])
    after = content(folder)
    assert {k: v for k, v in before.items() if k != "poolscope_migrations"} == {
        k: v for k, v in after.items() if k != "poolscope_migrations"
    }
    assert [(len(MIGRATIONS),)] == rows(folder / RECORD, "SELECT max(version) FROM poolscope_migrations")


def test_a_backup_may_be_made_in_the_current_folder(folder: Path) -> None:
    """Named by a dot, where that folder is empty."""
    (folder / "kept").mkdir()
    done = poolscope(folder / "kept", "--config", str(folder / "poolscope.toml"), "backup", ".")
    assert 0 == done.returncode, done.stderr
    assert (folder / "kept/manifest.json").exists()


@pytest.mark.parametrize("harm", ["cut", "missing", "manifest", "newer"])
def test_an_incomplete_backup_is_refused(folder: Path, harm: str) -> None:
    """Exit 6 for a file that is cut or missing, a missing manifest, or a newer version; no database is made."""
    assert 0 == poolscope(folder, "backup", "kept").returncode
    manifest, file = folder / "kept/manifest.json", next((folder / "kept/snapshots").rglob("*.parquet"))
    if harm == "cut":
        file.write_bytes(file.read_bytes()[:-1])
    elif harm == "missing":
        file.unlink()
    elif harm == "manifest":
        manifest.unlink()
    else:
        manifest.write_text(manifest.read_text().replace(f'"schema": {len(MIGRATIONS)}', '"schema": 99'))
    (folder / RECORD).rename(folder / "away.duckdb")
    done = poolscope(folder, "restore", "kept")
    assert 6 == done.returncode
    assert "kept" in done.stderr
    assert not (folder / RECORD).exists()


def former_backup(folder: Path, schema: int = len(MIGRATIONS)) -> Path:
    """Write a backup of the folder's record as Poolscope 0.1 did: a file a table, and their rows and checksums."""
    kept = folder / "kept"
    kept.mkdir()
    counts, sums = {}, {}
    for table, columns in columns_at(schema).items():
        file = kept / f"{table}.parquet"
        names = ", ".join(f'"{name}"' for name in columns)
        with duckdb.connect(folder / RECORD, read_only=True) as connection:
            connection.execute(f"COPY (SELECT {names} FROM {table} ORDER BY ALL) TO '{file}' (COMPRESSION zstd)")
            counts[table] = connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]
        sums[table] = hashlib.sha256(file.read_bytes()).hexdigest()
    values = {"poolscope": "0.1.0", "schema": schema, "made_at": "2026-01-01T00:00:00Z", "rows": counts, "sha256": sums}
    (kept / "manifest.json").write_text(json.dumps(values, indent=2))
    return kept


def test_a_backup_of_the_former_format_restores_every_row(folder: Path) -> None:
    """It is still read, also to prune."""
    before = content(folder)
    former_backup(folder)
    (folder / RECORD).rename(folder / "away.duckdb")
    done = poolscope(folder, "restore", "kept")
    assert 0 == done.returncode, done.stderr
    after = content(folder)
    assert {table: before[table] for table in TABLES} == {table: after[table] for table in TABLES}
    done = poolscope(folder, "prune", *BUT_THE_LAST_SLOT, "--backup", "kept")
    assert 0 == done.returncode, done.stderr


def test_a_backup_of_the_first_version_is_brought_up_to_date(folder: Path) -> None:
    """Its tables are made in that version, filled and migrated; prune recognises its rows."""
    former_backup(folder, schema=1)
    (folder / RECORD).rename(folder / "away.duckdb")
    assert 0 == poolscope(folder, "restore", "kept").returncode
    assert [(0,)] == rows(folder / RECORD, "SELECT count(discovered) + (SELECT count(*) FROM pools) FROM polls")
    done = poolscope(folder, "prune", *BUT_THE_LAST_SLOT, "--backup", "kept")
    assert 0 == done.returncode, done.stderr


@pytest.mark.parametrize("harm", ["cut", "missing", "newer"])
def test_an_incomplete_backup_of_the_former_format_is_refused(folder: Path, harm: str) -> None:
    """Exit 6, and no database is made."""
    kept = former_backup(folder)
    manifest, file = kept / "manifest.json", kept / "snapshots.parquet"
    if harm == "cut":
        file.write_bytes(file.read_bytes()[:-1])
    elif harm == "missing":
        file.unlink()
    else:
        manifest.write_text(manifest.read_text().replace(f'"schema": {len(MIGRATIONS)}', '"schema": 99'))
    (folder / RECORD).rename(folder / "away.duckdb")
    done = poolscope(folder, "restore", "kept")
    assert 6 == done.returncode
    assert "kept" in done.stderr
    assert not (folder / RECORD).exists()


def test_a_restored_record_gives_the_same_dataset(folder: Path) -> None:
    """Export, restore, export: the manifests differ in the time of publication alone."""
    manifests = []
    for name in ("first", "second"):
        assert 0 == poolscope(folder, "export", "--dataset", name).returncode
        manifests.append(json.loads((folder / name / "manifest.json").read_text()))
        (folder / RECORD).unlink()
        assert 0 == poolscope(folder, "restore", name).returncode
    times = [manifest.pop("published_at") for manifest in manifests]
    assert manifests[0] == manifests[1]
    assert times[0] != times[1]


@pytest.mark.parametrize(
    ("former", "change"),
    [
        (True, {"rows": "all"}),
        (True, {"rows": {}}),
        (True, {"rows": {"polls": 1}}),
        (True, {"rows": dict.fromkeys(TABLES, "all")}),
        (True, {"schema": "2"}),
        (True, {"sha256": None}),
        (False, {"schema": "2"}),
        (False, {"version": None}),
        (False, {"files": "all"}),
        (False, {"files": [1]}),
        (False, {"files": []}),
        (False, {"last_slot": None}),
    ],
)
def test_a_damaged_manifest_is_refused(folder: Path, former: bool, change: dict[str, object]) -> None:
    """Exit 6, without a traceback, and without an empty database that looks complete."""
    if former:
        former_backup(folder)
    else:
        assert 0 == poolscope(folder, "backup", "kept").returncode
    refuse_changed(folder, json.loads((folder / "kept/manifest.json").read_text()) | change)


@pytest.mark.parametrize(
    "change",
    [{"rows": "all"}, {"bytes": None}, {"table": "polls"}, {"path": "../x.parquet"}, {"sha256": None}, {"extra": 1}],
)
def test_a_damaged_entry_of_a_manifest_is_refused(folder: Path, change: dict[str, object]) -> None:
    """As a damaged manifest is: the entry is that of a file of snapshots."""
    assert 0 == poolscope(folder, "backup", "kept").returncode
    manifest = json.loads((folder / "kept/manifest.json").read_text())
    next(entry for entry in manifest["files"] if "snapshots" == entry["table"]).update(change)
    refuse_changed(folder, manifest)


def refuse_changed(folder: Path, manifest: dict[str, object]) -> None:
    """Check that a backup with another manifest is refused."""
    (folder / "kept/manifest.json").write_text(json.dumps(manifest))
    (folder / RECORD).unlink()
    done = poolscope(folder, "restore", "kept")
    assert 6 == done.returncode
    assert "Traceback" not in done.stderr
    assert not (folder / RECORD).exists()


@pytest.mark.slow
def test_a_restore_that_is_killed_leaves_no_database(folder: Path) -> None:
    """After kills at random points the database is complete or missing; the last run makes it."""
    before = content(folder)["snapshots"]
    assert 0 == poolscope(folder, "backup", "kept").returncode
    chance = random.Random(2)
    for _ in range(6):
        (folder / RECORD).unlink(missing_ok=True)
        with subprocess.Popen(
            [sys.executable, "-m", "collector", "restore", "kept"], cwd=folder, stdout=-3
        ) as restoring:
            time.sleep(chance.uniform(0.1, 0.8))  # a kill at a random time
            restoring.kill()
        assert not (folder / RECORD).exists() or before == content(folder)["snapshots"]
    (folder / RECORD).unlink(missing_ok=True)
    assert 0 == poolscope(folder, "restore", "kept").returncode
    assert before == content(folder)["snapshots"]


def test_only_rows_that_a_backup_has_are_pruned(folder: Path) -> None:
    """Without an option, or with a backup that lacks a row, nothing is deleted; with a complete one, old rows are."""
    before = content(folder)
    assert 2 == poolscope(folder, "prune", *BUT_THE_LAST_SLOT).returncode
    assert 0 == poolscope(folder, "backup", "old").returncode
    with duckdb.connect(folder / RECORD) as connection:
        connection.execute(
            "INSERT INTO scrapes (run, project, pool, slot) VALUES ('2026-01-06', 'p', 'b', '2026-01-06')"
        )
    lacking = poolscope(folder, "prune", *BUT_THE_LAST_SLOT, "--backup", "old")
    assert 6 == lacking.returncode
    assert "lacks 1 of the rows to delete" in lacking.stderr
    assert before["snapshots"] == content(folder)["snapshots"]
    assert 0 == poolscope(folder, "backup", "new").returncode
    assert 0 == poolscope(folder, "prune", "--before", "2026-01-20", "--backup", "new").returncode
    least = rows(
        folder / RECORD, "SELECT min(slot)::VARCHAR FROM snapshots UNION ALL SELECT min(slot)::VARCHAR FROM polls"
    )
    assert [("2026-01-20 00:00:00",)] * 2 == least
    assert before["pools"] == content(folder)["pools"]
    assert 0 == poolscope(folder, "prune", *BUT_THE_LAST_SLOT, "--yes").returncode
    assert [(1,)] == rows(folder / RECORD, "SELECT count(DISTINCT slot) FROM snapshots")
    assert [("p",), ("q",)] == rows(folder / RECORD, "SELECT project FROM polls ORDER BY project")


@pytest.mark.parametrize("before", ["6m", "23h", "0s", "2026-02-09", "2099-01-01"])
def test_a_prune_that_would_leave_nothing_is_refused(folder: Path, before: str) -> None:
    """An age of less than a day, or a time after the last slot: exit 2, and no row is deleted."""
    rows_before = rows(folder / RECORD, "SELECT count(*) FROM scrapes")
    done = poolscope(folder, "prune", "--before", before, "--yes")
    assert 2 == done.returncode, done.stderr
    assert rows_before == rows(folder / RECORD, "SELECT count(*) FROM scrapes")


def test_a_dry_run_shows_rows_and_span(folder: Path) -> None:
    """It deletes nothing, and needs neither a backup nor --yes."""
    rows_before = rows(folder / RECORD, "SELECT count(*) FROM scrapes")
    done = poolscope(folder, "prune", "--before", "2026-01-06", "--dry-run")
    event = json.loads(done.stdout)
    assert ("would_prune", 2 * 1440) == (event["event"], event["rows"]["scrapes"])
    assert ("2026-01-05T00:00:00Z", "2026-01-05T23:59:00Z") == (event["first_slot"], event["last_slot"])
    assert rows_before == rows(folder / RECORD, "SELECT count(*) FROM scrapes")


def test_on_a_terminal_prune_asks(folder: Path) -> None:
    """With a backup and without --yes it asks; any answer but yes deletes nothing and exits with 130, as any abort."""
    assert 0 == poolscope(folder, "backup", "kept").returncode
    rows_before = rows(folder / RECORD, "SELECT count(*) FROM scrapes")
    terminal, other = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "collector", "prune", *BUT_THE_LAST_SLOT, "--backup", "kept"],
        cwd=folder,
        env=environment(),
        stdin=other,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as asking:
        os.write(terminal, b"n\n")
        assert 130 == asking.wait()
    os.close(terminal)
    os.close(other)
    assert rows_before == rows(folder / RECORD, "SELECT count(*) FROM scrapes")


def test_a_poll_goes_on_while_a_backup_is_written(folder: Path) -> None:
    """A backup that is stopped while it writes does not hold the lock; it is complete in the end."""
    with subprocess.Popen(
        [sys.executable, "-c", STOPPING_BACKUP, "backup", "kept"], cwd=folder, env=environment()
    ) as backup:
        _, status = os.waitpid(backup.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        try:
            assert 1 == len(list(folder.glob(".kept.*.unfinished")))
            with writing(folder / RECORD):
                assert not (folder / "kept").exists()
        finally:
            backup.send_signal(signal.SIGCONT)
    assert 0 == backup.returncode
    assert (folder / "kept/manifest.json").exists()


def test_a_poll_goes_on_while_a_prune_checks_its_backup(folder: Path) -> None:
    """Prune takes the lock only to delete: it waits for a poll, and deletes nothing, as that poll added old rows."""
    assert 0 == poolscope(folder, "backup", "kept").returncode
    before = content(folder)["snapshots"]
    poll = ExitStack()

    class Polled(SimulatedClock):
        """A clock on which the poll that has the lock adds a row and ends, as soon as prune waits for it."""

        async def sleep(self, seconds: float) -> None:
            with poll, duckdb.connect(folder / RECORD) as connection:
                connection.execute("INSERT INTO scrapes (run, slot) VALUES ('2026-01-06', '2026-01-06')")
            await super().sleep(seconds)

    context = Context({}, Polled(START), folder / "poolscope.toml")
    words = [*BUT_THE_LAST_SLOT, "--backup", str(folder / "kept")]
    with poll:
        poll.enter_context(writing(folder / RECORD))
        with pytest.raises(InputRefused, match="old rows were added after the backup was checked"):
            prune.main(words, standalone_mode=False, obj=context)
    assert context.clock.now() > START
    assert before == content(folder)["snapshots"]
