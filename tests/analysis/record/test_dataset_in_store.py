"""A dataset in an object store in place of the database: every estimate has the numbers of the folder's dataset."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis import History
from collector.record import RecordUnreadable
from collector.record.places import StorePath
from tests.analysis.record.test_dataset import QUESTIONS, ROOT
from tests.dirty import dirty_copy
from tests.polling import poolscope
from tests.stores import KEY, ObjectStore, answering, server, store

__all__ = ["server", "store"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, server: ObjectStore) -> Path:
    """Return a folder with a record that has all kinds of defects, its dataset `ds`, and the address of one."""
    place = dirty_copy(tmp_path_factory)
    address = str(server.new_folder())
    (place / "address").write_text(address)
    done = poolscope(place, "export", "--dataset", address, **server.variables())
    assert 0 == done.returncode, done.stderr
    return place


@pytest.mark.parametrize(
    "question", ["counts", "attempts", "waits", "failures", "coverage", "trend", "load", "forecast"]
)
def test_every_question_has_the_same_answer(folder: Path, store: ObjectStore, question: str) -> None:
    """To the last bit, with keys and endpoint of the environment; nothing is listed."""
    of_folder, of_store = (
        getattr(History(place), question)(**QUESTIONS[question])
        for place in (folder / "ds", (folder / "address").read_text())
    )
    assert len(of_folder)
    pd.testing.assert_frame_equal(of_folder, of_store, check_exact=True)
    read = {path.rpartition("/")[2] for path in store.named("GET")}
    assert "manifest.json" in read
    assert all(name.endswith(".parquet") for name in read - {"manifest.json"})


def test_a_command_reads_it(folder: Path, store: ObjectStore) -> None:
    """With `--db s3://...` and the endpoint of the configuration the output is that of the folder."""
    address = (folder / "address").read_text()
    of_folder = poolscope(folder, "waits", "--format", "csv", "--db", "ds")
    variables = store.variables() | {"AWS_ENDPOINT_URL": "", "POOLSCOPE_DATASET__ENDPOINT": store.endpoint}
    of_store = poolscope(folder, "waits", "--format", "csv", "--db", address, **variables)
    assert 0 == of_store.returncode, of_store.stderr
    assert of_folder.stdout == of_store.stdout


def test_processes_read_it_too(folder: Path, store: ObjectStore) -> None:
    """Each over a connection of its own, with the endpoint of the configuration."""
    address = (folder / "address").read_text()
    of_folder = poolscope(folder, "waits", "--format", "csv", "--db", "ds")
    variables = store.variables() | {"AWS_ENDPOINT_URL": "", "POOLSCOPE_DATASET__ENDPOINT": store.endpoint}
    words = ("waits", "--format", "csv", "--db", address, "--on", "processes:2")
    of_store = poolscope(folder, *words, **variables)
    assert 0 == of_store.returncode, of_store.stderr
    assert of_folder.stdout == of_store.stdout


def test_a_refused_read_is_named(folder: Path, store: ObjectStore) -> None:
    """Exit 5, with the object and what to do, without a traceback; the repr of a History has the reason."""
    address = (folder / "address").read_text()
    store.fail("GET", ".parquet", answering("403 Forbidden", "AccessDenied"))
    message = re.escape(address) + r"/\S+\.parquet could not be read: the store refused it \(AccessDenied\): check"
    with pytest.raises(RecordUnreadable, match=message):
        History(address).waits()
    store.fail("GET", "manifest.json", answering("403 Forbidden", "AccessDenied"))
    assert "manifest.json cannot be read (the store refused it" in repr(History(address))
    done = poolscope(folder, "waits", "--db", address, **store.variables())
    assert 5 == done.returncode
    assert "manifest.json cannot be read (the store refused it" in done.stderr
    assert "Traceback" not in done.stderr
    assert KEY not in done.stderr


@pytest.mark.usefixtures("store")
def test_the_lines_of_the_documentation_read_it(folder: Path) -> None:
    """Those in `data/README.md` give the rows of the table."""
    section = (ROOT / "data/README.md").read_text(encoding="utf-8").partition("### In an object store")[2]
    lines = "\n".join(re.findall(r"(?m)^    (.*)$", section.partition("To read a table")[2]))
    address = (folder / "address").read_text()
    assert "s3://bucket/prefix" in lines
    place: dict[str, Any] = {}
    exec(lines.replace("s3://bucket/prefix", address), place)  # noqa: S102 - the lines that users copy
    listed = json.loads((folder / "ds/manifest.json").read_text())["files"]
    expected = sum(file["rows"] for file in listed if "snapshots" == file["table"])
    assert expected == len(place["snapshots"]) == len(place["frame"])


def test_the_same_connection_serves_all_questions(folder: Path, store: ObjectStore) -> None:
    """What one question has read, the next one does not read again."""
    history = History((folder / "address").read_text())
    assert isinstance(history.record.database, StorePath)
    history.counts()
    store.begin()
    history.counts()
    assert ["manifest.json"] == [path.rpartition("/")[2] for path in store.named("GET")]
