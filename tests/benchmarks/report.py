"""What a report costs: 20 pools of three job types, 90 days, every five minutes; run it by hand.

    python tests/benchmarks/report.py [--pools 20] [--days 90]

The HTML of all days with its pictures, and the JSON without them, each by the command in a process of its own, beside
a plain sum by series and hour of the same rows in the same run; and the size of the HTML of the last 30 days. It ends
with 1 where a target is missed.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.benchmarks.estimates import SUM, fill

MOST_SECONDS = 30.0
MOST_MIB = 1024.0
MOST_BYTES = 2_000_000
COUNT = f"import duckdb, sys; print(duckdb.connect(sys.argv[1], read_only=True).execute({SUM!r}).fetchall())"


def measured(call: list[str]) -> tuple[float, float]:
    """Run a program and what it starts; return its seconds, and the most memory of all of them at once, in MiB."""
    begun = time.perf_counter()
    most = 0.0
    with subprocess.Popen(call, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            most = max(most, sum(map(memory, tree(process.pid))))
            time.sleep(0.05)
    if process.returncode:
        sys.exit(f"{call} ended with {process.returncode}")
    return time.perf_counter() - begun, most


def tree(pid: int) -> list[int]:
    """Return a process and all below it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(each for child in children for each in tree(int(child)))]


def memory(pid: int) -> float:
    """Return what a process has for itself, and its part of what is shared, in MiB."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def main() -> int:
    """Measure, print, and tell whether all is within its target."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pools", type=int, default=20)
    parser.add_argument("--days", type=int, default=90)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "record.duckdb"
        rows = fill(file, asked.pools, asked.days, arrived=False)
        report = [sys.executable, "-m", "collector", "report", "--db", str(file), "--slo", "15m", "--out"]
        # Once before, so that what is compiled is there.
        measured([*report, f"{folder}/first", "--since", "2d"])
        floor, _ = measured([sys.executable, "-c", COUNT, str(file)])
        plain, _ = measured([*report, f"{folder}/plain", "--since", f"{asked.days}d", "--format", "json"])
        drawn, mib = measured([*report, f"{folder}/drawn", "--since", f"{asked.days}d"])
        measured([*report, f"{folder}/month", "--since", "30d"])
        (page,) = Path(folder, "month").glob("*.html")
        size = page.stat().st_size
    print(f"{rows:,} rows of {asked.pools} pools; a plain sum of them {floor:.2f} s")
    figures = 1 - plain / drawn
    times = drawn / floor
    print(f"report {drawn:6.2f} s = {times:5.1f} times; figures {figures:.0%} of it; at most {MOST_SECONDS:.0f} s")
    print(f"memory {mib:6.0f} MiB of all its processes; at most {MOST_MIB:.0f}")
    print(f"size   {size / 1e6:6.2f} MB for 30 days; at most {MOST_BYTES / 1e6:.0f}")
    return int(drawn > MOST_SECONDS or mib > MOST_MIB or size > MOST_BYTES)


if __name__ == "__main__":
    sys.exit(main())
