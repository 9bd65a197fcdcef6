"""The lock of an open database: it lasts as long as the connection, whatever else this process does with the file."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import duckdb
import pytest

from collector.clock import SimulatedClock
from collector.record.database import attach, connect, in_memory
from collector.record.schema import migrate
from tests.polling import START

pytestmark = pytest.mark.floor
WRITE = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute('CREATE TABLE mine AS SELECT 1')"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Return a database without rows."""
    with duckdb.connect(tmp_path / "record.duckdb") as connection:
        migrate(connection, 0, "test")
    return tmp_path / "record.duckdb"


def writes(database: Path) -> bool:
    """Return whether another process can write to a database now."""
    done = subprocess.run([sys.executable, "-c", WRITE, str(database)], capture_output=True, text=True, check=False)
    assert 0 == done.returncode or "Could not set lock" in done.stderr
    return 0 == done.returncode


@contextmanager
def attached(database: Path) -> Iterator[None]:
    with in_memory() as connection:
        attach(connection, database, SimulatedClock(START).pause, 0.0)
        yield


@pytest.mark.parametrize(
    "holding",
    [
        pytest.param(lambda database: connect(database, read_only=False), id="written to"),
        pytest.param(lambda database: connect(database, read_only=True), id="read"),
        attached,
    ],
)
def test_nobody_writes_to_a_database_that_is_open(
    database: Path, holding: Callable[[Path], AbstractContextManager[object]]
) -> None:
    """Locks are a process's, and one that opens and closes the file loses them all: it is looked at through DuckDB."""
    with holding(database):
        assert not writes(database)
    assert writes(database)
