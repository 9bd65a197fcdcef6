"""An import reads and checks its files outside the record: polls go on meanwhile, and no scratch file is left."""

import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import duckdb
import pytest

from collector.clock import SimulatedClock
from collector.commands.import_ import command as import_
from collector.context import Context
from collector.errors import InputRefused
from collector.storage.lock import writing
from tests.polling import START, configure, environment, poolscope, rows

pytestmark = pytest.mark.floor
RECORD = Path("data/poolscope.duckdb")
LIMITED = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
sys.argv = ["poolscope", *sys.argv[2:]]
runpy.run_module("collector", run_name="__main__")
"""


def test_a_poll_goes_on_while_an_import_reads(tmp_path: Path) -> None:
    """It takes the lock only after all checks, and waits for the poll that has it."""
    configure(tmp_path, "http://127.0.0.1:9")
    (tmp_path / "given.csv").write_text("slot,pool,type\n2026-01-15T08:00Z,a,t\n2026-01-15T08:01Z,a,t\n")
    poll = ExitStack()
    checked = []

    class Polled(SimulatedClock):
        """A clock on which the poll that has the lock ends as soon as the import waits for it."""

        async def sleep(self, seconds: float) -> None:
            checked.append(len(list((tmp_path / "data").glob(".poolscope.duckdb.import.*/items.duckdb"))))
            poll.close()
            await super().sleep(seconds)

    with poll:
        poll.enter_context(writing(tmp_path / RECORD))
        context = Context({}, Polled(START), tmp_path / "poolscope.toml")
        import_.main([str(tmp_path / "given.csv")], standalone_mode=False, obj=context)
    assert [1] == checked
    assert [(2,)] == rows(tmp_path / RECORD, "SELECT count(*) FROM snapshots")
    assert [] == list((tmp_path / "data").glob(".*"))


def test_a_refused_import_leaves_no_file(tmp_path: Path) -> None:
    """It also removes the files of an import that was killed before."""
    configure(tmp_path, "http://127.0.0.1:9")
    (tmp_path / "data/.poolscope.duckdb.import.123.unfinished").mkdir(parents=True)
    (tmp_path / "given.csv").write_text("slot,pool,type\nnever,a,t\n")
    context = Context({}, SimulatedClock(START), tmp_path / "poolscope.toml")
    with pytest.raises(InputRefused, match="line 2"):
        import_.main([str(tmp_path / "given.csv")], standalone_mode=False, obj=context)
    assert [] == list((tmp_path / "data").iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("limit", ["unlimited", "8000000"])
def test_memory_does_not_grow_with_the_rows(limit: str, tmp_path: Path) -> None:
    """A million rows of Parquet take less than 400 MiB, also under a limit of 8 GB of address space."""
    configure(tmp_path, "http://127.0.0.1:9")
    with duckdb.connect() as connection:
        connection.sql(
            """SELECT TIMESTAMP '2026-01-01' + INTERVAL (i) MINUTE AS slot, 'pool-' || p AS pool, 'train' AS type,
            i + p AS total, p AS "Queue", i AS "Completed" FROM range(100000) t(i), range(10) u(p) ORDER BY i"""
        ).write_parquet(str(tmp_path / "given.parquet"))
    # Read by the process itself: the system's figure for children includes the size of their parent.
    program = (
        "import atexit, pathlib, runpy, sys\n"
        "atexit.register(lambda: print(pathlib.Path('/proc/self/status').read_text(), file=sys.stderr))\n"
        "runpy.run_module('collector', run_name='__main__')"
    )
    words = [
        "sh",
        "-c",
        f'ulimit -v {limit}; exec "$@"',
        "sh",
        sys.executable,
        "-c",
        program,
        "import",
        "given.parquet",
    ]
    done = subprocess.run(words, cwd=tmp_path, env=environment(), check=True, capture_output=True, text=True)
    (kib,) = re.findall(r"VmHWM:\s+(\d+) kB", done.stderr)
    assert int(kib) < 400 << 10
    assert [(1_000_000,)] == rows(tmp_path / RECORD, "SELECT count(*) FROM snapshots")


def test_an_import_that_is_only_in_the_log_fails_with_the_reason(tmp_path: Path) -> None:
    """The database file cannot grow: exit 4 says where the rows are; with room, a second import adds nothing."""
    configure(tmp_path, "http://127.0.0.1:9")
    for name, minutes in (("many", 2000), ("few", 20)):
        with duckdb.connect() as connection:
            connection.sql(
                f"""SELECT TIMESTAMP '2026-01-01' + INTERVAL (i) MINUTE AS slot, '{name}' AS pool, 'train' AS type,
                hash(i) % 999999 + 999999 AS total FROM range({minutes}) t(i)"""
            ).write_csv(str(tmp_path / f"{name}.csv"))
    assert 0 == poolscope(tmp_path, "import", "many.csv").returncode
    largest = (tmp_path / RECORD).stat().st_size
    words = [sys.executable, "-c", LIMITED, str(largest), "import", "few.csv"]
    done = subprocess.run(words, cwd=tmp_path, env=environment(), check=False, capture_output=True, text=True)
    assert (4, True) == (done.returncode, "only in the database's log" in done.stderr), done.stderr
    again = poolscope(tmp_path, "import", "few.csv")
    assert (0, '"rows": 0') == (again.returncode, re.findall('"rows": [0-9]+', again.stdout)[0])
    assert [("few", 20), ("many", 2000)] == rows(
        tmp_path / RECORD, "SELECT pool, count(*) FROM snapshots GROUP BY ALL ORDER BY ALL"
    )


def test_a_full_disk_is_not_reported_as_a_fault_of_the_file(tmp_path: Path) -> None:
    """Exit 4 names the folder that has no room; nothing is imported, and no scratch file is left."""
    configure(tmp_path, "http://127.0.0.1:9")
    with duckdb.connect() as connection:
        connection.sql(
            """SELECT TIMESTAMP '2026-01-01' + INTERVAL (i) MINUTE AS slot, md5(i::VARCHAR) AS pool, 'train' AS type,
            i AS total FROM range(200000) t(i)"""
        ).write_csv(str(tmp_path / "large.csv"))
    words = [sys.executable, "-c", LIMITED, str(500_000), "import", "large.csv"]
    done = subprocess.run(words, cwd=tmp_path, env=environment(), check=False, capture_output=True, text=True)
    assert 4 == done.returncode, done.stderr
    assert "nothing was imported" in done.stderr
    assert "correct the file" not in done.stderr
    assert [] == list((tmp_path / "data").glob(".*import*"))
