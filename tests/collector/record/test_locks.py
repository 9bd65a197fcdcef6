"""The lock of an open database lasts as long as the connection, whatever else this process does with the file."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import duckdb
import pytest

from collector.clock import SimulatedClock
from collector.errors import RecordNotWritten
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


def another_process_can_write(database: Path) -> bool:
    """Return whether another process can write to a database."""
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
def test_no_process_writes_to_a_database_that_is_open(
    database: Path, holding: Callable[[Path], AbstractContextManager[object]]
) -> None:
    """A process that opens and closes the file loses all its locks on it, so checks of the file go through DuckDB."""
    with holding(database):
        assert not another_process_can_write(database)
    assert another_process_can_write(database)


@pytest.mark.parametrize("reason", ["No locks available", "Function not implemented", "File locks are not supported"])
def test_a_file_system_without_locks_is_not_reported_as_a_database_in_use(
    database: Path, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    """For DuckDB's messages where fcntl fails (ENOLCK, ENOSYS, ENOTSUP): the fix is another folder, not to wait."""

    def refuse(*_: object, **_named: object) -> None:
        raise duckdb.IOException(f'IO Error: Could not set lock on file "{database}": {reason}. See also https://x')

    monkeypatch.setattr(duckdb, "connect", refuse)
    with pytest.raises(RecordNotWritten, match=f"without locks .*{reason}.*name a folder on a local disk"):
        connect(database, read_only=False)
