"""Polls publish the configured dataset when it is due; no slot, no reader and no other command is harmed by that."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from collector.clock import SimulatedClock
from collector.commands.collect import command as collect
from collector.context import Context
from collector.record.dataset import open_dataset
from collector.record.slots import naive
from collector.sandbox.behaviour import ACCESS_KEY, SECRET_KEY
from collector.storage.last_publishing import LastPublishing, last_publishing, overdue
from collector.storage.lock import holding
from collector.storage.publish import LOCK
from collector.storage.publishing import publish_when_due
from tests.collector.commands.test_watch import EVERY_SECOND, observed, watching
from tests.polling import GOOD, START, configure, environment, poolscope, rows
from tests.scripted import Scripted, answer
from tests.stores import KEY, SECRET, ObjectStore, answering, server, store

__all__ = ["server", "store"]

pytestmark = pytest.mark.floor

RECORD = Path("data/poolscope.duckdb")
KEYS = {"HUAWEICLOUD_SDK_AK": ACCESS_KEY, "HUAWEICLOUD_SDK_SK": SECRET_KEY}
FINE = answer(200, GOOD)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
# Python runs this at its start. A process that publishes stops itself before its first file appears.
STOPPING = """
import os, pathlib, signal, sys

def stop(event, arguments):
    if "os.rename" == event and str(arguments[1]).endswith(".parquet"):
        pathlib.Path("stopped").write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGSTOP)

sys.addaudithook(stop)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder for a record, with code that stops a publishing where it is on the path."""
    # A poll of this process would slow down all later tests.
    monkeypatch.setattr(os, "nice", lambda _: 0)
    (tmp_path / "stopping").mkdir()
    (tmp_path / "stopping/sitecustomize.py").write_text(STOPPING)
    return tmp_path


def set_up(folder: Path, endpoint: str, dataset: str = 'path = "ds"', interval: str = 'interval = "1m"') -> None:
    configure(folder, endpoint, f'pools = ["a"]\n[dataset]\n{dataset}', interval)


def tick(folder: Path, now: datetime) -> int:
    """Run `collect` at a time, and return its exit code."""
    return int(
        collect.main([], standalone_mode=False, obj=Context(KEYS, SimulatedClock(now), folder / "poolscope.toml"))
    )


def slots(folder: Path) -> int:
    return int(rows(folder / RECORD, "SELECT count(DISTINCT slot) FROM scrapes WHERE outcome = 'ok'")[0][0])


def published_slots(folder: Path) -> int:
    scrapes = open_dataset(folder / "ds").rows_of("scrapes")
    with duckdb.connect() as connection:
        return int(connection.execute(f"SELECT count(*) FROM {scrapes} WHERE outcome = 'ok'").fetchall()[0][0])


def unexpected(events: list[dict[str, Any]], *expected: str) -> set[str]:
    """Return the events of a watch but those expected; on a busy machine, requests of a slot of a second may fail."""
    usual = {"watching", "polled", "ended", "failed", "more_failed", "out_of_time"}
    return {line["event"] for line in events} - usual - set(expected)


def last_slot(folder: Path) -> str | None:
    return open_dataset(folder / "ds").manifest.last_slot


def stopped_process(folder: Path) -> int:
    """Return the number of the process that stopped itself, once it has."""
    while not (folder / "stopped").exists() or not (number := (folder / "stopped").read_text()):
        time.sleep(0.01)  # between two looks
    while "\nState:\tT" not in Path(f"/proc/{number}/status").read_text():
        time.sleep(0.01)  # between two looks
    return int(number)


def stopping(folder: Path) -> dict[str, str]:
    return environment(**KEYS, PYTHONPATH=str(folder / "stopping"))


def finding(folder: Path, what: str) -> dict[str, Any]:
    findings = json.loads(poolscope(folder, "doctor", "--json").stdout)
    return next(finding for finding in findings if what == finding["what"])


def test_a_poll_publishes_when_it_is_due_and_not_before(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The first poll of each hour publishes, silently, also what was polled since; others do not."""
    with Scripted({}, FINE) as server:
        set_up(folder, server.endpoint)
        expected = {START: START, START + 59 * MINUTE: START, START + HOUR: START + HOUR}
        for now, published in expected.items():
            assert 0 == tick(folder, now)
            assert f"{published:%Y-%m-%dT%H:%M:%SZ}" == last_slot(folder)
    assert ("", "") == capfd.readouterr()
    assert slots(folder) == open_dataset(folder / "ds").manifest.rows["scrapes"] == 3


def test_a_poll_publishes_to_an_object_store(folder: Path, store: ObjectStore) -> None:
    """With the endpoint and the key files of the configuration; `doctor` reads it there."""
    place = store.new_folder()
    for name, key in (("ak", KEY), ("sk", SECRET)):
        (folder / name).write_text(key)
        (folder / name).chmod(0o600)
    files = 'access_key_file = "ak"\nsecret_key_file = "sk"'
    with Scripted({}, FINE) as server:
        set_up(
            folder, server.endpoint, f'path = "{place}"\nendpoint = "{store.endpoint}"\nregion = "us-east-1"\n{files}'
        )
        assert 0 == tick(folder, START)
    assert f"{START:%Y-%m-%dT%H:%M:%SZ}" == open_dataset(place).manifest.last_slot
    variables = {"AWS_ENDPOINT_URL": "", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    findings = json.loads(poolscope(folder, "doctor", "--json", **variables).stdout)
    (found,) = (finding for finding in findings if "dataset" == finding["what"])
    assert ("ok", True) == (found["severity"], str(place) in found["message"]), found


@pytest.mark.parametrize("change", ["other path", "clock set back", "note damaged"])
def test_a_new_dataset_is_due_at_once(folder: Path, change: str) -> None:
    """So is one whose last publishing is not known, or is in the future."""
    with Scripted({}, FINE) as server:
        set_up(folder, server.endpoint)
        assert 0 == tick(folder, START)
        note = folder / "data/poolscope.duckdb.published"
        if change == "other path":
            set_up(folder, server.endpoint, 'path = "other"')
        elif change == "note damaged":
            note.write_text('{"path')
        assert 0 == tick(folder, START + (-MINUTE if change == "clock set back" else MINUTE))
    assert 2 == open_dataset(folder / ("other" if change == "other path" else "ds")).manifest.rows["scrapes"]


def test_a_poll_during_a_publishing_is_stored(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It stays in the spool, silently; a killed publishing leaves the former dataset, and the next poll drains."""
    now = datetime.now(UTC)
    with Scripted({}, FINE) as server:
        set_up(folder, server.endpoint)
        assert 0 == tick(folder, now - HOUR)
        former = open_dataset(folder / "ds")
        with subprocess.Popen(
            [sys.executable, "-m", "collector", "collect"], cwd=folder, env=stopping(folder)
        ) as first:
            try:
                assert first.pid == stopped_process(folder)
                assert 0 == tick(folder, now + MINUTE)
                assert ("", "") == capfd.readouterr()
                assert 1 == len(list((folder / "data/spool").glob("*.ndjson")))
            finally:
                first.kill()
        assert former == open_dataset(folder / "ds")
        assert 0 == tick(folder, now + 2 * MINUTE)
        assert 4 == slots(folder)
        # The one that was killed counts as a try.
        assert 0 == tick(folder, now + 2 * HOUR)
    assert 5 == open_dataset(folder / "ds").manifest.rows["scrapes"]


@pytest.mark.parametrize("lock", ["data/poolscope.duckdb.publishing.lock", f"ds/{LOCK}"])
def test_two_publishings_never_run_at_once(folder: Path, capfd: pytest.CaptureFixture[str], lock: str) -> None:
    """Neither beside that of a poll nor beside an export to the same folder: the second is skipped silently."""
    with Scripted({}, FINE) as server:
        set_up(folder, server.endpoint)
        assert 0 == tick(folder, START)
        with holding(folder / lock, "publishing"):
            assert 0 == tick(folder, START + HOUR)
        assert f"{START:%Y-%m-%dT%H:%M:%SZ}" == last_slot(folder)
        assert 0 == tick(folder, START + 2 * HOUR)
    assert ("", "") == capfd.readouterr()
    assert f"{START + 2 * HOUR:%Y-%m-%dT%H:%M:%SZ}" == last_slot(folder)


def test_a_publishing_that_failed_is_tried_again_within_a_quarter_of_an_hour(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Where a period is a week, too; meanwhile polls are silent."""
    (folder / "ds").mkdir()
    (folder / "ds/notes.txt").touch()
    with Scripted({}, FINE) as server:
        set_up(folder, server.endpoint, 'path = "ds"\nevery = "7d"')
        for minutes, warnings in {0: 1, 14: 0, 15: 1, 16: 0}.items():
            assert 0 == tick(folder, START + minutes * MINUTE)
            assert warnings == capfd.readouterr().err.count("not_published")
        (folder / "ds/notes.txt").unlink()
        assert 0 == tick(folder, START + 30 * MINUTE)
    assert f"{START + 30 * MINUTE:%Y-%m-%dT%H:%M:%SZ}" == last_slot(folder)


def test_keys_that_others_can_read_are_noted(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One warning, not one at each poll; status and doctor have it."""
    for name in ("ak", "sk"):
        (folder / name).write_text("key")
        (folder / name).chmod(0o644)
    with Scripted({}, FINE) as server:
        set_up(folder, server.endpoint, 'path = "s3://bucket/ds/"\naccess_key_file = "ak"\nsecret_key_file = "sk"')
        for minutes, warnings in {0: 1, 1: 0}.items():
            assert 0 == tick(folder, START + minutes * MINUTE)
            assert warnings == capfd.readouterr().err.count("not_published")
    assert "chmod 600" in json.loads(poolscope(folder, "status", "--json").stdout)["dataset"]["problem"]


def test_another_exporter_to_a_store_is_noted(folder: Path, store: ObjectStore) -> None:
    """It would go on for ever otherwise, and nobody would know."""
    place = store.new_folder()
    store.fail("PUT", "/manifest.json", answering("412 Precondition Failed", "PreconditionFailed"))
    with Scripted({}, FINE) as server:
        set_up(folder, server.endpoint, f'path = "{place}"')
        assert 0 == tick(folder, START)
    assert "another process published to" in finding(folder, "publishing")["message"]


@pytest.mark.usefixtures("store")
def test_doctor_shows_the_whole_problem_of_a_store(folder: Path) -> None:
    """With the store's error code, and without the fix of another problem; the other checks go on."""
    with Scripted({}, FINE) as server:
        set_up(folder, server.endpoint, 'path = "s3://no-such-bucket/ds"')
        assert 0 == tick(folder, START)
        dataset = finding(folder, "dataset")
        assert ("error", None) == (dataset["severity"], dataset["fix"])
        assert "there is none (NoSuchBucket)" in dataset["message"]
        assert "s3://no-such-bucket/ds" in dataset["message"]
        assert "warning" == finding(folder, "publishing")["severity"]


def test_a_defect_is_noted(folder: Path) -> None:
    """And ends the command as other defects do."""
    database = folder / RECORD
    with pytest.raises(ZeroDivisionError):
        publish_when_due(database, folder / "spool", folder / "ds", lambda _: 1 / 0, HOUR, SimulatedClock(START))  # type: ignore[arg-type,return-value]
    last = last_publishing(database, folder / "ds")
    assert last is not None
    assert "ZeroDivisionError: division by zero" == last.problem


def test_a_new_dataset_is_not_overdue(folder: Path) -> None:
    """Nobody could have published it; nor is one whose first publishing runs still."""
    with Scripted({}, FINE) as server:
        set_up(folder, server.endpoint, "")
        for now in (START, START + 9 * HOUR):
            assert 0 == tick(folder, now)
        set_up(folder, server.endpoint)
        assert ("ok", True) == (
            finding(folder, "publishing")["severity"],
            finding(folder, "publishing")["message"].endswith("never"),
        )
    last = LastPublishing("ds", naive(START + 9 * HOUR), None, None, naive(START + 9 * HOUR))
    assert [False, True] == [overdue(last, HOUR, naive(START + hours * HOUR)) for hours in (11, 13)]


def test_a_first_publishing_that_is_killed_each_time_is_overdue(folder: Path) -> None:
    """Each try is noted before it begins: what was tried for three hours without an end is overdue."""
    database = folder / RECORD

    def kill(_: Path | str) -> Path:
        raise SystemExit

    for hour in range(5):
        clock = SimulatedClock(START + hour * HOUR)
        with pytest.raises(SystemExit):
            publish_when_due(database, folder / "spool", folder / "ds", kill, HOUR, clock)
        last = last_publishing(database, folder / "ds")
        assert last is not None
        assert (hour > 3) == overdue(last, HOUR, naive(START + hour * HOUR))


def test_prune_says_that_the_dataset_keeps_the_rows(folder: Path) -> None:
    """The next publishing is refused."""
    with Scripted({}, FINE) as server:
        set_up(folder, server.endpoint)
        for now in (START, START + 9 * HOUR):
            assert 0 == tick(folder, now)
        done = poolscope(folder, "prune", "--before", f"{START + HOUR:%Y-%m-%dT%H:%M}", "--yes")
    assert 0 == done.returncode, done.stderr
    assert "dataset_keeps_rows" == json.loads(done.stderr)["event"]


def test_a_publishing_that_fails_warns_once_a_period(folder: Path) -> None:
    """The exit code is that of the poll; status and doctor have the cause, also when the dataset cannot be read."""
    (folder / "ds").mkdir()
    (folder / "ds/notes.txt").touch()
    with Scripted({}, FINE) as server:
        set_up(folder, server.endpoint, 'path = "ds"\nevery = "7d"', 'interval = "1d"')
        assert 0 == tick(folder, datetime.now(UTC) - timedelta(days=7))
        done = [poolscope(folder, "collect") for _ in range(2)]
        assert [0, 0] == [one.returncode for one in done]
        assert ["not_published", None] == [json.loads(one.stderr)["event"] if one.stderr else None for one in done]
        assert "has other files (notes.txt)" in done[0].stderr
        assert ["notes.txt"] == [path.name for path in (folder / "ds").iterdir()]
        assert "has other files" in json.loads(poolscope(folder, "status", "--json").stdout)["dataset"]["problem"]
        assert "not_published" in poolscope(folder, "status").stderr
        assert "error" == finding(folder, "dataset")["severity"]
        assert "notes.txt" in finding(folder, "publishing")["message"]
        (folder / "ds/notes.txt").rename(folder / "ds/manifest.json")
        assert "manifest.json is damaged" in finding(folder, "dataset")["message"]


def test_status_and_doctor_tell_when_it_was_published(folder: Path) -> None:
    """And that it is overdue, when polls go on for three times `every`; a damaged file is named."""
    now = datetime.now(UTC)
    with Scripted({}, FINE) as server:
        set_up(folder, server.endpoint)
        assert finding(folder, "publishing")["message"].endswith("never")
        assert 0 == tick(folder, now - 4 * HOUR)
        assert f"last published {now - 4 * HOUR:%Y-%m-%d %H:%M}Z" == finding(folder, "publishing")["message"]
        assert "ok" == finding(folder, "dataset")["severity"]
        set_up(folder, server.endpoint, "")
        assert json.loads(poolscope(folder, "status", "--json").stdout)["dataset"] is None
        assert 0 == tick(folder, now)
        set_up(folder, server.endpoint)
        dataset = json.loads(poolscope(folder, "status", "--json").stdout)["dataset"]
        assert (True, None) == (dataset["overdue"], dataset["problem"])
        done = poolscope(folder, "status")
        assert f"last published {now - 4 * HOUR:%Y-%m-%d %H:%M}Z" in done.stdout
        assert "overdue" == json.loads(done.stderr)["event"]
        assert "polls go on" in finding(folder, "publishing")["message"]
        next((folder / "ds").rglob("*.parquet")).unlink()
        assert "is missing" in finding(folder, "dataset")["message"]
        assert 0 == poolscope(folder, "collect").returncode
        assert "ok" == finding(folder, "dataset")["severity"]
        assert "ok" == finding(folder, "publishing")["severity"]


def test_watch_publishes_while_it_polls(folder: Path) -> None:
    """In a process of its own, again and again; the slots are in the dataset."""
    with Scripted({}, FINE) as server:
        set_up(folder, server.endpoint, 'path = "ds"\nevery = "5s"', EVERY_SECOND)
        with watching(folder) as watch:
            watch.until(observed, 2)
            # The first one may have begun before the second slot was stored; the second one begins after the first.
            watch.until(lambda line: line["event"] == "published", 2)
            assert 0 == watch.end()
    assert set() == unexpected(watch.events, "published")
    assert 2 <= published_slots(folder) <= slots(folder)


def test_a_publishing_ends_with_watch_and_costs_no_slot(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Polls go on beside it, without a warning; at SIGTERM it is killed, and all answers are stored."""
    monkeypatch.setenv("PYTHONPATH", str(folder / "stopping"))
    with Scripted({}, FINE) as server:
        set_up(folder, server.endpoint, 'path = "ds"\nevery = "5s"', EVERY_SECOND)
        with watching(folder) as watch:
            publishing = stopped_process(folder)
            already = len(watch.events)
            watch.until(observed, already + 3)
            assert 0 == watch.end()
    assert set() == unexpected(watch.events)
    assert not Path(f"/proc/{publishing}").exists()
    assert not (folder / "ds/manifest.json").exists()
    monkeypatch.delenv("PYTHONPATH")
    assert 0 == poolscope(folder, "export", "--dataset", "ds").returncode
    polled = sum(line["observed"] for line in watch.events if line["event"] == "polled")
    assert polled == published_slots(folder)


def test_a_publishing_ends_at_sigterm(folder: Path) -> None:
    """The poll before it is stored."""
    with Scripted({}, FINE) as server:
        set_up(folder, server.endpoint)
        with subprocess.Popen(
            [sys.executable, "-m", "collector", "collect"], cwd=folder, env=stopping(folder)
        ) as first:
            os.kill(stopped_process(folder), signal.SIGTERM)
            os.kill(first.pid, signal.SIGCONT)
            assert -signal.SIGTERM == first.wait()
    assert 1 == slots(folder)


def test_the_command_for_watch_needs_a_dataset(folder: Path) -> None:
    """Exit 2 without the section; where nothing is due it does nothing."""
    configure(folder, "http://127.0.0.1:9")
    assert 2 == poolscope(folder, "publish").returncode
    with Scripted({}, FINE) as server:
        set_up(folder, server.endpoint, 'path = "ds"\nevery = "7d"')
        assert 0 == poolscope(folder, "collect").returncode
        done = poolscope(folder, "publish")
        assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
