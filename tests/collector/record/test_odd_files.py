"""Wrong kinds of files, and file systems without locks: polls go on where they can, and doctor reports each."""

import errno
import fcntl
import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from collector.clock import SimulatedClock
from collector.config.settings import Config, Paths
from collector.doctor.files import look_at_compilation, look_at_files
from collector.errors import RecordNotWritten
from collector.polling import backoff
from collector.record import spool
from collector.storage.lock import writing
from tests.collector.api.test_outcomes import FINE
from tests.polling import START, collect, configure, poolscope, project, rows, take_in
from tests.scripted import Scripted

NAME = "20260101T000000Z-20260101T000000.000000Z.ndjson"
Make = Callable[[Path], object]


def pipe(path: Path) -> None:
    os.mkfifo(path)


def link_to_nothing(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere" / "at-all")


def folder_with_content(path: Path) -> None:
    path.mkdir()
    (path / "x").write_text("kept")


def problems(folder: Path, what: str) -> list[str]:
    """Return doctor's warnings and errors about one kind of file."""
    config = Config(paths=Paths(folder / "record.duckdb", folder / "spool"))
    return [finding.message for finding in look_at_files(config) if finding.what == what and finding.severity != "ok"]


@pytest.mark.parametrize("make", [pipe, link_to_nothing, folder_with_content])
def test_an_entry_that_is_not_a_file_is_set_aside_and_the_polls_go_in(tmp_path: Path, make: Make) -> None:
    """It is named like a poll: doctor reports it, the drain sets it aside unchanged and takes in the later polls."""
    (tmp_path / "spool").mkdir()
    make(tmp_path / "spool" / NAME)
    assert [f"{tmp_path / 'spool' / NAME} is not a regular file, so it cannot be a poll"] == problems(tmp_path, "spool")
    with Scripted({}, FINE) as server:
        collect(tmp_path, [project(server.endpoint, "a")])
    take_in(tmp_path)
    assert [(1,)] == rows(tmp_path / "record.duckdb", "SELECT count(*) FROM snapshots")
    assert [] == spool.waiting(tmp_path / "spool")
    assert [NAME] == [path.name for path in spool.set_aside_files(tmp_path / "spool")]


def test_a_damaged_file_that_cannot_be_set_aside_stays_and_the_others_go_in(tmp_path: Path) -> None:
    """A file has the name of the folder for it: the command names the file that stays, and its polls go in."""
    with Scripted({}, FINE) as server:
        configure(tmp_path, server.endpoint, 'pools = ["a"]')
        (tmp_path / "data/spool").mkdir(parents=True)
        (tmp_path / "data/spool" / NAME).write_text("half")
        (tmp_path / "data/spool/unreadable").write_text("taken")
        done = poolscope(tmp_path, "collect")
    assert 0 == done.returncode
    assert f'"staying", "file": "{tmp_path}/data/spool/{NAME}"' in done.stderr
    assert [("ok",)] == rows(tmp_path / "data/poolscope.duckdb", "SELECT outcome FROM scrapes")


@pytest.mark.parametrize("number", [errno.EROFS, errno.EIO])
def test_polls_that_cannot_be_removed_are_stored_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Their files stay after the drain; the next drain reads them again and drops the rows as duplicates."""

    def refuse(path: Path, **_: object) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    with Scripted({}, FINE) as server:
        for hour in range(2):
            collect(tmp_path, [project(server.endpoint, "a")], SimulatedClock(START + timedelta(hours=hour)))
            take_in(tmp_path)
    assert 2 == len(spool.waiting(tmp_path / "spool"))
    assert [(2,)] == rows(tmp_path / "record.duckdb", "SELECT count(*) FROM snapshots")


@pytest.mark.parametrize(
    "content",
    [
        '{"default": {"refusals": 1, "until": "2099-01-01T00:00:00"}}',
        '{"default": {"refusals": 1e999, "until": "2099-01-01T00:00:00+00:00"}}',
        '{"default": {"refusals": 1, "until": 4070908800}}',
        "[" * 100_000,
        '["default"]',
        "\udcff",
        None,
    ],
)
def test_a_damaged_pause_file_pauses_nothing(tmp_path: Path, content: str | None) -> None:
    """Doctor reports it, the poll asks all the same, and does not wait for a pipe in its place (None)."""
    (tmp_path / "spool").mkdir()
    file = tmp_path / "spool" / backoff.FILE
    if content is None:
        pipe(file)
    else:
        file.write_bytes(content.encode(errors="surrogateescape"))
    assert 1 == len(problems(tmp_path, "spool"))
    with Scripted({}, FINE) as server:
        result = collect(tmp_path, [project(server.endpoint, "a")])
    assert ["ok"] == [scrape.outcome for scrape in result.scrapes]


@pytest.mark.parametrize("make", [Path.mkdir, pipe, link_to_nothing])
def test_a_log_that_cannot_be_written_costs_no_sample(tmp_path: Path, make: Make) -> None:
    """The poll goes on and warns on standard error, which cron mails; doctor names the log."""
    with Scripted({}, FINE) as server:
        configure(tmp_path, server.endpoint, 'pools = ["a"]')
        (tmp_path / "data").mkdir()
        make(tmp_path / "data/collect.log")
        done = poolscope(tmp_path, "collect", "--log", "data/collect.log")
        output = poolscope(tmp_path, "doctor").stdout
    assert 0 == done.returncode
    assert "log_not_written" == json.loads(done.stderr)["event"]
    assert "collect.log cannot be written" in output


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EIO])
def test_a_file_system_without_locks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """The record cannot be locked: the error names the file and the reason, and doctor the kind of lock."""

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(RecordNotWritten, match=rf"record.duckdb.lock cannot be locked \({os.strerror(number)}\)"):
        writing(tmp_path / "record.duckdb").__enter__()
    assert all(f"flock: {os.strerror(number)}" in problem for problem in problems(tmp_path, "disk"))
    assert problems(tmp_path, "disk")


def test_a_read_only_installation_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where neither its folder nor a folder of the user can keep compiled functions; else there is nothing to say."""
    writable = tmp_path / "writable"
    monkeypatch.setattr("os.access", lambda path, _mode: Path(path) == writable)
    environment = {"HOME": str(tmp_path), "NUMBA_CACHE_DIR": str(writable / "not" / "yet")}
    (finding,) = look_at_compilation(environment)
    assert "warning" == finding.severity
    assert str(tmp_path / ".cache") in finding.message
    writable.mkdir()
    assert [] == list(look_at_compilation(environment))
