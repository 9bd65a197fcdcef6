"""Signals that end a command: a poll keeps its answers, and Ctrl-C is silent."""

import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from collector.sandbox.behaviour import ACCESS_KEY, SECRET_KEY
from tests.polling import GOOD, GUARD_SECONDS, configure, environment, rows, statistics_path
from tests.scripted import Scripted, answer

RECORD = Path("data/poolscope.duckdb")


def test_a_signal_keeps_the_answers_that_came(tmp_path: Path) -> None:
    """SIGTERM while two of six pools are silent: exit 1, four samples are kept, and two failures with the cause."""
    silent, answers = threading.Barrier(3), threading.Semaphore(0)

    def say_nothing(client: socket.socket) -> None:
        silent.wait()
        client.recv(1)

    def answered(client: socket.socket) -> None:
        answer(200, GOOD, Connection="close")(client)
        client.recv(1)  # until the client, which has all of it, closes
        answers.release()

    scripts = {statistics_path(pool): [say_nothing] for pool in ("hang-1", "hang-2")}
    patient = 'interval = "1d"\nread_timeout = "1d"\ntotal_timeout = "1d"'
    with Scripted(scripts, answered) as server:
        configure(tmp_path, server.endpoint, 'pools = ["hang-1", "a", "b", "hang-2", "c", "d"]', patient)
        keys = {"HUAWEICLOUD_SDK_AK": ACCESS_KEY, "HUAWEICLOUD_SDK_SK": SECRET_KEY}
        call = [sys.executable, "-m", "collector", "collect"]
        with subprocess.Popen(call, cwd=tmp_path, env=environment(**keys), stderr=subprocess.PIPE) as process:
            silent.wait()
            for _ in "abcd":
                answers.acquire()
            process.send_signal(signal.SIGTERM)
            assert 1 == process.wait()
    outcomes = rows(tmp_path / RECORD, "SELECT pool, outcome FROM scrapes ORDER BY pool")
    assert [(pool, "ok") for pool in "abcd"] == outcomes[:4]
    assert [("hang-1", "interrupted"), ("hang-2", "interrupted")] == outcomes[4:]
    assert [(4,)] == rows(tmp_path / RECORD, "SELECT count(*) FROM snapshots")


IMPORTS = "import os, signal, sys\n"
INTERRUPT = "os.kill(os.getpid(), signal.SIGINT)\n"
# Where Ctrl-C is pressed: Python code that runs before the command line, and the words of the command.
PRESSED = {
    "while it loads": (
        f"""class Loading:
    def find_spec(self, name, *more):
        if name == "collector.config.settings":
            {INTERRUPT}
sys.meta_path.insert(0, Loading())""",
        ["status"],
    ),
    "in a command": (
        f"""import collector.commands.status as command
def status_of(*given):
    {INTERRUPT}
command.status_of = status_of""",
        ["status"],
    ),
    "in a query": (
        """import threading, collector.commands.export as command
def export(record, *given):
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    while True:
        record.execute("SELECT max(hash(range)) FROM range(10_000_000)")
command.export = export""",
        ["export", "--output", "out.csv"],
    ),
    "in a report's query": (
        """import threading, analysis.record.database as database
def last_slot(record):
    import duckdb
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    while True:
        duckdb.execute("SELECT max(hash(range)) FROM range(10_000_000)")
database.Record.last_slot = last_slot""",
        ["report"],
    ),
}


def run(folder: Path, before: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command after some lines of Python."""
    program = f"{before}\nsys.argv = ['poolscope', *{words}]\nfrom collector.__main__ import main\nmain()"
    keys = environment(HUAWEICLOUD_SDK_AK=ACCESS_KEY, HUAWEICLOUD_SDK_SK=SECRET_KEY)
    call = [sys.executable, "-c", program]
    return subprocess.run(
        call, cwd=folder, env=keys, capture_output=True, text=True, check=False, timeout=GUARD_SECONDS
    )


@pytest.mark.parametrize("place", PRESSED)
def test_ctrl_c_ends_a_command_silently(tmp_path: Path, place: str) -> None:
    """With 130, wherever it is pressed, also where DuckDB raises its own error for it."""
    before, words = PRESSED[place]
    with Scripted({}, answer(200, GOOD)) as server:
        configure(tmp_path, server.endpoint, 'pools = ["a"]')
        assert 0 == run(tmp_path, IMPORTS, "collect").returncode
        done = run(tmp_path, IMPORTS + before, *words)
    assert (130, "", "") == (done.returncode, done.stdout.strip(), done.stderr.strip())


def test_ctrl_c_after_the_end_changes_nothing(tmp_path: Path) -> None:
    """The output and the exit code of the command stay."""
    done = run(tmp_path, f"{IMPORTS}import atexit\ndef late():\n    {INTERRUPT}atexit.register(late)", "--help")
    assert (0, "") == (done.returncode, done.stderr)
    assert "Exit codes" in done.stdout


def test_a_command_in_the_background_goes_on(tmp_path: Path) -> None:
    """A script has its background commands ignore Ctrl-C, which is meant for the foreground."""
    ignoring = f"{IMPORTS}signal.signal(signal.SIGINT, signal.SIG_IGN)\n{PRESSED['while it loads'][0]}"
    done = run(tmp_path, ignoring, "--help")
    assert (0, "") == (done.returncode, done.stderr)
    assert "Exit codes" in done.stdout
