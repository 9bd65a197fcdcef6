"""A record whose estimates are plain: two pools to which the same happens every hour, imported from a file."""

import csv
import io
import subprocess
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.polling import configure, poolscope

RECORD = Path("data/poolscope.duckdb")
MONDAY = datetime(2026, 1, 5)
STEP = timedelta(minutes=5)
DAY = 288


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


def rows_of(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """Return the rows of a CSV that a command said."""
    assert 0 == done.returncode, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))
