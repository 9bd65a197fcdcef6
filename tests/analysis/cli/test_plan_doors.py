"""`poolscope load`, `plan` and `forecast`: what they say on a terminal and in files, and what they refuse."""

import io
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click
import duckdb
import pandas as pd
import pytest

from analysis import History, readable
from analysis.cli import capacity
from analysis.cli.output import in_form
from analysis.schemas import SCHEMAS
from analysis.schemas.shared import LABELS
from collector.context import Context
from tests.planned import FIRST, counts_of, markov
from tests.polling import configure, poolscope
from tests.recorded import record_of
from tests.simulated import HOUR, starts_of

COMMANDS: Final[dict[str, tuple[tuple[str, ...], dict[str, Any]]]] = {
    "load": (("--every", "1w"), {"every": "1w", "flavors": {"f": 8}}),
    "plan": (
        ("--target-wait", "15m", "--quantile", "p90", "--price-per-node-hour", "3"),
        {"target_wait": "15m", "quantile": "p90", "price_per_node_hour": 3.0},
    ),
    "forecast": (("--horizon", "1w"), {"horizon": "1w"}),
}
DAYS: Final = 36


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Record two pools for five weeks: one of known nodes that queues, and one that hardly does."""
    pools, nodes = {}, {("p", "busy"): [(FIRST, 8), (FIRST + timedelta(days=60), 8)]}
    for name, load in (("busy", 0.9), ("a pool with quite a long name that is roomy", 0.3)):
        work = markov(1, 8, load, HOUR, DAYS)
        pools["p", name] = {"train": counts_of(work, starts_of(work, 8, backfill=False), DAYS, step=600)}
    return record_of(tmp_path_factory.mktemp("doors"), pools, nodes, 600)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a configuration that knows the flavor's cards."""
    configure(tmp_path, "http://127.0.0.1:9", "[flavors]\nf = 8")
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_answers_as_the_method_does(
    database: Path, folder: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table of the width that it may have; JSON, CSV and Parquet have the rows and columns of the frame."""
    words, options = COMMANDS[command]
    frame = getattr(History(database), command)(**options)
    assert [*LABELS.names, *SCHEMAS[command].names] == list(frame.columns)
    context = Context({}, config_file=folder / "poolscope.toml", database=str(database))
    told = []
    for form in ("table", "json"):
        call = [*words, "--format", form]
        getattr(capacity, command).main(call, standalone_mode=False, obj=context)
        told.append(capsys.readouterr())
    assert ["", ""] == [output.err for output in told]
    # The answer of a plan comes first, in sentences.
    assert told[0].out.endswith(str(in_form("table", frame)))
    assert max(map(len, str(in_form("table", frame, (), 100)).splitlines())) <= 100
    rows = json.loads(told[1].out)
    assert [*frame.columns] == [*rows[0]]
    figures = frame.select_dtypes("number")
    assert [
        [None if pd.isna(value) else pytest.approx(value, rel=1e-6) for value in row] for row in figures.to_numpy()
    ] == [[row[name] for name in figures.columns] for row in rows]
    table = pd.read_csv(io.StringIO(str(in_form("csv", frame))))
    assert (len(frame), [*frame.columns]) == (len(table), [*table.columns])
    content = in_form("parquet", frame)
    assert isinstance(content, bytes)
    (folder / "out.parquet").write_bytes(content)
    count = duckdb.execute(f"SELECT count(*) FROM '{folder / 'out.parquet'}'").fetchall()
    assert [(len(frame),)] == count


def test_what_a_terminal_shows_of_a_plan(database: Path, folder: Path) -> None:
    """Capacity with its unit, a star where it is extrapolated, waits with intervals, costs, and verdicts."""
    told = readable(History(database).plan(target_wait="15m", price_per_node_hour=3.0))
    assert {"capacity", "mean wait", "utilisation", "cost a month", "verdict"} <= set(told.columns)
    assert {"mean wait", "P90 wait"} <= set(readable(History(database).plan(pool="busy", add=1)).columns)
    busy = told[told["pool"] == "busy"]
    assert "8 nodes" in busy["capacity"].tolist()
    assert "7 nodes*" in busy["capacity"].tolist()
    assert {"over", "within"} <= set(busy["verdict"])
    roomy = told[told["pool"] != "busy"]
    assert roomy["capacity"].str.contains("concurrent jobs").all()
    assert roomy["mean wait"].str.startswith("at most").all()
    shown = poolscope(folder, "plan", "--db", str(database), "--pool", "busy", "--add", "-1", "--target-wait", "15m")
    assert shown.stdout.startswith("busy probably needs 9 nodes")
    assert "7 nodes*" in shown.stdout


def test_a_plan_can_be_checked(database: Path, folder: Path) -> None:
    """Of a pool whose nodes never changed that is said, a row a pool."""
    shown = poolscope(folder, "plan", "--check", "--db", str(database)).stdout
    assert "there is no change of the number of nodes with a day of record before and after it" in shown
    assert "nodes are not known" in shown


def test_capacity_of_configured_flavors_is_told_in_cards(database: Path, folder: Path) -> None:
    """The configuration maps flavors; without one cards are unknown."""
    call = ("load", "--db", str(database), "--pool", "busy", "--format", "json")
    (row,) = json.loads(poolscope(folder, *call).stdout)
    assert (8, 64) == (row["nodes"], row["cards"])
    assert row["offered_cards"] == pytest.approx(8 * row["offered_nodes"])
    (folder / "poolscope.toml").unlink()
    (row,) = json.loads(poolscope(folder, *call).stdout)
    assert (8, None) == (row["nodes"], row["cards"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("plan", "--capacity", "0"), "capacity cannot be 0: give a number above zero"),
        (("plan", "--add", "1", "--factor", "2"), "give only one of them"),
        (("plan", "--add", "-8", "--pool", "busy"), "nothing would be left"),
        (("plan", "--add", "two"), "is not a valid float"),
        (("plan", "--type", "train"), "No such option"),
        (("plan", "--check", "--add", "1"), "--add cannot be used with --check"),
        (("forecast", "--horizon", "soon"), "horizon cannot be 'soon'"),
        (("forecast", "--every", "3h"), "take one of 1h, 1d, 1w"),
        (("load", "--by", "type"), "take pool or all"),
        (("plan", "--pool", "nobody"), "there is no pool 'nobody'"),
    ],
)
def test_what_makes_no_sense_is_refused(database: Path, words: tuple[str, ...], said: str) -> None:
    """With exit code 2, in one line that says what is wrong."""
    command = getattr(capacity, words[0])
    with pytest.raises(click.ClickException) as refused:
        command.main([*words[1:]], standalone_mode=False, obj=Context({}, database=str(database)))
    assert 2 == refused.value.exit_code
    assert said in refused.value.format_message()


def test_a_refusal_is_a_line_and_an_exit_code(database: Path, folder: Path) -> None:
    """As the command line tells it."""
    done = poolscope(folder, "plan", "--capacity", "0", "--db", str(database))
    assert (2, "") == (done.returncode, done.stdout)
    assert "Error: capacity cannot be 0" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_spool_is_part_of_the_record(tmp_path: Path) -> None:
    """Nodes that discovery told and nobody has drained yet are known to a plan."""
    folder = tmp_path / "data"
    work = markov(1, 8, 0.9, HOUR, 14)
    series = counts_of(work, starts_of(work, 8, backfill=False), 14, step=600)
    database = record_of(folder, {("p", "busy"): {"train": series}}, interval=600)
    spool = folder / "spool"
    spool.mkdir()
    line = {
        "table": "pools",
        "run": "2026-01-05 00:00:00",
        "slot": "2026-01-05 00:00:00",
        "project": "p",
        "pool": "busy",
        "listed": True,
        "nodes": [{"flavor": "f", "count": 9, "available": 8, "abnormal": 1, "creating": None, "deleting": None}],
    }
    (spool / "1.ndjson").write_text(json.dumps(line) + "\n")
    told = History(database).plan(add=1)
    assert [8, 9] == told["capacity"].tolist()
    assert datetime(2026, 1, 5) == FIRST
