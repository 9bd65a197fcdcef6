"""`poolscope watch`: slot after slot until a signal, beside other runs, readers and faults, and nothing is lost."""

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
"""Of a watch that never tells what is waited for."""
# The watch may be writing at that moment: a reader comes again, as a notebook's would.
HOLD = """
import duckdb, sys, time

def opened():
    while True:
        try:
            return duckdb.connect(sys.argv[1], read_only=True)
        except duckdb.IOException:
            time.sleep(0.05)

with opened(): print("ready", flush=True); input()
"""
LOCK = """
import pathlib, sys
from collector.storage.lock import writing
with writing(pathlib.Path(sys.argv[1])): print("ready", flush=True); input()
"""


class Watch:
    """A watch that runs, and what it has told so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.told: list[dict[str, Any]] = []

    def until(self, enough: Callable[[dict[str, Any]], bool], times: int = 1) -> None:
        """Read what it tells until so many lines are as they should be."""
        assert self.process.stdout is not None
        while times:
            line = json.loads(self.process.stdout.readline())
            self.told.append(line)
            assert len(self.told) < MOST_LINES, self.told[-3:]
            times -= enough(line)

    def end(self) -> int:
        """Send SIGTERM, and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self) -> int:
        """Read what it tells to its end, and return the exit code."""
        assert self.process.stdout is not None
        self.told += [json.loads(line) for line in self.process.stdout]
        return self.process.wait()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Let it do nothing until the end of the block."""
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
    """Three slots of a second are observed, each once; SIGTERM ends it with 0 and nothing waits in the spool."""
    with Sandbox([StillPool("a")]) as sandbox:
        configure(tmp_path, sandbox.endpoint, 'pools = ["a"]', EVERY_SECOND)
        with watching(tmp_path) as watch:
            watch.until(observed, 3)
            assert 0 == watch.end()
    assert "watching" == watch.told[0]["event"]
    assert "ended" == watch.told[-1]["event"]
    told = sum(line["observed"] for line in watch.told if line["event"] == "polled")
    kept = rows(tmp_path / RECORD, "SELECT count(*), count(DISTINCT slot) FROM scrapes WHERE outcome = 'ok'")
    assert [(told, told)] == kept
    assert [] == list((tmp_path / "data/spool").glob("*.ndjson"))


def test_a_signal_lets_the_slot_in_hand_end(tmp_path: Path) -> None:
    """The signal comes while the answer is under way: the slot is kept and in the database."""

    def slowly(client: socket.socket) -> None:
        asked.set()
        told_to_end.wait()
        answer(200, GOOD)(client)

    asked, told_to_end = threading.Event(), threading.Event()
    with Scripted({}, slowly) as server:
        configure(tmp_path, server.endpoint, 'pools = ["a"]', 'interval = "1d"')
        with watching(tmp_path) as watch:
            asked.wait()
            watch.process.send_signal(signal.SIGTERM)
            told_to_end.set()
            assert 0 == watch.ended()
    assert [("ok",)] == rows(tmp_path / RECORD, "SELECT outcome FROM scrapes")


def test_what_another_run_has_in_hand_is_left_to_it(tmp_path: Path) -> None:
    """While another process holds the lock slots are left out and said so; then it goes on by itself."""
    (tmp_path / "data").mkdir()
    with Sandbox([StillPool("a")]) as sandbox:
        configure(tmp_path, sandbox.endpoint, 'pools = ["a"]', EVERY_SECOND)
        with watching(tmp_path) as watch:
            with another_process(LOCK, str(tmp_path / RECORD)):
                watch.until(lambda line: line["event"] == "left_out")
            watch.until(observed)
            assert 0 == watch.end()


def test_a_reader_and_a_broken_spool_do_not_end_it(tmp_path: Path) -> None:
    """Held by a reader, answers wait; without a spool slots are lost and said so; freed, all goes in."""
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
