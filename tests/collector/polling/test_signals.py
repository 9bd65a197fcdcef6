"""Signals that end a poll: what was seen by then is kept."""

import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

from collector.sandbox.behaviour import ACCESS_KEY, SECRET_KEY
from tests.polling import GOOD, configure, environment, rows, statistics_path
from tests.scripted import Scripted, answer

RECORD = Path("data/poolscope.duckdb")


def test_a_signal_keeps_the_answers_that_came(tmp_path: Path) -> None:
    """SIGTERM while two of six pools are silent: exit 1, four samples are kept, and two turns with the cause."""
    silent, well = threading.Barrier(3), threading.Semaphore(0)

    def say_nothing(client: socket.socket) -> None:
        silent.wait()
        client.recv(1)

    def answered(client: socket.socket) -> None:
        answer(200, GOOD, Connection="close")(client)
        client.recv(1)  # until the client, which has all of it, closes
        well.release()

    scripts = {statistics_path(pool): [say_nothing] for pool in ("hang-1", "hang-2")}
    patient = 'interval = "1d"\nread_timeout = "1d"\ntotal_timeout = "1d"'
    with Scripted(scripts, answered) as server:
        configure(tmp_path, server.endpoint, 'pools = ["hang-1", "a", "b", "hang-2", "c", "d"]', patient)
        keys = {"HUAWEICLOUD_SDK_AK": ACCESS_KEY, "HUAWEICLOUD_SDK_SK": SECRET_KEY}
        call = [sys.executable, "-m", "collector", "collect"]
        with subprocess.Popen(call, cwd=tmp_path, env=environment(**keys), stderr=subprocess.PIPE) as process:
            silent.wait()
            for _ in "abcd":
                well.acquire()
            process.send_signal(signal.SIGTERM)
            assert 1 == process.wait()
    outcomes = rows(tmp_path / RECORD, "SELECT pool, outcome FROM scrapes ORDER BY pool")
    assert [(pool, "ok") for pool in "abcd"] == outcomes[:4]
    assert [("hang-1", "interrupted"), ("hang-2", "interrupted")] == outcomes[4:]
    assert [(4,)] == rows(tmp_path / RECORD, "SELECT count(*) FROM snapshots")
