"""What the estimates' commands take, refuse, and say in every form."""

import inspect
import json
import re
import subprocess
import sys
from itertools import takewhile
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from analysis import History
from analysis.cli import capacity, estimates
from analysis.text.terminal import table
from collector.output.visible import ESCAPES
from tests.plain import RECORD, fill, rows_of
from tests.polling import configure, environment, poolscope
from tests.scripted import another_process
from tests.terminal import on_terminal

HOLD = """
import duckdb, sys
with duckdb.connect(sys.argv[1]): print("ready", flush=True); input()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a configuration and a record of two weeks; nothing changes it."""
    made = tmp_path_factory.mktemp("estimates")
    fill(made)
    return made


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
        expected = [None if pd.isna(value) else round(value, 10) for value in frame[name]]
        assert expected == [None if row[name] is None else round(row[name], 10) for row in document]
        assert expected == [None if pd.isna(value) else round(value, 10) for value in stored[name]]
        assert expected == [round(float(row[name]), 10) if row[name] else None for row in listed]
    assert list(frame.columns) == list(stored.columns) == list(document[0]) == list(listed[0])
    assert frame["overdispersion"].isna().any()
    assert frame.loc[frame["overdispersion"].isna(), "note"].str.contains("too few").all()
    (folder / "f").unlink()


def rows_of_table(shown: str) -> list[str]:
    """Return the lines below the rule of a table, up to the prose below them."""
    lines = shown.splitlines()
    rule = next(place for place, line in enumerate(lines) if line.strip() and not line.strip("- "))
    return list(takewhile(lambda line: not re.match(r"\d+: |left out", line), lines[rule + 1 :]))


@pytest.mark.parametrize("command", ["waits", "failures", "flows", "coverage"])
def test_a_table_fits_a_terminal(folder: Path, command: str) -> None:
    """Of any width, a line a window; short waits are not finer than the poll interval. In a pipe nothing is cut."""
    for width in (80, 120, 200):
        shown = on_terminal(folder, width, command, "--every", "1w")
        assert max(map(len, shown.splitlines())) <= width
        assert 4 == len(rows_of_table(shown))
    shown = poolscope(folder, command, "--every", "1w").stdout
    assert 4 == len(rows_of_table(shown))
    assert "left out" not in shown
    if command == "waits":
        assert "under 5 (0-" in shown


def test_columns_give_way_before_names(tmp_path: Path) -> None:
    """Long names: columns leave, which is said, and then names are cut; without a limit nothing is."""
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
    history = History(tmp_path / "data" / "poolscope.duckdb")
    for name_, more in (("waits", {}), ("waits", {"slo": "10m"}), ("failures", {}), ("flows", {}), ("coverage", {})):
        frame = getattr(history, name_)(every="1h", **more)
        shown = table(frame, 120)
        rows = [line for line in rows_of_table(shown) if re.search(r"\d{2}-\d{2} \d{2}:00", line)]
        assert max(map(len, shown.splitlines())) <= 120
        assert 2 * 24 == len(rows)
        assert "…" in shown
        assert "left out, as the terminal is too narrow: " in shown
        whole = table(frame)
        assert "…" not in whole
        assert name + "two" in whole


@pytest.mark.parametrize(
    "name", ["waits", "failures", "flows", "coverage", "trend", "changes", "profile", "compare", "load", "forecast"]
)
def test_the_options_of_a_command_are_the_parameters_of_its_method(name: str) -> None:
    """Besides those of the engine and the output; what the configuration gives is no option."""
    command = getattr(capacity if name in ("load", "forecast") else estimates, name)
    parameters = set(inspect.signature(getattr(History, name)).parameters) - {"self", "flavors", "targets"}
    assert parameters | {"format_", "json_", "on", "output"} == {option.name for option in command.params}


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--every", "2w"), 2, "take one of 1h, 3h, 6h, 1d, 1w, 1mo, all"),
        (("--zone", "Mars"), 2, "Asia/Shanghai"),
        (("--slo", "soon"), 2, "such as 5m"),
        (("--order", "a=lifo"), 2, "unknown, fifo, backfill"),
        (("--since", "never"), 2, "2026-01-31"),
        (("--since", "2026-01-08", "--until", "2026-01-07"), 2, "is not after since"),
        (("--since", "2030-01-01"), 2, "no series matches"),
        (("--pool", "nobody"), 2, "there is no pool 'nobody'"),
        (("--json", "--format", "csv"), 2, "contradict each other"),
        (("--format", "csv", "--output", "file.json"), 2, "contradict each other"),
        (("--output", "file.doc"), 2, "take one of .txt, .json, .csv, .md, .parquet, .xlsx"),
        (("--output", "."), 2, "is not a file"),
        (("--output", "missing/file.csv"), 2, "missing/file.csv"),
        (("--output", "s3://bucket/file.csv"), 2, "s3://bucket/file.csv is not a path"),
        (("--db", "missing.duckdb"), 5, "missing.duckdb does not exist"),
    ],
)
def test_what_cannot_be_answered_is_refused(folder: Path, words: tuple[str, ...], code: int, told: str) -> None:
    """With what was wrong and the mend, and a code of its own."""
    done = poolscope(folder, "waits", *words)
    assert (code, "") == (done.returncode, done.stdout)
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_writer_is_waited_for_and_then_named(tmp_path: Path) -> None:
    """A reader that meets a writer retries, then ends with 5."""
    fill(tmp_path, 1)
    with another_process(HOLD, str(tmp_path / RECORD)):
        done = poolscope(tmp_path, "coverage")
    assert 5 == done.returncode
    assert "is in use" in done.stderr
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
        cwd=Path(__file__).parents[3],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    assert "failures" in done.stdout


@pytest.mark.parametrize("encoding", ["latin-1", "gbk", "ascii"])
def test_every_output_is_written_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    """A table has escapes of the characters that the locale cannot write; JSON is UTF-8, whatever the locale is."""
    name = "视觉-réseau-🚀"
    configure(tmp_path, "http://127.0.0.1:9")
    (tmp_path / "snapshots.csv").write_text(f"slot,pool,type,total,Queue\n2026-01-05T00:00:00Z,{name},train,1,1\n")
    assert 0 == poolscope(tmp_path, "import", "snapshots.csv", "--interval", "1m").returncode
    for words in (["status"], ["status", "--json"], ["flows", "--json"], ["flows", "--format", "csv"], ["flows"]):
        command = [sys.executable, "-m", "collector", *words]
        in_it = environment(PYTHONIOENCODING=encoding, LC_ALL="C", PYTHONUTF8="0")
        done = subprocess.run(command, cwd=tmp_path, env=in_it, capture_output=True, check=False)
        assert 0 == done.returncode, done.stderr
        if words[1:]:
            assert name in done.stdout.decode()
        else:
            shown = name.encode(encoding, ESCAPES).decode(encoding)
            assert shown in done.stdout.decode(encoding)
