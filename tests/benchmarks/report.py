"""Measures the cost of a report: 20 pools of three job types, 90 days, every five minutes; run it by hand.

    python tests/benchmarks/report.py [--pools 20] [--days 90]

The HTML of all days with figures, and the JSON without figures, each written by the command in its own process, are
compared with a plain sum by series and hour of the same rows. The size of the HTML of the last 30 days is measured too.
The exit code is 1 if a target is missed.
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


def measure(call: list[str]) -> tuple[float, float]:
    """Run a program; return its seconds and the peak memory of it and its child processes together, in MiB."""
    start = time.perf_counter()
    peak = 0.0
    with subprocess.Popen(call, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            peak = max(peak, sum(map(memory, tree(process.pid))))
            time.sleep(0.05)
    if process.returncode:
        sys.exit(f"{call} ended with {process.returncode}")
    return time.perf_counter() - start, peak


def tree(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(descendant for child in children for descendant in tree(int(child)))]


def memory(pid: int) -> float:
    """Return a process's private memory and its part of shared memory, in MiB."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def main() -> int:
    """Measure and print; return 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pools", type=int, default=20)
    parser.add_argument("--days", type=int, default=90)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "record.duckdb"
        rows = fill(file, options.pools, options.days, in_order_of_arrival=False)
        report = [sys.executable, "-m", "collector", "report", "--db", str(file), "--slo", "15m", "--out"]
        # Once before, to compile what is compiled on first use.
        measure([*report, f"{folder}/first", "--since", "2d"])
        floor, _ = measure([sys.executable, "-c", COUNT, str(file)])
        plain, _ = measure([*report, f"{folder}/plain", "--since", f"{options.days}d", "--format", "json"])
        drawn, mib = measure([*report, f"{folder}/drawn", "--since", f"{options.days}d"])
        measure([*report, f"{folder}/month", "--since", "30d"])
        (page,) = Path(folder, "month").glob("*.html")
        size = page.stat().st_size
    print(f"{rows:,} rows of {options.pools} pools; a plain sum of them {floor:.2f} s")
    figures = 1 - plain / drawn
    ratio = drawn / floor
    print(f"report {drawn:6.2f} s = {ratio:5.1f} times; figures {figures:.0%} of it; at most {MOST_SECONDS:.0f} s")
    print(f"memory {mib:6.0f} MiB of all its processes; at most {MOST_MIB:.0f}")
    print(f"size   {size / 1e6:6.2f} MB for 30 days; at most {MOST_BYTES / 1e6:.0f}")
    return int(drawn > MOST_SECONDS or mib > MOST_MIB or size > MOST_BYTES)


if __name__ == "__main__":
    sys.exit(main())
