"""The memory limit of DuckDB where the process has a limit of address space."""

import os
import resource
from contextlib import suppress
from pathlib import Path
from typing import Final

import duckdb

SHARE: Final = 0.4
"""DuckDB's share of the free address space; stacks, and memory that DuckDB does not count, need the rest."""
LEAST: Final = 48 << 20
"""The smallest limit in bytes: DuckDB reads a JSON file in blocks of 32 MiB."""


def memory_allowed() -> int | None:
    """Return how many bytes DuckDB may use under a limit of address space (``ulimit -v``); None without such a limit.

    DuckDB itself knows the memory of the machine and of a control group.
    """
    allowed = resource.getrlimit(resource.RLIMIT_AS)[0]
    if allowed == resource.RLIM_INFINITY:
        return None
    used = 0
    with suppress(OSError, ValueError):
        used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    return max(int(SHARE * (allowed - used)), LEAST)


def limit_memory(connection: duckdb.DuckDBPyConnection, most: int) -> None:
    """Limit a connection to so many bytes, or to what the process may use; DuckDB puts the rest on disk.

    Raises
    ------
    duckdb.Error
        When the connection already uses more.
    """
    connection.execute(f"SET memory_limit = '{min(most, memory_allowed() or most)}B'")


def memory_settings() -> dict[str, str | int]:
    """Return DuckDB's settings under a limit of address space; empty where there is no such limit.

    Each thread of DuckDB needs address space of its own. Without it, DuckDB does not raise but ends the process.
    """
    allowed = memory_allowed()
    if allowed is None:
        return {}
    settings: dict[str, str | int] = {"memory_limit": f"{allowed}B", "threads": 1}
    return settings | ({} if duckdb.__version__.startswith("1.") else {"async_threads": 0})
