"""`poolscope export --dataset`: every row is in it, only changed months are written, and a kill leaves it whole."""

import json
import os
import signal
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from collector.clock import SimulatedClock
from collector.commands.export import command as export
from collector.context import Context
from collector.errors import InputRefused
from collector.record import spool
from collector.record.columns import ORDER, TABLES
from collector.record.dataset import Dataset, folder_of, open_dataset
from collector.record.reading import reading
from collector.record.schema import migrate
from collector.storage.lock import holding
from collector.storage.publish import GRACE, LOCK
from tests.collector.record.test_spool import RUN, SLOT, a_round
from tests.collector.storage.test_backup_rules import change as change_file
from tests.collector.storage.test_compact import RECORD, fill
from tests.polling import START, configure, environment, poolscope, rows

pytestmark = pytest.mark.floor

MOST_BYTES = 0.25
"""Of a count, of which a row of snapshots has nine."""
# Kills itself at a given rename; every file appears by one.
KILLED_AT = """
import os, runpy, signal, sys

left = int(sys.argv.pop(1))

def count(event, arguments):
    global left
    if "os.rename" == event:
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count)
runpy.run_module("collector", run_name="__main__")
"""
ODD_NAMES = ["A", "a", "a/b", "a%2Fb", "..", "项目", "it's = *?[x]", "~", "%", "é" * 150, "é" * 149 + "x"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the record of five weeks, and its configuration."""
    fill(tmp_path)
    configure(tmp_path, "http://127.0.0.1:9")
    return tmp_path


def publish(folder: Path, after: timedelta = timedelta()) -> Dataset:
    """Export the folder's dataset on a clock, and check it."""
    context = Context({}, SimulatedClock(START + after), folder / "poolscope.toml")
    export.main(["--dataset", str(folder / "ds")], standalone_mode=False, obj=context)
    return open_dataset(folder / "ds")


def content(dataset: Dataset) -> dict[str, list[tuple[int, int]]]:
    """Return the number of rows and a checksum of every table, as `test_compact.content` does of a database."""
    with duckdb.connect() as connection:
        return {
            table: connection.execute(f"SELECT count(*), bit_xor(hash(t)) FROM {dataset.rows_of(table)} t").fetchall()
            for table in TABLES
        }


def stored(folder: Path) -> dict[str, list[tuple[int, int]]]:
    return {t: rows(folder / RECORD, f"SELECT count(*), bit_xor(hash({t})) FROM {t}") for t in TABLES}


def states(folder: Path) -> dict[str, tuple[int, int]]:
    """Return time of change and inode of every file of the dataset."""
    paths = [path for path in (folder / "ds").rglob("*") if path.is_file() and path.name != LOCK]
    by_name = {path.relative_to(folder / "ds").as_posix(): path.stat() for path in paths}
    return {name: (state.st_ino, state.st_mtime_ns) for name, state in by_name.items()}


def change(folder: Path, query: str) -> None:
    with duckdb.connect(folder / RECORD) as connection:
        connection.execute(query)


LATER = """INSERT INTO snapshots (project, pool, type, slot, total) VALUES ('p', 'pool-0', 'train', '2026-02-20', 1)"""


def test_a_dataset_has_every_row(folder: Path) -> None:
    """Of all tables, by project and month, sorted, also rows without a slot; the manifest describes each file."""
    dataset = publish(folder)
    assert stored(folder) == content(dataset)
    assert {table: count for table, [(count, _)] in stored(folder).items()} == dataset.manifest.rows
    assert "2026-02-08T23:59:00Z" == dataset.manifest.last_slot
    by_folder = {str(Path(file.path).parent): file for file in dataset.manifest.files}
    assert {"polls/project=q/month=__HIVE_DEFAULT_PARTITION__", "pools/project=p/month=2026-01"} < set(by_folder)
    january = by_folder["snapshots/project=p/month=2026-01"]
    assert (27 * 1440 * 4, ["pool-0", "pool-1"], "2026-01-05T00:00:00Z", "2026-01-31T23:59:00Z") == (
        january.rows,
        january.pools,
        january.first_slot,
        january.last_slot,
    )
    with duckdb.connect() as connection:
        for file in dataset.manifest.files:
            read = f"SELECT ({ORDER[file.table]}) FROM read_parquet('{folder / 'ds' / file.path}')"
            in_file = connection.execute(read).fetchall()
            assert connection.execute(f"{read} ORDER BY {ORDER[file.table]}").fetchall() == in_file
            codecs = f"SELECT DISTINCT compression FROM parquet_metadata('{folder / 'ds' / file.path}')"
            assert [("ZSTD",)] == connection.execute(codecs).fetchall()


def test_other_statuses_are_a_sum_and_json(folder: Path) -> None:
    """So that every engine reads them; both are NULL where the answer had no other status."""
    change(folder, """UPDATE snapshots SET other_statuses = MAP {'A "b"': 1, '排队': 2} WHERE slot = '2026-01-06'""")
    files = [folder / "ds" / file.path for file in publish(folder).manifest.files if "snapshots" == file.table]
    with duckdb.connect() as connection:
        snapshots = connection.read_parquet([str(file) for file in files])
        kinds = dict(zip(snapshots.columns, map(str, snapshots.types), strict=True))
        assert ("BIGINT", "VARCHAR") == (kinds["other_jobs"], kinds["other_statuses"])
        some = snapshots.filter("slot IN ('2026-01-06', '2026-01-06T00:01')")
        odd = some.project("other_jobs, other_statuses").distinct().fetchall()
    assert {(3, '{"A \\"b\\"":1,"排队":2}'), (None, None)} == set(odd)


def test_a_count_takes_at_most_a_quarter_of_a_byte(folder: Path) -> None:
    """On disk, of snapshots, as the sandbox's counts change more rarely than those here."""
    files = [file for file in publish(folder).manifest.files if "snapshots" == file.table]
    assert sum(file.bytes for file in files) <= MOST_BYTES * 9 * sum(file.rows for file in files)


def test_where_nothing_is_new_nothing_is_written(folder: Path) -> None:
    """No file changes, and the time of publication stays."""
    first = publish(folder)
    before = states(folder)
    assert first == publish(folder, timedelta(days=30))
    assert before == states(folder)


def test_only_changed_months_are_written(folder: Path) -> None:
    """Under new names; the files that the former manifest named stay for the grace period."""
    first = publish(folder)
    before = states(folder)
    change(folder, LATER)
    second = publish(folder, timedelta(hours=1))
    assert stored(folder) == content(second)
    new = states(folder).keys() - before.keys()
    assert ["snapshots/project=p/month=2026-02"] == [str(Path(path).parent) for path in new]
    assert open_dataset(folder / "ds") == second != first
    unnamed = {file.path for file in first.manifest.files} - {file.path for file in second.manifest.files}
    assert [(folder / "ds" / path).exists() for path in unnamed] == [True]
    publish(folder, timedelta(hours=1) + GRACE)
    assert unnamed < states(folder).keys()
    publish(folder, timedelta(hours=1, seconds=1) + GRACE)
    assert not unnamed & states(folder).keys()
    assert second == open_dataset(folder / "ds")


def test_rows_that_the_record_lacks_are_never_lost(folder: Path) -> None:
    """After a prune, or with another record, the dataset may have the only copy: it stays as it is."""
    publish(folder)
    before = states(folder)
    for table in ("snapshots", "scrapes"):
        change(folder, f"DELETE FROM {table} WHERE slot < '2026-02-01'")
    change(folder, LATER)
    for later in (timedelta(), GRACE + timedelta(seconds=1)):
        with pytest.raises(InputRefused, match="rows of scrapes/project=p/month=2026-01 that the record lacks"):
            publish(folder, later)
        assert before == states(folder)


def test_an_earlier_answer_with_fewer_types_is_published(folder: Path) -> None:
    """It replaces the snapshots of its slot: the month has fewer rows, and nothing is lost."""
    publish(folder)
    change(
        folder,
        """INSERT INTO scrapes (run, project, pool, slot, outcome, interval_seconds)
        VALUES ('2026-01-05T23:59:59', 'p', 'pool-0', '2026-01-06', 'ok', 60)""",
    )
    change(folder, "DELETE FROM snapshots WHERE pool = 'pool-0' AND slot = '2026-01-06' AND type = 'infer'")
    assert stored(folder) == content(publish(folder))


@pytest.mark.parametrize("table", ["polls", "scrapes", "pools"])
def test_the_dataset_of_another_record_is_never_replaced(folder: Path, table: str) -> None:
    """The other record has as many rows of each month, or more, but of other polls."""
    before = publish(folder)
    change(folder, f"UPDATE {table} SET run = run + INTERVAL 1 MICROSECOND WHERE run < '2026-01-06'")
    change(folder, LATER)
    with pytest.raises(InputRefused, match=f"rows of {table}/project=[pq]/month=[^ ]* that the record lacks"):
        publish(folder)
    assert before == open_dataset(folder / "ds")


def test_files_of_others_stay(folder: Path) -> None:
    """What is not named as a file of a dataset is, however old, nobody's to remove."""
    other = folder / "ds/snapshots/project=A/month=2026-01/part-0000.parquet"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"rows")
    os.utime(other, (0, 0))
    publish(folder)
    publish(folder, timedelta(days=30))
    assert b"rows" == other.read_bytes()


def test_rows_of_the_spool_are_in_it(folder: Path) -> None:
    """Also while another program keeps them out of the database."""
    spool.write(folder / "data/spool", SLOT, RUN, a_round())
    assert {2 + count for [(count, _)] in [stored(folder)["scrapes"]]} == {publish(folder).manifest.rows["scrapes"]}


def test_a_file_that_is_missing_cut_or_damaged_is_written_again(folder: Path) -> None:
    """The next export repairs a dataset."""
    first = publish(folder)
    missing, cut, damaged, *_ = [folder / "ds" / file.path for file in first.manifest.files]
    missing.unlink()
    cut.write_bytes(b"PAR1")
    content = damaged.read_bytes()
    damaged.write_bytes(content[:50] + bytes([content[50] ^ 1]) + content[51:])
    assert first.manifest.files == publish(folder).manifest.files


@pytest.mark.parametrize("begun", [False, True], ids=["new", "former"])
def test_a_killed_export_leaves_the_former_dataset_or_the_new_one(folder: Path, begun: bool) -> None:
    """At each file's appearance; the next export completes it and removes unfinished files."""
    former = publish(folder) if begun else None
    change(folder, LATER + ", ('new', 'a', 'train', '2026-03-05', 2), ('new', 'a', 'train', '2026-04-05', 3)")
    for renames in range(20):
        code = [sys.executable, "-c", KILLED_AT, str(renames), "export", "--dataset", "ds"]
        done = subprocess.run(code, cwd=folder, env=environment(), check=False, stdout=subprocess.DEVNULL)
        if not done.returncode:
            break
        assert -signal.SIGKILL == done.returncode
        assert list((folder / "ds").rglob("*.unfinished"))
        if former is not None:
            assert former == open_dataset(folder / "ds")
        else:
            assert not (folder / "ds/manifest.json").exists()
    assert 3 <= renames
    assert stored(folder) == content(open_dataset(folder / "ds"))
    assert [] == list((folder / "ds").rglob("*.unfinished"))


def rights(folder: Path) -> dict[str, set[int]]:
    """Return the rights of all files and of all folders within a folder."""
    by_kind: dict[str, set[int]] = {"files": set(), "folders": set()}
    for path in folder.rglob("*"):
        if path.name != LOCK:
            by_kind["folders" if path.is_dir() else "files"].add(stat.S_IMODE(path.stat().st_mode))
    return by_kind


def test_a_dataset_is_for_its_owner_by_default(folder: Path) -> None:
    """So is a backup, even in a folder that others can read."""
    (folder / "backup").mkdir(mode=0o755)
    for words in (("export", "--dataset", "ds"), ("backup", "backup")):
        assert 0 == poolscope(folder, *words).returncode
        assert {"files": {0o600}, "folders": {0o700}} == rights(folder / words[-1])
        assert 0o700 == stat.S_IMODE((folder / words[-1]).stat().st_mode)


@pytest.mark.parametrize(
    ("mode", "file", "place"),
    [(0o2750, 0o640, 0o2750), (0o755, 0o644, 0o755), (0o777, 0o644, 0o755), (0o711, 0o600, 0o711)],
    ids=oct,
)
def test_a_dataset_follows_the_rights_of_its_folder(folder: Path, mode: int, file: int, place: int) -> None:
    """Others can read it as they can read the folder, never write; a folder with g+s hands down its group."""
    (folder / "ds").mkdir()
    (folder / "ds").chmod(mode)
    assert 0 == poolscope(folder, "export", "--dataset", "ds").returncode
    assert {"files": {file}, "folders": {place}} == rights(folder / "ds")


def test_rights_that_change_later_are_followed(folder: Path) -> None:
    """By the next export, also where nothing is new."""
    first = publish(folder)
    for mode, file in ((0o755, 0o644), (0o700, 0o600)):
        (folder / "ds").chmod(mode)
        assert first == publish(folder)
        assert {"files": {file}, "folders": {mode}} == rights(folder / "ds")


def test_a_second_exporter_is_refused(folder: Path) -> None:
    """Exit 3, with the other's process; the dataset stays as it is."""
    publish(folder)
    before = states(folder)
    change(folder, LATER)
    with holding(folder / "ds" / LOCK, "publishing"):
        done = poolscope(folder, "export", "--dataset", "ds")
    assert 3 == done.returncode
    assert str(os.getpid()) in done.stderr
    assert before == states(folder)


@pytest.mark.parametrize("project", ODD_NAMES)
def test_any_project_name_can_be_published(tmp_path: Path, project: str) -> None:
    """In a folder of its own, which is one level of the path."""
    configure(tmp_path, "http://127.0.0.1:9")
    (tmp_path / "data").mkdir()
    with duckdb.connect(tmp_path / RECORD) as connection:
        migrate(connection, 0, "test")
        connection.execute(
            "INSERT INTO snapshots (project, pool, type, slot) SELECT $1, 'a', 'train', TIMESTAMP '2026-01-05'",
            [project],
        )
    dataset = publish(tmp_path)
    assert stored(tmp_path) == content(dataset)
    assert 4 == len(Path(dataset.manifest.files[0].path).parts)


def test_two_projects_never_have_the_same_folder() -> None:
    """Whatever letters the names have, and however long they are."""
    assert len(ODD_NAMES) == len({folder_of("polls", name, "2026-01") for name in ODD_NAMES})


def test_projects_that_differ_in_capitals_have_different_files(folder: Path) -> None:
    """Where a file system does not tell capitals apart, they share a folder and no file."""
    change(folder, "INSERT INTO snapshots BY NAME SELECT * REPLACE ('P' AS project) FROM snapshots")
    names = [Path(file.path).name for file in publish(folder).manifest.files]
    assert len(names) == len(set(names))


def test_a_folder_with_other_files_is_refused(folder: Path) -> None:
    """Exit 6, and nothing is written there; a file is refused too, and a record without rows."""
    (folder / "ds").mkdir()
    (folder / "ds/notes.txt").touch()
    (folder / "file").touch()
    for name in ("ds", "file"):
        assert 6 == poolscope(folder, "export", "--dataset", name).returncode
    assert ["notes.txt"] == [path.name for path in (folder / "ds").iterdir()]
    (folder / "ds/notes.txt").rename(folder / "ds/manifest.json")
    assert 5 == poolscope(folder, "export", "--dataset", "ds").returncode
    assert ["manifest.json"] == [path.name for path in (folder / "ds").iterdir()]
    (folder / "ds/manifest.json").unlink()
    first = publish(folder)
    (folder / RECORD).unlink()
    with pytest.raises(InputRefused, match="has no rows"):
        publish(folder)
    assert first == open_dataset(folder / "ds")


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--dataset", "ds", "--output", "o.csv"),
        ("--dataset", "ds", "--since", "7d"),
        ("--dataset", "gs://bucket/ds"),
        ("--dataset", ""),
    ],
)
def test_options_that_do_not_go_together_are_refused(folder: Path, words: tuple[str, ...]) -> None:
    """Exit 2, and nothing is written."""
    assert 2 == poolscope(folder, "export", *words).returncode
    assert {"data", "poolscope.toml"} == {path.name for path in folder.iterdir()}


def test_a_dataset_of_an_older_schema_is_read_and_replaced(folder: Path) -> None:
    """What that version lacked is NULL; the next export writes all files anew."""
    first = publish(folder)
    path = folder / "ds/manifest.json"
    change_file(folder / "ds", "polls", "SELECT * EXCLUDE (discovered) FROM old")
    older = json.loads(path.read_text()) | {"schema": 1}
    older["files"] = [
        file for file in older["files"] if file["table"] not in ("pools", "polls") or file is older["files"][0]
    ]
    path.write_text(json.dumps(older))
    with reading(folder / "ds", folder / "none", SimulatedClock(START).pause) as record:
        assert [(0,)] == record.execute("SELECT count(*) FROM pools").fetchall()
        (polled,) = record.execute("SELECT count(*), count(discovered) FROM polls").fetchall()
    assert polled[0] > polled[1] == 0
    assert first.manifest.files == publish(folder).manifest.files
    assert stored(folder) == content(open_dataset(folder / "ds"))


def test_a_newer_dataset_is_left_alone(folder: Path) -> None:
    """Exit 5: an older Poolscope does not replace what a newer one wrote."""
    publish(folder)
    manifest = folder / "ds/manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"version": 99}))
    before = manifest.read_text()
    done = poolscope(folder, "export", "--dataset", "ds")
    assert 5 == done.returncode
    assert "newer Poolscope" in done.stderr
    assert before == manifest.read_text()


# Reads the dataset again and again until its input ends, and prints the numbers of rows of each reading.
READING = """
import select, sys
from pathlib import Path
from collector.record.reading import opener

print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    opened = opener(Path(sys.argv[1]), Path("none"), print)
    counts = []
    for table in ("snapshots", "scrapes", "snapshots"):
        with opened() as record:
            counts.append(record.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])
    print(*counts, flush=True)
"""


def test_readers_go_on_while_it_is_published(folder: Path) -> None:
    """No reader fails, and all that a reading gives is of one manifest."""
    manifests = [publish(folder).manifest]
    with subprocess.Popen(
        [sys.executable, "-c", READING, str(folder / "ds")],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as reader:
        assert reader.stdout is not None
        reader.stdout.readline()
        for day in range(10, 18):
            change(folder, LATER.replace("02-20", f"02-{day}"))
            change(folder, f"INSERT INTO scrapes (run, slot) SELECT * FROM (VALUES ('2026-02-{day}', '2026-02-{day}'))")
            manifests.append(publish(folder, timedelta(minutes=30) * (day - 9)).manifest)
        out, _ = reader.communicate("\n")
    assert 0 == reader.returncode
    readings = {tuple(map(int, line.split())) for line in out.splitlines()}
    published = {(m.rows["snapshots"], m.rows["scrapes"], m.rows["snapshots"]) for m in manifests}
    assert len(readings) > 1
    assert readings <= published
