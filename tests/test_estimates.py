"""`poolscope waits`, `failures`, `flows` and `coverage`: what they answer, in every form, and what they refuse."""

import csv
import io
import json
import re
import subprocess
import sys
from dataclasses import fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from analysis import History, commands
from analysis.failures import difference, jeffreys
from analysis.history import Options
from analysis.request import Request
from tests.polling import configure, environment, poolscope
from tests.scripted import another_process

RECORD = Path("data/poolscope.duckdb")
MONDAY = datetime(2026, 1, 5)
STEP = timedelta(minutes=5)
DAY = 288
WAITS = (
    "project,pool,pool_name,type,window_start,window_end,queue,arrivals,arrivals_low,arrivals_high,"
    "mean_seconds,mean_low_seconds,mean_high_seconds,p50_seconds,p50_low_seconds,p50_high_seconds,"
    "p90_seconds,p90_low_seconds,p90_high_seconds,p95_seconds,p95_low_seconds,p95_high_seconds,"
    "p99_seconds,p99_low_seconds,p99_high_seconds,order,coverage,history,method,note"
)
FAILURES = (
    "project,pool,pool_name,type,window_start,window_end,finished,finished_low,finished_high,failed,"
    "failure_rate,failure_rate_low,failure_rate_high,failure_rate_of_ran,overdispersion,coverage,history,method,note"
)
HOLD = """
import duckdb, sys
with duckdb.connect(sys.argv[1]): print("ready", flush=True); input()
"""


def fill(folder: Path, days: int = 14) -> None:
    """Import two pools: every hour a job comes, waits for 25 minutes, runs for 20 and ends; each fourth one fails.

    Those of `=cmd` (a name that a spreadsheet would run) do not wait.
    """
    rows = ["slot,pool,type,total,Queue,Running,Completed,Failed"]
    for slot in range(days * DAY + 1):
        hour, minute = divmod(slot, 12)
        for pool, waits in (("a", 6), ("=cmd", 0)):
            came = hour + (minute > 0)
            done = hour + (minute >= waits + 4) if minute else hour
            queue = int(0 < minute < waits)
            failed = done // 4
            rows.append(
                f"{(MONDAY + slot * STEP).isoformat()},{pool},train,{came},{queue},{came - queue - done},"
                f"{done - failed},{failed}"
            )
    (folder / "snapshots.csv").write_text("\n".join(rows))
    configure(folder, "http://127.0.0.1:9")
    done_ = poolscope(folder, "import", "snapshots.csv")
    assert 0 == done_.returncode, done_.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a configuration and a record of two weeks; nothing changes it."""
    made = tmp_path_factory.mktemp("estimates")
    fill(made)
    return made


def rows_of(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert 0 == done.returncode, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))


def test_waits_that_are_plain(folder: Path) -> None:
    """168 jobs a week; those of `a` wait 25 minutes, give or take a slot, the others less than a slot."""
    found = {row["pool"]: row for row in rows_of(poolscope(folder, "waits", "--format", "csv", "--slo", "19m"))[::2]}
    one, other = found["a"], found["'=cmd"]
    assert WAITS.split(",") == [name for name in one if not name.startswith("over_slo")]
    for row in (one, other):
        assert ("168.0", "168.0", "168.0") == tuple(row[name] for name in ("arrivals", "arrivals_low", "arrivals_high"))
        assert ("kept", "1.0") == (row["history"], row["coverage"])
        assert ("2026-01-05T00:00:00Z", "2026-01-12T00:00:00Z") == (row["window_start"], row["window_end"])
    for name in ("mean", "p50", "p99"):
        assert (1200.0, 1800.0) == (float(one[f"{name}_low_seconds"]), float(one[f"{name}_high_seconds"]))
        assert 0 == float(other[f"{name}_low_seconds"])
        assert 300 == float(other[f"{name}_high_seconds"])
    assert ("1.0", "1.0", "1.0") == tuple(one[name] for name in ("over_slo", "over_slo_low", "over_slo_high"))
    assert ("0.0", "0.0", "0.0") == tuple(other[name] for name in ("over_slo", "over_slo_low", "over_slo_high"))


def test_failures_that_are_plain(folder: Path) -> None:
    """A quarter fails: regular as they are, the interval is that of so many coin tosses."""
    row = rows_of(poolscope(folder, "failures", "--format", "csv", "--every", "all", "--pool", "a"))[0]
    assert FAILURES.split(",") == list(row)
    assert (336.0, 84.0, 0.25, 0.25, 1.0) == tuple(
        float(row[name]) for name in ("finished", "failed", "failure_rate", "failure_rate_of_ran", "overdispersion")
    )
    assert 0.2 < float(row["failure_rate_low"]) < 0.25 < float(row["failure_rate_high"]) < 0.3


def test_flows_and_coverage_that_are_plain(folder: Path) -> None:
    """Each day 24 jobs come, leave the queue and end; every slot was seen."""
    for row in rows_of(poolscope(folder, "flows", "--format", "csv", "--every", "1d")):
        named = ("arrivals", "departures", "completed", "failed", "terminated", "queue_end", "drain_seconds")
        assert [24.0, 24.0, 18.0, 6.0, 0.0, 0.0, 0.0] == [float(row[name]) for name in named]
    for row in rows_of(poolscope(folder, "coverage", "--format", "csv", "--every", "1d")):
        assert (288.0, 1.0, 300.0) == tuple(float(row[n]) for n in ("slots", "coverage", "longest_gap_seconds"))


def test_sums_are_those_of_their_parts(folder: Path) -> None:
    """Over all pools there are twice as many jobs, and the mean lies halfway."""
    [both] = rows_of(poolscope(folder, "waits", "--format", "csv", "--every", "all", "--by", "all"))
    parts = rows_of(poolscope(folder, "waits", "--format", "csv", "--every", "all"))
    assert ("", "", "672.0") == (both["pool"], both["type"], both["arrivals"])
    for name in ("mean_low_seconds", "mean_high_seconds"):
        assert sum(float(part[name]) for part in parts) / 2 == pytest.approx(float(both[name]))


def test_every_form_says_the_same(folder: Path) -> None:
    """CSV, JSON, Parquet and the Python API; unknown numbers are null and not NaN."""
    frame = History(folder / RECORD).failures(every="1d", pool="a")
    assert (
        0
        == poolscope(
            folder, "failures", "--every", "1d", "--pool", "a", "--format", "parquet", "--output", "f"
        ).returncode
    )
    with duckdb.connect() as connection:
        stored = pd.DataFrame(connection.execute("FROM read_parquet($1)", [str(folder / "f")]).fetchnumpy())
    document = json.loads(poolscope(folder, "failures", "--every", "1d", "--pool", "a", "--format", "json").stdout)
    listed = rows_of(poolscope(folder, "failures", "--every", "1d", "--pool", "a", "--format", "csv"))
    for name in ("failed", "failure_rate_low", "overdispersion"):
        expected = [None if pd.isna(value) else round(value, 9) for value in frame[name]]
        assert expected == [None if row[name] is None else round(row[name], 9) for row in document]
        assert expected == [None if pd.isna(value) else round(value, 9) for value in stored[name]]
        assert expected == [round(float(row[name]), 9) if row[name] else None for row in listed]
    assert list(frame.columns) == list(stored.columns) == list(document[0]) == list(listed[0])
    assert frame["overdispersion"].isna().any()
    assert frame.loc[frame["overdispersion"].isna(), "note"].str.contains("too few").all()
    (folder / "f").unlink()


@pytest.mark.parametrize("command", ["waits", "failures", "flows", "coverage"])
def test_a_table_fits_a_terminal(folder: Path, command: str) -> None:
    """At most a hundred columns, a line a window; short waits are not said finer than the poll interval."""
    shown = poolscope(folder, command, "--every", "1w").stdout
    lines = [line for line in shown.splitlines() if line[:1].isalnum() or line.startswith("=")]
    assert max(map(len, shown.splitlines())) <= 100
    assert 5 == len([line for line in lines if line[1:2] != ":"])
    if command == "waits":
        assert "under 5 min" in shown


def test_names_give_way_to_figures(tmp_path: Path) -> None:
    """Several projects with long names, hours, bounds and notes: still a hundred columns, and every figure is there."""
    name = "a-very-long-name-of-a-pool-in-a-very-long-project-"
    with duckdb.connect() as connection:
        slots = "SELECT TIMESTAMP '2026-01-05' + n * INTERVAL 5 MINUTE AS slot, n FROM range(289) s(n)"
        counted = "n AS total, least(n, 37) AS Queue, 0 AS Running, n - least(n, 37) AS Completed"
        for project in ("one", "two"):
            file = tmp_path / f"{project}.parquet"
            query = f"SELECT slot, '{name}{project}' AS pool, '{name}' AS type, {counted} FROM ({slots})"
            connection.execute(f"COPY ({query}) TO '{file}' (FORMAT parquet)")
            configure(tmp_path, "http://127.0.0.1:9")
            assert 0 == poolscope(tmp_path, "import", file.name, "--project", name + project).returncode
    for words in (("waits",), ("waits", "--slo", "10m"), ("failures",), ("flows",), ("coverage",)):
        shown = poolscope(tmp_path, *words, "--every", "1h").stdout.splitlines()
        # What is said below the table is prose.
        rows = [line for line in shown if not re.match(r"\d+: ", line)]
        assert max(map(len, rows)) <= 100
        assert 2 + 2 * 24 == len(rows)


def test_options_keywords_and_questions_have_one_list() -> None:
    """What the commands take is what the methods take, and what a request knows."""
    asked = {field.name for field in fields(Request)}
    assert asked == set(Options.__annotations__)
    for command in (commands.waits, commands.failures, commands.flows, commands.coverage):
        assert asked | {"db", "format_", "output"} == {option.name for option in command.params}


def test_two_periods_are_compared_by_their_intervals() -> None:
    """Newcombe's example, 56 of 70 and 48 of 80, differs by 0.0524 to 0.3339 (Wilson's intervals)."""
    failed, finished = np.array([56, 48]), np.array([70, 80])
    low, high = jeffreys(failed, finished, 1.0)
    one, other = ((failed[i] / finished[i], low[i], high[i]) for i in (0, 1))
    assert (0.2, 0.0524, 0.3339) == pytest.approx(difference(one, other), abs=0.003)
    same, low, high = difference(one, one)
    assert (0.0, True) == (float(same), bool(low < 0 < high))


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--every", "2w"), 2, "take one of 1h, 1d, 1w, 1mo, all"),
        (("--zone", "Mars"), 2, "Asia/Shanghai"),
        (("--slo", "soon"), 2, "15m"),
        (("--order", "a=lifo"), 2, "unknown, fifo, backfill"),
        (("--since", "never"), 2, "2026-01-31"),
        (("--since", "2026-01-08", "--until", "2026-01-07"), 2, "ends"),
        (("--since", "2030-01-01"), 2, "no series is selected"),
        (("--pool", "nobody"), 2, "no series is selected"),
        (("--format", "parquet"), 2, "--output"),
        (("--output", "missing/file.csv"), 2, "missing/file.csv"),
        (("--db", "missing.duckdb"), 5, "missing.duckdb does not exist"),
    ],
)
def test_what_cannot_be_answered_is_refused(folder: Path, words: tuple[str, ...], code: int, told: str) -> None:
    """With what was wrong and the mend, and a code of its own."""
    done = poolscope(folder, "waits", *words)
    assert (code, "") == (done.returncode, done.stdout)
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_selection_is_by_time_and_name(folder: Path) -> None:
    """A duration counts back from the last slot; patterns match ids; days are those of the zone."""
    found = rows_of(
        poolscope(
            folder,
            "waits",
            "--format",
            "csv",
            "--since",
            "1d",
            "--pool",
            "[ab]",
            "--every",
            "1d",
            "--zone",
            "Asia/Shanghai",
        )
    )
    assert ["2026-01-17T16:00:00Z", "2026-01-18T16:00:00Z"] == [row["window_start"] for row in found]
    assert [16.0, 8.0] == [float(row["arrivals"]) for row in found]


def test_a_writer_is_waited_for_and_then_named(tmp_path: Path) -> None:
    """A reader that meets a writer retries, then ends with 5."""
    fill(tmp_path, 1)
    with another_process(HOLD, str(tmp_path / RECORD)):
        done = poolscope(tmp_path, "coverage")
    assert 5 == done.returncode
    assert "is being written" in done.stderr
    assert 0 == poolscope(tmp_path, "coverage").returncode


def test_the_list_of_commands_loads_nothing_to_compute_with() -> None:
    """`poolscope --help` names the estimates without pandas or numba."""
    code = """
import sys
from collector.cli import poolscope
poolscope.main(["--help"], standalone_mode=False)
assert not {"pandas", "numba", "numpy", "scipy"} & set(sys.modules), sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent.parent,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    assert "failures" in done.stdout
