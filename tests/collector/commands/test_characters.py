"""Control and direction characters of the API reach no terminal; files keep them."""

import csv
import io
import json
from pathlib import Path
from typing import Final

import pytest

from analysis import History
from analysis.text.terminal import table
from collector.output.visible import CONTROLS, one_line, visible
from collector.sandbox.behaviour import PROJECT_ID
from tests.polling import configure, poll_slots, poolscope, statistics_path
from tests.scripted import Scripted, answer
from tests.terminal import on_terminal

EVIL: Final = "a\x1b[2J\x9b31m\u202eb\u2066\nc"
SHOWN: Final = r"a\u001b[2J\u009b31m\u202eb\u2066\nc"
QUESTIONS: Final = ("waits", "failures", "flows", "coverage", "trend", "changes", "profile", "load", "plan", "forecast")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Poll a pool whose name, flavor, phase, job type, status and errors hold such characters."""
    made = tmp_path_factory.mktemp("characters")
    resources = [{"flavor": EVIL, "count": 2}]
    item = {
        "metadata": {"name": "a", "labels": {"os.modelarts/name": EVIL}},
        "spec": {"resources": resources, "scope": [EVIL]},
        "status": {"phase": EVIL, "resources": {"available": resources}},
    }
    other = {"metadata": {"name": "b"}}
    listing = answer(200, json.dumps({"items": [item, other]}).encode())
    counts = {"type": EVIL, "total": 3, "status": {"Queue": 1, EVIL: 2}}
    good = answer(200, json.dumps({"statistics": {"total": 3, "items": [counts]}}).encode())
    refused = answer(400, json.dumps({"error_code": EVIL, "error_msg": EVIL}).encode())
    scripts = {f"/v2/{PROJECT_ID}/pools": [listing], statistics_path("b"): [refused]}
    with Scripted(scripts, good) as server:
        poll_slots(made, server.endpoint, 4)
        configure(made, server.endpoint, '[paths]\ndatabase = "record.duckdb"\nspool = "spool"')
    return made


@pytest.mark.parametrize("words", [("status",), ("pools",), ("doctor",), ("waits",), ("waits", "--format", "csv")])
def test_no_command_writes_them_to_a_terminal(folder: Path, words: tuple[str, ...]) -> None:
    """They are shown as JSON writes them, also in forms for programs."""
    shown = on_terminal(folder, 200, *words)
    assert CONTROLS.search(shown) is None
    if words != ("doctor",):
        assert SHOWN[:12] in shown


def test_no_table_has_them(folder: Path) -> None:
    """Nor a line feed within a cell, whatever the question: names, types, notes and sentences."""
    history = History(folder / "record.duckdb", folder / "spool")
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
    rows = list(csv.DictReader(io.StringIO(poolscope(folder, "pools", "--format", "csv").stdout)))
    assert EVIL in [row["name"] for row in rows]
    document = poolscope(folder, "pools", "--json").stdout
    assert EVIL in [pool["name"] for pool in json.loads(document)["pools"]]
    assert CONTROLS.search(document) is None


def test_tabs_and_line_feeds_stay_in_sentences_alone() -> None:
    """Names are one line; a name in another script is not changed."""
    assert "a\tb\n" == visible("a\tb\n")
    assert r"a\tb\n" == one_line("a\tb\n")
    assert "视觉-réseau-🚀-שלום" == one_line("视觉-réseau-🚀-שלום")
