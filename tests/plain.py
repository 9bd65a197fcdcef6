"""A record with obvious estimates: two pools that repeat the same events every hour, imported from a file."""

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
    """Import two pools: every hour a job arrives, waits for 25 minutes, runs for 20 and ends; every fourth job fails.

    The jobs of `=cmd` (a name that a spreadsheet would execute) do not wait.
    """
    rows = ["slot,pool,type,total,Queue,Running,Completed,Failed"]
    for slot in range(days * DAY + 1):
        hour, minute = divmod(slot, 12)
        for pool, waits in (("a", 6), ("=cmd", 0)):
            arrived = hour + (minute > 0)
            ended = hour + (minute >= waits + 4) if minute else hour
            queue = int(0 < minute < waits)
            failed = ended // 4
            rows.append(
                f"{(MONDAY + slot * STEP).isoformat()},{pool},train,{arrived},{queue},{arrived - queue - ended},"
                f"{ended - failed},{failed}"
            )
    (folder / "snapshots.csv").write_text("\n".join(rows))
    configure(folder, "http://127.0.0.1:9")
    result = poolscope(folder, "import", "snapshots.csv")
    assert 0 == result.returncode, result.stderr


def rows_of(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """Return the rows of the CSV that a command printed."""
    assert 0 == done.returncode, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))
