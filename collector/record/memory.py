"""The memory that DuckDB may take where the process may not have what the machine has."""

import os
import resource
from contextlib import suppress
from pathlib import Path
from typing import Final

import duckdb

SHARE: Final = 0.4
"""Of the address space that is left: what a query takes besides DuckDB's own account, and stacks, is in it too."""
LEAST: Final = 48 << 20
"""Bytes: a file of JSON alone is read in blocks of 32 MiB."""


def memory_allowed() -> int | None:
    """Return how many bytes DuckDB may take under a limit of address space (``ulimit -v``); None without such a limit.

    What a machine or a control group has, DuckDB finds itself.
    """
    allowed = resource.getrlimit(resource.RLIMIT_AS)[0]
    if allowed == resource.RLIM_INFINITY:
        return None
    taken = 0
    with suppress(OSError, ValueError):
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    return max(int(SHARE * (allowed - taken)), LEAST)


def memory_settings() -> dict[str, str | int]:
    """Return DuckDB's settings under a limit of address space; none where there is no such limit.

    Each of its threads needs room of its own: where there is none it does not refuse but ends the process.
    """
    allowed = memory_allowed()
    if allowed is None:
        return {}
    settings: dict[str, str | int] = {"memory_limit": f"{allowed}B", "threads": 1}
    return settings | ({} if duckdb.__version__.startswith("1.") else {"async_threads": 0})
