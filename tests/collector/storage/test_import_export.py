"""Import and export: accepted files, refusals, and that an import of an export gives the same rows."""

import json
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pytest

from collector.cli import poolscope
from collector.clock import SimulatedClock
from collector.commands import import_
from collector.context import Context
from collector.errors import InputRefused, LockHeld, RecordNotWritten, RecordUnreadable
from collector.record import spool
from collector.record.names import UnknownName
from collector.record.reading import reading
from collector.record.rows import Poll, PolledRows, Pool, Scrape, Snapshot
from collector.record.statuses import STATUSES
from collector.storage.lock import writing

pytestmark = pytest.mark.floor

SLOT = datetime(2026, 1, 15, 8, 0)
MINUTES = timedelta(minutes=5)
HEADER = "slot,pool,type,total,Queue,Running"
GOOD = "2026-01-15T08:00Z,a,train,3,1,2"
LAST = "2026-01-15T09:00Z,a,x,,,"
NEXT = "2026-01-15T08:05Z,a,train,3,1,2"
Rows = list[tuple[Any, ...]]


def call(folder: Path, *words: str | Path) -> None:
    (folder / "poolscope.toml").write_text('[paths]\ndatabase = "r.duckdb"\nspool = "spool"\n')
    arguments = ["--config", folder / "poolscope.toml", *words]
    poolscope.main([str(word) for word in arguments], prog_name="poolscope", standalone_mode=False)


def csv(folder: Path, *lines: str, name: str = "given.csv") -> Path:
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")
    return folder / name


def parquet(folder: Path, query: str) -> Path:
    duckdb.execute(f"SET TimeZone = 'UTC'; COPY ({query}) TO '{folder / 'given.parquet'}'")
    return folder / "given.parquet"


def rows(folder: Path, query: str) -> Rows:
    with reading(folder / "r.duckdb", folder / "spool", SimulatedClock(SLOT.replace(tzinfo=UTC)).pause) as record:
        return record.execute(query).fetchall()


def poll(folder: Path, slot: datetime, outcome: str = "ok", **other_statuses: int | None) -> None:
    """Put one poll of pool a of project p into the spool, as collect does."""
    run = slot + timedelta(seconds=1)
    counts: dict[str, int | None] = dict.fromkeys(STATUSES) | {"Queue": 7}
    scrape = Scrape(run, "p", "a", slot, 300, outcome, 200, None, None, None, 1, run, run, 7, None, None)
    snapshots = (
        [Snapshot(run, "p", "a", "train", slot, 7, counts, dict(other_statuses) or None)] if outcome == "ok" else []
    )
    spool.write(
        folder / "spool",
        slot,
        run,
        PolledRows([Poll(run, "p", "i", "e", "collect", "1", slot, 300, run, 1)], [], [scrape], snapshots),
    )


def test_every_row_becomes_counts_a_scrape_and_one_poll(tmp_path: Path) -> None:
    """Two types of one pool give one scrape, whose total is their sum; values that the file lacks are NULL."""
    call(tmp_path, "import", csv(tmp_path, HEADER, GOOD, "2026-01-15T08:00Z,a,infer,4,,3", NEXT))
    assert [("infer", 4, None, 3, None), ("train", 3, 1, 2, None), ("train", 3, 1, 2, None)] == rows(
        tmp_path, 'SELECT type, total, "Queue", "Running", "Failed" FROM snapshots ORDER BY ALL'
    )
    assert [
        (SLOT, "imported", "a", 300, "ok", 7, "infer: total 4, its statuses sum to 3", None, None, None),
        (SLOT + MINUTES, "imported", "a", 300, "ok", 3, None, None, None, None),
    ] == rows(
        tmp_path,
        "SELECT slot, project, pool, interval_seconds, outcome, total, disagreement, attempts, http_status, started_at"
        " FROM scrapes ORDER BY slot",
    )
    assert [("imported", "import", None, None, 300, 1, 1)] == rows(
        tmp_path,
        "SELECT project, command, slot, endpoint, interval_seconds, pools, (SELECT count(DISTINCT run) FROM scrapes)"
        " FROM polls",
    )


def test_a_total_is_unknown_where_that_of_one_type_is_missing(tmp_path: Path) -> None:
    """The scrape's total is NULL where one of the types' totals is; large counts are summed without overflow."""
    large = 2**31 - 1
    call(tmp_path, "import", "--interval", "5m", csv(tmp_path, HEADER, GOOD, f"2026-01-15T08:00Z,a,x,,{large},{large}"))
    assert [(None, None)] == rows(tmp_path, "SELECT total, disagreement FROM scrapes")


def test_a_second_import_adds_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It counts the slots that are stored already; a longer version of the file adds its new rows."""
    file = csv(tmp_path, HEADER, GOOD, NEXT)
    call(tmp_path, "import", file)
    before = rows(tmp_path, "FROM scrapes")
    call(tmp_path, "import", file)
    assert before == rows(tmp_path, "FROM scrapes")
    csv(tmp_path, HEADER, GOOD, NEXT, "2026-01-15T08:10Z,a,train,3,1,2")
    call(tmp_path, "import", file)
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(2, 0), (0, 2), (1, 2)] == [(line["rows"], line["already"]) for line in events]
    assert [(3, 3)] == rows(tmp_path, "SELECT count(*), count(DISTINCT slot) FROM snapshots")


def test_polled_slots_are_kept_and_failed_ones_are_filled(tmp_path: Path) -> None:
    """A polled slot keeps its counts, also while they are in the spool; a slot that failed gets those of the file."""
    poll(tmp_path, SLOT)
    poll(tmp_path, SLOT + MINUTES, "timeout")
    call(tmp_path, "import", "--project", "p", csv(tmp_path, HEADER, GOOD, NEXT))
    assert [(SLOT, 7), (SLOT + MINUTES, 1)] == rows(tmp_path, 'SELECT slot, "Queue" FROM snapshots ORDER BY slot')
    assert [("ok",), ("timeout",), ("ok",)] == rows(tmp_path, "SELECT outcome FROM scrapes ORDER BY slot, run")


def test_several_files_are_one_import(tmp_path: Path) -> None:
    """Files with different columns in different order are imported together, each value into its own column."""
    first = csv(tmp_path, HEADER, GOOD)
    second = csv(tmp_path, "type,Paused,pool,slot,project", "train,5,b,2026-01-15T08:05Z,q", name="second.csv")
    call(tmp_path, "import", first, second)
    assert [("imported", "a", 1, None), ("q", "b", None, {"Paused": 5})] == rows(
        tmp_path, 'SELECT project, pool, "Queue", other_statuses FROM snapshots ORDER BY pool'
    )


@pytest.mark.parametrize(
    "slot",
    [
        "TIMESTAMP '2026-01-15 08:00'",
        "TIMESTAMP_NS '2026-01-15 08:00'",
        "TIMESTAMPTZ '2026-01-15 10:00:00+02'",
        "'2026-01-15T10:00:00.000+02:00'",
        "'2026-01-15 08:00:00'",
    ],
)
def test_a_slot_is_read_as_utc(tmp_path: Path, slot: str) -> None:
    """With a zone it is converted, without one it is UTC, whatever its type in the file."""
    call(tmp_path, "import", "--interval", "1h", parquet(tmp_path, f"SELECT {slot} AS slot, 'a' AS pool, 'x' AS type"))
    assert [(SLOT,)] == rows(tmp_path, "SELECT slot FROM snapshots")


def test_whole_numbers_as_floats_are_counts(tmp_path: Path) -> None:
    """Pandas writes counts with gaps as 5.0 and empty values."""
    query = "SELECT TIMESTAMP '2026-01-15 08:00' AS slot, 'a' AS pool, 'x' AS type, 5.0::DOUBLE AS \"Queue\""
    call(tmp_path, "import", "--interval", "1h", parquet(tmp_path, query))
    call(tmp_path, "import", "--interval", "5m", csv(tmp_path, "slot,pool,type,Queue,Lost", "2026-01-15,b,x,6.0,"))
    assert [(5, None), (6, None)] == rows(tmp_path, 'SELECT "Queue", other_statuses FROM snapshots ORDER BY pool')


def test_a_csv_may_look_as_spreadsheets_write_it(tmp_path: Path) -> None:
    """A byte order mark, CRLF, empty lines, quotes around all values and a header of two lines lose no row."""
    text = '\ufeff\r\n"slot","pool","type","on\nhold"\r\n"2026-01-15","a","x","1"\r\n\r\n"2026-01-16","a","x",""\r\n'
    (tmp_path / "given.csv").write_bytes(text.encode())
    call(tmp_path, "import", tmp_path / "given.csv")
    assert [({"on\nhold": 1},), (None,)] == rows(tmp_path, "SELECT other_statuses FROM snapshots ORDER BY slot")


@pytest.mark.parametrize("name", ["taken along.csv", "it's[1].parquet"])
def test_an_import_of_an_export_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    """Also NULLs, unknown statuses, and names with quotes, commas, line ends and CJK characters."""
    odd = ["a \"q\", 'r'", " 资源池-1\r\n2 ", "=1+1", "NULL", "\ufeffx"]
    quoted = ["'" + pool.replace("'", "''") + "'" for pool in odd]
    query = " UNION ALL ".join(
        f"""SELECT TIMESTAMP '2026-01-15 08:00' + INTERVAL 5 MINUTE * n AS slot, {pool} AS pool, 'tr,ain' AS type, 3 AS
        total, n AS "Queue", nullif(n, 1) AS "挂起, ""x"" y", NULL::INTEGER AS gone FROM range(3) t(n)"""
        for pool in quoted
    )
    poll(tmp_path, SLOT, Pausé=1, queue=None)
    call(tmp_path, "import", parquet(tmp_path, query))
    expected = rows(tmp_path, "FROM snapshots ORDER BY ALL")
    assert 16 == len(expected)
    call(tmp_path, "export", "--output", tmp_path / name)
    (tmp_path / "second").mkdir()
    call(tmp_path / "second", "import", tmp_path / name)
    assert expected == rows(tmp_path / "second", "FROM snapshots ORDER BY ALL")


def test_an_export_has_the_selected_rows(tmp_path: Path) -> None:
    """The span is (since, until]; patterns select projects and pools; rows in the spool are included."""
    for number in range(4):
        poll(tmp_path, SLOT + number * MINUTES)
    call(tmp_path, "import", "--interval", "5m", csv(tmp_path, HEADER, GOOD))
    out = tmp_path / "out.parquet"
    span = ("--since", "2026-01-15T08:00", "--until", "2026-01-15T08:10")
    call(tmp_path, "export", "--output", out, *span, "--pool", "[a]")
    exported = duckdb.execute(f"SELECT slot, project FROM '{out}'").fetchall()
    assert [(SLOT + MINUTES, "p"), (SLOT + 2 * MINUTES, "p")] == exported
    # An age goes back from the last slot, as in estimates, and not from now.
    for limits in (("--since", "10m"), ("--until", "5m", "--since", "15m")):
        call(tmp_path, "export", "--output", out, *limits, "--project", "p")
        assert [2] == list(*duckdb.execute(f"SELECT count(*) FROM '{out}'").fetchall())
    call(tmp_path, "export", "--output", out, "--project", "imp*")
    assert [("imported", "a")] == duckdb.execute(f"SELECT project, pool FROM '{out}'").fetchall()


def test_an_export_selects_a_pool_by_its_display_name(tmp_path: Path) -> None:
    """A pattern on pools is matched with the id and with the current display name; capitals count."""
    slots = [SLOT + number * MINUTES for number in range(2)]
    for slot, name in zip(slots, ("vision-old", "vision-new"), strict=True):
        poll(tmp_path, slot)
        run = slot + timedelta(seconds=2)
        spool.write(
            tmp_path / "spool", slot, run, PolledRows(pools=[Pool(run, "p", "a", slot, listed=True, name=name)])
        )
    for pattern in ("vision-n*", "[!b]"):
        call(tmp_path, "export", "--output", tmp_path / "out.csv", "--pool", pattern)
    for pattern in ("vision-o*", "VISION*"):
        with pytest.raises(UnknownName, match="there is no pool"):
            call(tmp_path, "export", "--output", tmp_path / "out.csv", "--pool", pattern)


def test_an_export_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    """An old file stays where no row is selected; a missing folder is named; no unfinished file is left."""
    call(tmp_path, "import", "--interval", "5m", csv(tmp_path, HEADER, GOOD))
    out = csv(tmp_path, "kept", name="out.csv")
    with pytest.raises(InputRefused, match="no rows"):
        call(tmp_path, "export", "--output", out, "--since", "2027-01-01")
    assert "kept\n" == out.read_text()
    with pytest.raises(RecordNotWritten, match="missing"):
        call(tmp_path, "export", "--output", tmp_path / "missing" / "out.csv")
    call(tmp_path, "export", "--output", out)
    assert {"given.csv", "out.csv", "poolscope.toml", "r.duckdb", "r.duckdb.lock"} == {
        p.name for p in tmp_path.iterdir()
    }


def test_an_import_is_refused_while_the_record_is_in_use(tmp_path: Path) -> None:
    """While another run writes, or another process reads the database, each with its own error."""
    file = csv(tmp_path, HEADER, GOOD, NEXT)
    call(tmp_path, "import", file)
    # On this clock, the minute that an import waits for a poll passes at once.
    context = Context({}, SimulatedClock(datetime(2026, 1, 5, tzinfo=UTC)), tmp_path / "poolscope.toml")
    again = partial(import_.command.main, [str(file)], obj=context, standalone_mode=False)
    with writing(tmp_path / "r.duckdb"), pytest.raises(LockHeld, match="another run"):
        again()
    program = "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=True); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "r.duckdb")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as reader:
        assert reader.stdout is not None
        reader.stdout.readline()
        with pytest.raises(RecordUnreadable, match="try again"):
            again()
        reader.communicate(b"\n")


def test_the_commands_as_a_user_calls_them(tmp_path: Path) -> None:
    """A refusal is one JSON line with exit code 6; only the owner can read an exported file."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("POOLSCOPE_")}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "collector", *words]
        return subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    csv(tmp_path, HEADER, GOOD, NEXT)
    (tmp_path / "poolscope.toml").touch()
    assert 6 == (refused := run("import", "missing.csv")).returncode
    assert "missing.csv: there is no such file" == json.loads(refused.stderr)["message"]
    assert (0, "") == ((done := run("import", "given.csv")).returncode, done.stderr)
    assert 0 == run("export", "--output", "out.parquet").returncode
    assert 0o600 == stat.S_IMODE((tmp_path / "out.parquet").stat().st_mode)
    assert 2 == run("export", "--output", "out.parquet", "--since", "soon").returncode


def test_missing_polls_change_no_interval(tmp_path: Path) -> None:
    """Of polls five minutes apart the second is missing, and later every second one for half an hour."""
    minutes = [0, *range(10, 300, 5), *range(300, 330, 10), *range(330, 500, 5)]
    lines = [f"{SLOT + timedelta(minutes=minute)}Z,a,x,3,1,2" for minute in minutes]
    call(tmp_path, "import", csv(tmp_path, HEADER, *lines))
    assert [(300,)] == rows(tmp_path, "SELECT DISTINCT interval_seconds FROM scrapes")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_standard_input_and_output(ending: str, tmp_path: Path) -> None:
    """`-` is standard input of import, CSV or Parquet, and standard output of export, as CSV and nothing else."""
    (tmp_path / "poolscope.toml").touch()
    csv(tmp_path, HEADER, GOOD, NEXT)
    call = [sys.executable, "-m", "collector"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("POOLSCOPE_")}

    def run(*words: str, given: bytes = b"") -> bytes:
        done = subprocess.run(
            [*call, *words], cwd=tmp_path, env=environment, input=given, capture_output=True, check=True
        )
        assert b"" == done.stderr
        return done.stdout

    run("import", "given.csv")
    run("export", "--output", f"rows.{ending}")
    run("import", "-", "--db", "other.duckdb", given=(tmp_path / f"rows.{ending}").read_bytes())
    run("export", "--output", "rows.csv")
    assert (tmp_path / "rows.csv").read_bytes() == run("export", "--output", "-", "--db", "other.duckdb")
