"""Control and direction characters of the API reach no terminal; files keep them."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb
import pytest

from analysis import History
from analysis.text.terminal import table
from collector.output.visible import CONTROLS, one_line, visible
from tests.polling import configure, poolscope
from tests.terminal import on_terminal

EVIL: Final = "a\x1b[2J\x9b31m\u202eb\u2066\nc"
SHOWN: Final = r"a\u001b[2J\u009b31m\u202eb\u2066\nc"
QUESTIONS: Final = ("waits", "failures", "flows", "coverage", "trend", "changes", "profile", "load", "plan", "forecast")
STEP: Final = timedelta(minutes=30)
DATABASE: Final = Path("data/poolscope.duckdb")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Import three days of a pool whose name, job type and status hold such characters."""
    made = tmp_path_factory.mktemp("characters")
    now = datetime.now(UTC).replace(tzinfo=None, minute=0, second=0, microsecond=0)
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE counts (slot TIMESTAMP, pool TEXT, type TEXT, total INT, Queue INT)")
        connection.execute(f'ALTER TABLE counts ADD COLUMN "{EVIL}" INT')
        rows = [(now - number * STEP, EVIL, EVIL, 3, number % 3, 3 - number % 3) for number in range(144)]
        connection.executemany("INSERT INTO counts VALUES (?, ?, ?, ?, ?, ?)", rows)
        connection.table("counts").write_parquet(str(made / "snapshots.parquet"))
    configure(made, "http://127.0.0.1:9", collect='attempts = 1\ninterval = "1h"')
    done = poolscope(made, "import", "snapshots.parquet")
    assert 0 == done.returncode, done.stderr
    return made


@pytest.mark.parametrize("words", [("status",), ("coverage",), ("flows", "--format", "csv")])
def test_no_command_writes_them_to_a_terminal(folder: Path, words: tuple[str, ...]) -> None:
    """They are shown as JSON writes them, also in forms for programs."""
    shown = on_terminal(folder, 200, *words)
    assert CONTROLS.search(shown) is None
    assert (SHOWN if words[1:] == () else SHOWN[:20]) in shown


def test_no_table_has_them(folder: Path) -> None:
    """Nor a line feed within a cell, whatever the question: names, types, notes and sentences."""
    history = History(folder / DATABASE)
    for question in QUESTIONS:
        shown = table(getattr(history, question)(), 100)
        assert CONTROLS.search(shown) is None, question
        assert "\nc" not in shown, question


def test_warnings_and_events_have_them_as_escapes(folder: Path) -> None:
    """A line of JSON is one line, and means the same."""
    done = poolscope(folder, "status")
    assert CONTROLS.search(done.stdout + done.stderr) is None
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert EVIL in [event.get("status") for event in events]


def test_files_are_faithful(folder: Path) -> None:
    """CSV has the name itself, JSON an escape of it."""
    rows = list(csv.DictReader(io.StringIO(poolscope(folder, "status", "--format", "csv").stdout)))
    assert [EVIL] == [row["pool"] for row in rows]
    document = poolscope(folder, "status", "--json").stdout
    assert [EVIL] == [pool["pool"] for pool in json.loads(document)["pools"]]
    assert CONTROLS.search(document) is None


def test_tabs_and_line_feeds_stay_in_sentences_alone() -> None:
    """Names are one line; a name in another script is not changed."""
    assert "a\tb\n" == visible("a\tb\n")
    assert r"a\tb\n" == one_line("a\tb\n")
    assert "视觉-réseau-🚀-שלום" == one_line("视觉-réseau-🚀-שלום")
