"""Records for reports, and the report command in this process, for tests of a report's content and looks."""

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import duckdb
import numpy as np
import pytest

from analysis.cli.report import report
from analysis.record.series import Series
from collector.context import Context
from collector.record.schema import migrate
from tests.polling import poolscope
from tests.recorded import MONDAY, observed
from tests.simulated import fifo

DAY = 86_400
HOSTILE = (
    "<script>alert(1)</script>",
    "**bold** [link](https://evil.example) | `code` $x$ & # _",
    "训练资源池",
    "مجموعة التدريب",
    "x" * 200,
)


def queue(seed: int, days: int = 70, changed: int | None = None, load: float = 0.35, step: int = 300) -> Series:
    """Draw a queue with two servers and many short jobs; from day `changed` on run times double and half fail."""
    draw = np.random.default_rng(seed)
    # No job arrives in the last few hours, so that all have ended.
    arrivals = np.sort(draw.uniform(0, (days - 0.25) * DAY, 60 * days))
    later = arrivals >= (days + 1 if changed is None else changed) * DAY
    run_seconds = draw.exponential(load * 2880.0 * np.where(later, 2.0, 1.0))
    starts = fifo(arrivals, run_seconds, 2)
    outcomes = np.where(draw.random(len(arrivals)) < np.where(later, 0.5, 0.1), "Failed", "Completed").tolist()
    slots = np.arange(0, days * DAY + 1, step)
    ends = starts + run_seconds
    return observed(slots + MONDAY, arrivals + MONDAY, starts + MONDAY, ends + MONDAY, outcomes)


def small_demo(factory: pytest.TempPathFactory) -> Path:
    """Return a folder with `poolscope demo` of two days, which the first worker that needs it makes."""
    root = factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    folder = root / "small-demo"
    with (root / "small-demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            folder.mkdir()
            done = poolscope(folder, "demo", "--days", "2", "--step", "30m")
            assert 0 == done.returncode, done.stderr
    return folder


def name_pools(database: Path, names: Mapping[str, str]) -> None:
    """Give pools their display names, as discovery does."""
    with duckdb.connect(str(database)) as connection:
        for pool, name in names.items():
            connection.execute(
                "INSERT INTO pools (run, project, pool, name) VALUES (TIMESTAMP '2026-01-05', 'p', ?, ?)", [pool, name]
            )


def empty_record(folder: Path, *, failed: int = 0) -> Path:
    """Make a record without answers: empty, or with `failed` slots that failed."""
    path = folder / "record.duckdb"
    with duckdb.connect(str(path)) as connection:
        migrate(connection, 0, "test")
        for slot in range(failed):
            connection.execute(
                "INSERT INTO scrapes (run, project, pool, slot, interval_seconds, outcome) SELECT slot, 'p', 'a',"
                " slot, 300, 'timeout' FROM (SELECT TIMESTAMP '2026-01-05' + to_seconds(?) AS slot)",
                [300 * slot],
            )
    return path


def write(database: Path, out: Path, *words: str) -> int:
    """Call `poolscope report` in this process, and return its exit code."""
    context = click.Context(report, obj=Context({}, database=str(database)))
    try:
        code = report.main(
            ["--out", str(out), *words],
            standalone_mode=False,
            parent=context,
            prog_name="report",
        )
    except click.ClickException as error:
        return error.exit_code
    return code if isinstance(code, int) else 0


def only(folder: Path, ending: str) -> str:
    """Return the text of the one file with an ending."""
    (file,) = folder.glob(f"*.{ending}")
    return file.read_text(encoding="utf-8")


def content(folder: Path) -> dict[str, Any]:
    """Return the content of the one JSON report."""
    report_content: dict[str, Any] = json.loads(only(folder, "json"))
    return report_content
