"""`poolscope watch`: polls until a signal, despite other runs, readers and faults, and loses no answer."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from collector.sandbox.behaviour import ACCESS_KEY, SECRET_KEY
from collector.sandbox.server import Sandbox
from tests.polling import GOOD, configure, environment, rows
from tests.scripted import Scripted, StillPool, another_process, answer

RECORD = Path("data/poolscope.duckdb")
EVERY_SECOND = 'interval = "1s"'
MOST_LINES = 600
"""The test fails after this number of lines without the expected one."""
# The watch may be writing at that moment: a reader tries again, as a notebook would.
HOLD = """
import duckdb, sys, time

def connection():
    while True:
        try:
            return duckdb.connect(sys.argv[1], read_only=True)
        except duckdb.IOException:
            time.sleep(0.05)

with connection(): print("ready", flush=True); input()
"""
LOCK = """
import pathlib, sys
from collector.storage.lock import writing
with writing(pathlib.Path(sys.argv[1])): print("ready", flush=True); input()
"""


class Watch:
    """A running watch, and its events so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []

    def until(self, expected: Callable[[dict[str, Any]], bool], times: int = 1) -> None:
        """Read events until `times` of them are as expected."""
        assert self.process.stdout is not None
        while times:
            line = json.loads(self.process.stdout.readline())
            self.events.append(line)
            assert len(self.events) < MOST_LINES, self.events[-3:]
            times -= expected(line)

    def end(self) -> int:
        """Send SIGTERM, and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self) -> int:
        """Read all further events, and return the exit code."""
        assert self.process.stdout is not None
        self.events += [json.loads(line) for line in self.process.stdout]
        return self.process.wait()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the process until the end of the block."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitpid(self.process.pid, os.WUNTRACED)
        yield
        self.process.send_signal(signal.SIGCONT)


def observed(line: dict[str, Any]) -> bool:
    return line["event"] == "polled" and bool(line["observed"])


@contextmanager
def watching(folder: Path) -> Iterator[Watch]:
    keys = environment(HUAWEICLOUD_SDK_AK=ACCESS_KEY, HUAWEICLOUD_SDK_SK=SECRET_KEY)
    call = [sys.executable, "-u", "-m", "collector", "watch"]
    with subprocess.Popen(
        call, cwd=folder, env=keys, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield Watch(process)
        finally:
            process.kill()


def test_slot_after_slot_is_polled_until_a_signal(tmp_path: Path) -> None:
    """Three slots of a second are observed, each once; SIGTERM ends the watch with 0, and the spool is empty."""
    with Sandbox([StillPool("a")]) as sandbox:
        configure(tmp_path, sandbox.endpoint, 'pools = ["a"]', EVERY_SECOND)
        with watching(tmp_path) as watch:
            watch.until(observed, 3)
            assert 0 == watch.end()
    assert "watching" == watch.events[0]["event"]
    assert "ended" == watch.events[-1]["event"]
    polled = sum(line["observed"] for line in watch.events if line["event"] == "polled")
    stored = rows(tmp_path / RECORD, "SELECT count(*), count(DISTINCT slot) FROM scrapes WHERE outcome = 'ok'")
    assert [(polled, polled)] == stored
    assert [] == list((tmp_path / "data/spool").glob("*.ndjson"))


def test_the_current_slot_is_completed_after_a_signal(tmp_path: Path) -> None:
    """The signal comes before the answer: the slot is completed and in the database."""

    def answer_after_the_signal(client: socket.socket) -> None:
        requested.set()
        signalled.wait()
        answer(200, GOOD)(client)

    requested, signalled = threading.Event(), threading.Event()
    with Scripted({}, answer_after_the_signal) as server:
        configure(tmp_path, server.endpoint, 'pools = ["a"]', 'interval = "1d"')
        with watching(tmp_path) as watch:
            requested.wait()
            watch.process.send_signal(signal.SIGTERM)
            signalled.set()
            assert 0 == watch.ended()
    assert [("ok",)] == rows(tmp_path / RECORD, "SELECT outcome FROM scrapes")


def test_slots_are_skipped_while_another_run_writes(tmp_path: Path) -> None:
    """While another process holds the lock, slots are skipped with an event; afterwards, polling goes on."""
    (tmp_path / "data").mkdir()
    with Sandbox([StillPool("a")]) as sandbox:
        configure(tmp_path, sandbox.endpoint, 'pools = ["a"]', EVERY_SECOND)
        with watching(tmp_path) as watch:
            with another_process(LOCK, str(tmp_path / RECORD)):
                watch.until(lambda line: line["event"] == "left_out")
            watch.until(observed)
            assert 0 == watch.end()


def test_a_reader_and_a_broken_spool_do_not_end_the_watch(tmp_path: Path) -> None:
    """While a reader has the database open, answers wait in the spool; without a spool, slots fail with an event."""
    with Sandbox([StillPool("a")]) as sandbox:
        configure(tmp_path, sandbox.endpoint, 'pools = ["a"]', EVERY_SECOND)
        with watching(tmp_path) as watch:
            watch.until(observed)
            with another_process(HOLD, str(tmp_path / RECORD)):
                watch.until(lambda line: line["event"] == "spool_waits")
            watch.until(observed)
            spool = tmp_path / "data/spool"
            with watch.stopped():
                spool.rename(tmp_path / "data/away")
                spool.write_text("in the way")
            watch.until(lambda line: line["event"] == "error" and line["exit_code"] == 4)
            spool.unlink()
            watch.until(observed)
            assert 0 == watch.end()
