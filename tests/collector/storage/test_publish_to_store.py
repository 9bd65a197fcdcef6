"""`poolscope export --dataset s3://...`: the dataset of a folder, whole whatever fails, in an object store."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from collector.clock import SimulatedClock
from collector.context import Context
from collector.errors import ConfigError, InputRefused, LockHeld, RecordNotWritten, RecordUnreadable
from collector.record.database import Record
from collector.record.dataset import Manifest, open_dataset
from collector.record.places import Place, StorePath, place_of
from collector.record.reading import opener, reading
from collector.record.schema import migrate
from collector.record.store import Access, Served
from collector.storage import publish as module
from collector.storage.held_folder import made_and_held
from collector.storage.publish import GRACE, Published
from collector.storage.targets import Overtaken
from tests.polling import configure, poolscope
from tests.stores import (
    KEY,
    SECRET,
    Fault,
    ObjectStore,
    after,
    answering,
    cut_answer,
    cut_upload,
    dated,
    lose_answer,
    refuse_conditions,
    server,
    store,
)

__all__ = ["server", "store"]
pytestmark = pytest.mark.floor

NOW = datetime.now(UTC)
RECORD = "data/poolscope.duckdb"
PROJECTS = ("p", "it's = 50%2F #1+? 项目")
ROWS = """INSERT INTO {table} BY NAME SELECT $1 AS project, 'a' AS pool, slot, slot AS run, 60 AS interval_seconds{more}
FROM range(TIMESTAMP '2026-01-20', TIMESTAMP '2026-02-10', INTERVAL 1 HOUR) t(slot)"""
LATER = "INSERT INTO snapshots (project, pool, type, slot, total) VALUES ('p', 'a', 'train', '2026-02-20', 1)"
TABLES = ("snapshots", "scrapes", "polls")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the record of two projects over two months, and its configuration."""
    configure(tmp_path, "http://127.0.0.1:9")
    (tmp_path / "data").mkdir()
    with duckdb.connect(tmp_path / RECORD) as connection:
        migrate(connection, 0, "test")
        for project in PROJECTS:
            connection.execute(
                """INSERT INTO scrapes BY NAME SELECT $1 AS project, 'a' AS pool, slot, slot AS run, 'ok' AS outcome,
                3600 AS interval_seconds, hash(slot) % 50 AS total
                FROM range(TIMESTAMP '2026-01-20', TIMESTAMP '2026-02-10', INTERVAL 1 HOUR) t(slot)""",
                [project],
            )
        connection.execute(
            """INSERT INTO snapshots BY NAME
            SELECT project, pool, 'train' AS type, slot, total, total AS Queue FROM scrapes"""
        )
        connection.execute("INSERT INTO polls BY NAME SELECT DISTINCT run, project, slot FROM scrapes")
    return tmp_path


def change(folder: Path, query: str = LATER) -> None:
    with duckdb.connect(folder / RECORD) as connection:
        connection.execute(query)


def publish(folder: Path, place: Place, later: timedelta = timedelta()) -> Published:
    """Export the folder's record to a place."""
    clock = SimulatedClock(NOW + later)
    return module.publish(reading(folder / RECORD, folder / "data/spool", clock.pause), place, clock.now)


def content(place: Place) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of a dataset, as readers see them."""
    with opener(place, Path("none"), lambda _: None)() as record:
        return {table: sorted(record.execute(f"FROM {table}").fetchall(), key=str) for table in TABLES}


def test_a_store_has_the_dataset_of_a_folder(folder: Path, store: ObjectStore) -> None:
    """The same files with the same checksums, and the same rows, whatever letters bucket, prefix and project have."""
    place = store.new_folder()
    in_store, in_folder = publish(folder, place), publish(folder, folder / "ds")
    assert in_folder == in_store
    assert content(folder / "ds") == content(place)
    assert sorted([*(file.path for file in in_folder.manifest.files), "manifest.json"]) == sorted(place.files().objects)
    assert (folder / "ds/manifest.json").read_text() == (place / "manifest.json").read_text()


def test_a_bucket_without_a_prefix_holds_a_dataset(folder: Path, store: ObjectStore) -> None:
    """Its address may end with a slash."""
    place = store.new_folder(prefix="")
    publish(folder, place)
    assert str(place) == f"s3://{place.store.bucket}"
    assert content(place) == content(place_of(f"{place}/", place.store.access))


def test_only_what_changed_is_uploaded(folder: Path, store: ObjectStore) -> None:
    """Where nothing is new, no object is written; after a change, its month and then the manifest."""
    place = store.new_folder()
    publish(folder, place)
    store.begin()
    publish(folder, place, timedelta(hours=1))
    assert [] == store.named("PUT") + store.named("DELETE")
    change(folder)
    second = publish(folder, place)
    assert 1 == second.written
    # The last but one gives the former file its time, so that it stays for readers of the former manifest.
    new, former, manifest = store.named("PUT")
    assert new.rpartition("/")[0] == former.rpartition("/")[0]
    assert manifest.endswith("/manifest.json")
    assert second.manifest == open_dataset(place).manifest


def test_a_reader_lists_nothing_and_reads_each_file_once(folder: Path, store: ObjectStore) -> None:
    """It asks for the manifest, the size of each file, and the files of the tables that it reads."""
    place = store.new_folder()
    manifest = publish(folder, place).manifest
    store.begin()
    opened = opener(place, Path("none"), lambda _: None)
    assert ["manifest.json"] == [path.rpartition("/")[2] for path in store.named("GET")]
    assert len(manifest.files) == len(store.named("HEAD"))
    store.begin()
    for _ in range(2):
        with opened() as record:
            record.execute("SELECT count(total) FROM scrapes").fetchall()
    assert [] == store.named("HEAD")
    files = [f"/{place.store.bucket}/{(place / file.path).key}" for file in manifest.files]
    read = store.named("GET")
    # Of each table the columns are looked up in the first file.
    first = {next(file for file in files if f"/{table}/" in file) for table in TABLES}
    assert sorted({file for file in files if "/scrapes/" in file} | first) == sorted(read)


def test_files_stay_for_the_readers_of_the_former_manifest(folder: Path, store: ObjectStore) -> None:
    """Six hours from when a manifest dropped them, not from when they were uploaded; then an export removes them."""
    place = store.new_folder()
    first = publish(folder, place).manifest
    change(folder)
    second = publish(folder, place).manifest
    (dropped,) = {file.path for file in first.files} - {file.path for file in second.files}
    # Uploaded once, then copied onto itself.
    assert 2 == sum(path.endswith(dropped) for path in store.named("PUT"))
    since = datetime.now(UTC) - NOW
    early, late = (since + GRACE + timedelta(minutes=minutes) for minutes in (-10, 10))
    listing = f"/{place.store.bucket}"
    # By the earlier one of the exporter's clock and the store's.
    for clock, store_clock, removed in ((late, since, 0), (early, late, 0), (late, late, 1)):
        store.begin()
        store.fail("GET", listing, dated(NOW + store_clock))
        assert removed == publish(folder, place, clock).removed
        assert (dropped in place.files().objects) is not bool(removed)
    assert second == open_dataset(place).manifest


def test_a_file_that_another_exporter_uploads_again_stays(folder: Path, store: ObjectStore) -> None:
    """What was old in the listing may be one that the next manifest names."""
    place = store.new_folder()
    first = publish(folder, place).manifest
    change(folder)
    second = publish(folder, place).manifest
    (dropped,) = {file.path for file in first.files} - {file.path for file in second.files}
    late = datetime.now(UTC) - NOW + 2 * GRACE
    store.fail("GET", f"/{place.store.bucket}", dated(NOW + late))
    change(folder, LATER.replace("02-20", "03-20"))
    store.fail("PUT", "/manifest.json", after(lambda: put(place / dropped, b"written again")), times=1)
    assert 0 == publish(folder, place, late).removed
    assert dropped in place.files().objects
    assert 1 == publish(folder, place, late).removed
    assert dropped not in place.files().objects


def test_nothing_is_removed_by_an_exporter_that_is_refused(folder: Path, store: ObjectStore) -> None:
    """Another one's manifest may name it."""
    place = store.new_folder()
    publish(folder, place)
    change(folder)
    publish(folder, place)
    late = datetime.now(UTC) - NOW + 2 * GRACE
    store.fail("GET", f"/{place.store.bucket}", dated(NOW + late))
    change(folder, LATER.replace("02-20", "03-20"))
    store.fail("PUT", "/manifest.json", answering("412 Precondition Failed", "PreconditionFailed"))
    store.requests.clear()
    with pytest.raises(Overtaken):
        publish(folder, place, late)
    assert [] == store.named("DELETE")


def test_the_empty_object_of_a_console_is_no_file(folder: Path, store: ObjectStore) -> None:
    """Consoles make an object whose name ends with a slash for a new folder."""
    place = store.new_folder()
    for name in ("", "notes/"):
        put(place / name, b"")
    assert publish(folder, place).manifest == open_dataset(place).manifest


def test_errors_of_the_local_disk_do_not_blame_the_store(folder: Path, store: ObjectStore) -> None:
    """The working folder cannot be made where a file is."""
    place = store.new_folder()
    (folder / "file").touch()
    clock = SimulatedClock(NOW)
    with pytest.raises(RecordNotWritten, match="check the disk of this machine"):
        module.publish(
            reading(folder / RECORD, folder / "data/spool", clock.pause), place, clock.now, folder / "file/working"
        )


def test_a_working_folder_is_cleared(folder: Path, store: ObjectStore) -> None:
    """A killed publishing may have left files."""
    working = folder / "working"
    working.mkdir()
    (working / "left").touch()
    clock = SimulatedClock(NOW)
    opening = reading(folder / RECORD, folder / "data/spool", clock.pause)
    module.publish(opening, store.new_folder(), clock.now, working)
    assert not working.exists()


def test_what_a_killed_export_left_is_removed(
    folder: Path, store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files are among the temporary ones; those of an export that still runs stay, and those of others too."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    left, running, other = (
        tmp_path / "temporary" / name
        for name in (".poolscope-export.1.unfinished", ".poolscope-export.2.unfinished", "other")
    )
    for path in (left, other):
        path.mkdir(parents=True)
        (path / "part.parquet").touch()
    with made_and_held(running):
        publish(folder, store.new_folder())
        assert {running, other} == set((tmp_path / "temporary").iterdir())


def test_objects_of_others_stay(folder: Path, store: ObjectStore) -> None:
    """Where there is no manifest, nothing is written beside them; below a table's folder they are left alone."""
    place = store.new_folder()
    (place / "notes.txt").replace(b"x", None)
    with pytest.raises(InputRefused, match=r"has other files \(notes.txt\)"):
        publish(folder, place)
    assert ["notes.txt"] == list(place.files().objects)
    (place / "notes.txt").unlink()
    (place / "polls/project=p/month=2026-01/part-0.parquet").replace(b"x", None)
    publish(folder, place)
    publish(folder, place, timedelta(days=30))
    assert "polls/project=p/month=2026-01/part-0.parquet" in place.files().objects


def test_rows_that_the_record_lacks_are_never_lost(folder: Path, store: ObjectStore) -> None:
    """The files of the store are compared, and stay."""
    place = store.new_folder()
    before = publish(folder, place).manifest
    change(folder, "UPDATE scrapes SET run = run + INTERVAL 1 MICROSECOND")
    with pytest.raises(InputRefused, match="that the record lacks"):
        publish(folder, place)
    assert before == open_dataset(place).manifest


def other_process(folder: Path, place: Place) -> Callable[[], Published]:
    """Return a function that publishes another change, once."""

    def act() -> Published:
        change(folder, LATER.replace("02-20", "03-20"))
        return publish(folder, place_of(str(place), place.store.access) if isinstance(place, StorePath) else place)

    return act


@pytest.mark.parametrize("conditions", [True, False], ids=["conditional", "plain"])
@pytest.mark.parametrize("begun", [False, True], ids=["new", "former"])
def test_the_second_of_two_exporters_is_refused(
    folder: Path, store: ObjectStore, tmp_path: Path, begun: bool, conditions: bool
) -> None:
    """The dataset is that of the first one, whole, also in a store without conditional writes."""
    place = store.new_folder()
    if begun:
        publish(folder, place)
    if not conditions:
        store.fail("PUT", "/manifest.json", refuse_conditions)
    change(folder)
    results: list[Manifest] = []

    @contextmanager
    def opening() -> Iterator[Record]:
        with reading(folder / RECORD, tmp_path / "none", lambda _: None) as record:
            yield record
        results.append(other_process(folder, place)().manifest)

    with pytest.raises(LockHeld, match="another process published to s3://"):
        module.publish(opening(), place, lambda: NOW)
    assert results == [open_dataset(place).manifest]
    assert publish(folder, place).manifest == results[0]


def test_a_file_that_another_process_removed_is_named(folder: Path, store: ObjectStore) -> None:
    """A manifest never names a file that is not there: the former dataset stays."""
    place = store.new_folder()
    former = publish(folder, place).manifest
    change(folder)

    @contextmanager
    def opening() -> Iterator[Record]:
        with reading(folder / RECORD, folder / "none", lambda _: None) as record:
            yield record
        (
            place / next(iter(place.files().objects.keys() - {"manifest.json"} - {file.path for file in former.files}))
        ).unlink()

    with pytest.raises(RecordNotWritten, match=r"snapshots/\S+ is not there as it was written"):
        module.publish(opening(), place, lambda: NOW)
    assert former == open_dataset(place).manifest


def test_a_publication_in_the_last_moment_is_not_replaced(folder: Path, store: ObjectStore) -> None:
    """The store compares the tag with the write of the manifest."""
    place = store.new_folder()
    publish(folder, place)
    change(folder)
    store.fail("PUT", "/manifest.json", after(other_process(folder, place)), times=1)
    with pytest.raises(LockHeld):
        publish(folder, place)
    assert "2026-03-20T00:00:00Z" in {file.last_slot for file in open_dataset(place).manifest.files}


def test_a_store_without_conditional_writes_is_written(folder: Path, store: ObjectStore) -> None:
    """With a plain write, after the tag was compared."""
    place = store.new_folder()
    store.fail("PUT", "/manifest.json", refuse_conditions)
    for _ in range(2):
        change(folder, LATER)
        assert publish(folder, place).manifest == open_dataset(place).manifest


def test_a_lost_answer_is_no_other_process(folder: Path, store: ObjectStore) -> None:
    """The manifest was written by the attempt whose answer did not come."""
    place = store.new_folder()
    store.fail("PUT", "/manifest.json", lose_answer, times=1)
    assert publish(folder, place).manifest == open_dataset(place).manifest


def test_an_answer_that_never_comes_is_no_failure(folder: Path, store: ObjectStore) -> None:
    """The manifest is read again; where that fails too, the message does not say that the dataset is as before."""
    place = store.new_folder()
    store.fail("PUT", "/manifest.json", lose_answer)
    assert publish(folder, place).manifest == open_dataset(place).manifest
    change(folder)
    store.begin()

    def lose_both(environ: dict[str, Any], start: Callable[..., Any], app: Callable[..., Any]) -> Iterable[bytes]:
        store.fail("GET", "/manifest.json", cut_answer)
        return lose_answer(environ, start, app)

    store.fail("PUT", "/manifest.json", lose_both)
    with pytest.raises(RecordNotWritten, match=r"is the former or the new one, which is not known \(the connection"):
        publish(folder, place)


@pytest.mark.parametrize("end", [".parquet", "/manifest.json"])
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (cut_upload, "the connection failed"),
        (answering("403 Forbidden", "AccessDenied"), r"refused it \(AccessDenied\): check the keys"),
        (answering("503 Slow Down", "SlowDown"), r"fewer requests, at every attempt \(SlowDown\): try again later"),
        (answering("500 Internal Server Error", "InternalError"), "InternalError"),
    ],
    ids=["cut", "403", "503", "500"],
)
def test_a_failed_upload_leaves_the_former_dataset(
    folder: Path, store: ObjectStore, fault: Fault, reason: str, end: str
) -> None:
    """The message names the object and the reason, without the key that the answer repeats; the next export goes on."""
    place = store.new_folder()
    former = publish(folder, place).manifest
    rows = content(place)
    change(folder)
    store.fail("PUT", end, fault)
    with pytest.raises(RecordNotWritten, match=reason) as refusal:
        publish(folder, place)
    assert end in str(refusal.value)
    assert str(place) in str(refusal.value)
    assert KEY not in str(refusal.value)
    assert (former, rows) == (open_dataset(place).manifest, content(place))
    store.begin()
    assert former != publish(folder, place).manifest == open_dataset(place).manifest


@pytest.mark.parametrize("method", ["PUT", "GET", "HEAD"])
def test_throttled_requests_are_repeated(folder: Path, store: ObjectStore, method: str) -> None:
    """As is a connection that breaks off in an answer: one failure is no failure."""
    place = store.new_folder()
    publish(folder, place)
    change(folder)
    store.fail(method, ".parquet" if "PUT" == method else ".json", answering("503 Slow Down", "SlowDown"), times=1)
    assert publish(folder, place).manifest == open_dataset(place).manifest


def test_an_answer_that_breaks_off_is_asked_for_again(folder: Path, store: ObjectStore) -> None:
    """Twice; then the file is named."""
    place = store.new_folder()
    publish(folder, place)
    rows = content(place_of(str(place), place.store.access))
    store.fail("GET", ".parquet", cut_answer, times=2)
    assert rows == content(place_of(str(place), place.store.access))
    store.fail("GET", ".parquet", cut_answer)
    with pytest.raises(RecordUnreadable, match=r"/\S+\.parquet could not be read: the connection failed"):
        content(place_of(str(place), place.store.access))


HARMS: dict[str, tuple[Callable[[StorePath, StorePath], object], str]] = {
    "no manifest": (lambda place, _: (place / "manifest.json").unlink(), "has no manifest.json"),
    "cut manifest": (lambda place, _: put(place / "manifest.json", b'{"format'), "manifest.json is damaged"),
    "foreign": (lambda place, _: put(place / "manifest.json", b'{"name": "x"}'), "not that of a dataset"),
    "newer": (lambda place, _: edit(place, version=2), "newer Poolscope"),
    "missing": (lambda _, file: file.unlink(), r"snapshots/\S+ is missing"),
    "cut": (lambda _, file: put(file, b"PAR1"), r"snapshots/\S+ has 4 bytes instead of"),
    "zeros": (lambda _, file: put(file, bytes(file.size())), r"snapshots/\S+ has changed since"),
}


def put(path: StorePath, content: bytes) -> None:
    path.store.client._call("put_object", path.key, Body=content)


def edit(place: StorePath, **values: object) -> None:
    manifest = json.loads((place / "manifest.json").read_text()) | values
    put(place / "manifest.json", json.dumps(manifest).encode())


@pytest.mark.parametrize("harm", HARMS)
def test_what_is_not_a_whole_dataset_is_refused(folder: Path, store: ObjectStore, harm: str) -> None:
    """The message names the manifest or the file; contents are compared once DuckDB cannot read them."""
    place = store.new_folder()
    manifest = publish(folder, place).manifest
    do_harm, message = HARMS[harm]
    do_harm(place, place / next(file.path for file in manifest.files if "snapshots" == file.table))
    with pytest.raises(RecordUnreadable, match=message) as refusal:
        content(place)
    assert str(place) in str(refusal.value)


def test_a_file_that_is_lost_while_it_is_read_is_named(folder: Path, store: ObjectStore) -> None:
    """Also where the store refuses it."""
    place = store.new_folder()
    publish(folder, place)
    opened = opener(place, Path("none"), lambda _: None)
    store.fail("GET", ".parquet", answering("403 Forbidden", "AccessDenied"))
    with (
        pytest.raises(RecordUnreadable, match=r"/\S+\.parquet could not be read: the store refused it") as refusal,
        opened() as r,
    ):
        r.execute("SELECT sum(total) FROM scrapes").fetchall()
    assert "Traceback" not in str(refusal.value)


def test_a_refused_comparison_names_the_file(folder: Path, store: ObjectStore) -> None:
    """Where rows changed, the exporter reads the former file."""
    place = store.new_folder()
    former = publish(folder, place).manifest
    change(folder, "UPDATE scrapes SET total = total + 1")
    store.fail("GET", ".parquet", answering("403 Forbidden", "AccessDenied"), times=1)
    with pytest.raises(
        RecordUnreadable, match=r"scrapes/\S+\.parquet could not be read: the store refused it"
    ) as refusal:
        publish(folder, place)
    assert "Traceback" not in str(refusal.value)
    assert former == open_dataset(place).manifest


def test_a_missing_or_changed_size_is_written_again(folder: Path, store: ObjectStore) -> None:
    """The next export repairs what a listing shows."""
    place = store.new_folder()
    first = publish(folder, place).manifest
    missing, cut, *_ = [place / file.path for file in first.files]
    missing.unlink()
    put(cut, b"PAR1")
    assert 2 == publish(folder, place).written
    assert first.files == open_dataset(place).manifest.files


def test_the_command_takes_keys_from_files_of_their_owner(folder: Path, store: ObjectStore) -> None:
    """With the endpoint of the configuration; keys that others can read are refused, and no output has a key."""
    place = store.new_folder()
    (folder / "ak").write_text(f"{KEY}\n")
    (folder / "sk").write_text(f"{SECRET}\n")
    settings = f'endpoint = "{store.endpoint}"\nregion = "us-east-1"\naccess_key_file = "ak"\nsecret_key_file = "sk"'
    configure(folder, "http://127.0.0.1:9", f"[dataset]\n{settings}")
    none = dict.fromkeys(("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "")
    (folder / "ak").chmod(0o600)
    (folder / "sk").chmod(0o644)
    done = poolscope(folder, "export", "--dataset", str(place), **none)
    assert 2 == done.returncode
    assert "dataset.secret_key_file" in done.stderr
    assert "chmod 600" in done.stderr
    (folder / "sk").chmod(0o600)
    done = poolscope(folder, "export", "--dataset", str(place), **none)
    assert 0 == done.returncode, done.stderr
    assert str(place) == json.loads(done.stdout)["folder"]
    assert content(place) == content(folder / RECORD)


def test_the_command_says_what_is_wrong(folder: Path, store: ObjectStore) -> None:
    """Without a traceback: exit 4 for a refused write, a missing bucket and missing keys."""
    place = store.new_folder()
    store.fail("PUT", ".parquet", answering("403 Forbidden", "AccessDenied"))
    for address, variables, message in (
        (str(place), {}, "refused it (AccessDenied)"),
        ("s3://no-such-bucket/x", {}, "NoSuchBucket"),
        (
            str(place),
            {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
            "there are no keys: set AWS_ACCESS_KEY_ID",
        ),
    ):
        done = poolscope(folder, "export", "--dataset", address, **variables)
        assert 4 == done.returncode, done.stderr
        assert message in done.stderr
        assert "Traceback" not in done.stderr


def test_an_address_without_a_bucket_is_refused(folder: Path) -> None:
    """Exit 5, before anything is asked for."""
    assert 5 == poolscope(folder, "export", "--dataset", "s3:///x").returncode


def test_keys_in_the_configuration_are_a_pair(folder: Path) -> None:
    """One file without the other is a problem of the configuration."""
    configure(folder, "http://127.0.0.1:9", '[dataset]\naccess_key_file = "ak"')
    with pytest.raises(ConfigError, match="set both access_key_file and secret_key_file"):
        Context({}, config_file=folder / "poolscope.toml").place("s3://bucket/ds")


WITHOUT_S3FS = """
import sys
sys.modules["s3fs"] = None
import runpy
runpy.run_module("collector", run_name="__main__")
"""


@pytest.mark.parametrize("words", [("export", "--dataset", "s3://b/x"), ("waits", "--db", "s3://b/x")])
def test_a_missing_extra_is_named(folder: Path, words: tuple[str, ...]) -> None:
    """Exit 2, for the exporter and for a reader."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_S3FS, *words], cwd=folder, capture_output=True, text=True, check=False
    )
    assert 2 == done.returncode
    assert "pip install 'poolscope[s3]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_each_thread_reads_at_its_own_position(store: ObjectStore) -> None:
    """DuckDB's threads share an open file: one may set its position between another one's `seek` and `read`."""
    place = store.new_folder()
    content = bytes(range(256)) * 20_000
    put(place / "file", content)
    file = place.store.client.served(place.key, {"file": len(content)}, Served()).open("dataset://file")
    file.seek(1_048_570)
    with ThreadPoolExecutor(1) as other:
        assert content[-9:] == other.submit(lambda: file.seek(-9, os.SEEK_END) and file.read(50)).result()
    assert content[1_048_570:2_200_000] == file.read(2_200_000 - 1_048_570)
    assert 2_200_000 == file.tell()


def test_a_listing_goes_on_after_its_first_page(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """With names that need quoting."""
    place = store.new_folder()
    names = sorted(f"{number} +%2F#'项.txt" for number in range(5))
    for name in names:
        put(place / name, b"x")
    client = place.store.client
    call = client._call
    monkeypatch.setattr(client, "_call", lambda operation, key, **values: call(operation, key, MaxKeys=2, **values))
    assert names == list(place.files().objects)
    assert 3 == len(store.named("GET"))


def test_a_listing_without_an_end_is_an_error(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page without objects that says there are more would be asked for again and again."""
    place = store.new_folder()
    monkeypatch.setattr(place.store.client, "_call", lambda *_, **_values: {"IsTruncated": True})
    with pytest.raises(OSError, match="listing ended too early"):
        place.files()


@pytest.mark.parametrize("date", ["", "yesterday", "Thu, 99 Jan 2026 00:00:00 GMT"])
def test_a_store_may_not_know_the_time(store: ObjectStore, monkeypatch: pytest.MonkeyPatch, date: str) -> None:
    """Then the clock of this machine is used alone."""
    place = store.new_folder()
    answer = {"ResponseMetadata": {"HTTPHeaders": {"date": date}}}
    monkeypatch.setattr(place.store.client, "_call", lambda *_, **_values: answer)
    assert place.files().at is None


def test_a_server_that_ignores_ranges_is_named(store: ObjectStore) -> None:
    """Its bytes would be those of another place of the file."""

    def whole(environ: dict[str, Any], start: Callable[..., Any], app: Callable[..., Any]) -> Iterable[bytes]:
        environ.pop("HTTP_RANGE", None)
        answer: Iterable[bytes] = app(environ, start)
        return answer

    place = store.new_folder()
    put(place / "file", b"0123456789")
    store.fail("GET", "/file", whole)
    with pytest.raises(OSError, match="more than was asked for"):
        place.store.client.read((place / "file").key, 4, 6)


@pytest.mark.parametrize("top", ["com", "eu"])
@pytest.mark.parametrize("from_environment", [False, True])
def test_obs_has_the_bucket_in_the_name_of_the_host(
    monkeypatch: pytest.MonkeyPatch, from_environment: bool, top: str
) -> None:
    """OBS takes no other address, wherever its endpoint is set."""
    endpoint = f"https://obs.cn-north-4.myhuaweicloud.{top}"
    for name, value in {"AWS_ENDPOINT_URL": endpoint, "AWS_EC2_METADATA_DISABLED": "true"}.items():
        monkeypatch.setenv(name, value)
    place = place_of("s3://bucket/x", Access(None if from_environment else endpoint, "cn-north-4", "key", "secret"))
    assert isinstance(place, StorePath)
    assert place.store.client._s3.url("bucket/x/a").startswith(
        f"https://bucket.obs.cn-north-4.myhuaweicloud.{top}/x/a?"
    )
