"""Files and file systems that are not what they should be: the poll goes on where it can, and doctor finds each."""

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
from collector.doctor.files import look_at_files
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


def found(folder: Path, what: str) -> list[str]:
    """Return what doctor says is not well with some files."""
    config = Config(paths=Paths(folder / "record.duckdb", folder / "spool"))
    return [finding.told for finding in look_at_files(config) if finding.what == what and finding.severity != "ok"]


@pytest.mark.parametrize("make", [pipe, link_to_nothing, folder_with_content])
def test_what_is_no_poll_is_set_aside_and_the_others_go_in(tmp_path: Path, make: Make) -> None:
    """It bears the name of a poll: doctor names it, the drain sets it aside as it is, and takes in what came after."""
    (tmp_path / "spool").mkdir()
    make(tmp_path / "spool" / NAME)
    assert [f"{tmp_path / 'spool' / NAME} is not a regular file, so it cannot be a poll"] == found(tmp_path, "spool")
    with Scripted({}, FINE) as server:
        collect(tmp_path, [project(server.endpoint, "a")])
    take_in(tmp_path)
    assert [(1,)] == rows(tmp_path / "record.duckdb", "SELECT count(*) FROM snapshots")
    assert [] == spool.waiting(tmp_path / "spool")
    assert [NAME] == [path.name for path in spool.set_aside_files(tmp_path / "spool")]


def test_what_cannot_be_set_aside_stays_and_the_others_go_in(tmp_path: Path) -> None:
    """The folder for it is a file: the command says which file stays, and its polls go into the database."""
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
def test_polls_that_cannot_be_removed_come_in_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Their files stay after the drain; the next one takes them in again and drops what is there."""

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
def test_a_pause_file_that_is_odd_pauses_nothing(tmp_path: Path, content: str | None) -> None:
    """Doctor names it, the poll asks, and a pipe in its place (None) is not waited for."""
    (tmp_path / "spool").mkdir()
    file = tmp_path / "spool" / backoff.FILE
    if content is None:
        pipe(file)
    else:
        file.write_bytes(content.encode(errors="surrogateescape"))
    assert 1 == len(found(tmp_path, "spool"))
    with Scripted({}, FINE) as server:
        seen = collect(tmp_path, [project(server.endpoint, "a")])
    assert ["ok"] == [scrape.outcome for scrape in seen.scrapes]


@pytest.mark.parametrize("make", [Path.mkdir, pipe, link_to_nothing])
def test_a_log_that_cannot_be_written_costs_no_sample(tmp_path: Path, make: Make) -> None:
    """The poll goes on and says so on standard error, where cron's mail has it; doctor names the log."""
    with Scripted({}, FINE) as server:
        configure(tmp_path, server.endpoint, 'pools = ["a"]')
        (tmp_path / "data").mkdir()
        make(tmp_path / "data/collect.log")
        done = poolscope(tmp_path, "collect", "--log", "data/collect.log")
        told = poolscope(tmp_path, "doctor").stdout
    assert 0 == done.returncode
    assert "log_not_written" == json.loads(done.stderr)["event"]
    assert "collect.log cannot be written" in told


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EIO])
def test_a_file_system_without_locks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """The lock of a record cannot be had: the refusal says which file and why, and doctor which kind of lock."""

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(RecordNotWritten, match=rf"record.duckdb.lock cannot be locked \({os.strerror(number)}\)"):
        writing(tmp_path / "record.duckdb").__enter__()
    assert all(f"flock: {os.strerror(number)}" in told for told in found(tmp_path, "disk"))
    assert found(tmp_path, "disk")
