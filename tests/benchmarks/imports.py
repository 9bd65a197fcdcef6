"""What it costs to load the Python API, over loading the two libraries that it stands on.

    python tests/benchmarks/imports.py [--times 15]

The ratio of the medians of CPU time, each in a fresh process, in turns. The target is 1.4.
"""

import argparse
import resource
import statistics
import subprocess
import sys

FLOOR = "import pandas, duckdb"
API = "from analysis import History; History('none')"
TARGET = 1.4


def cpu_seconds(program: str) -> float:
    """Run a program in a fresh process; return its user and system time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Measure and print; return 1 where the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=15)
    times = parser.parse_args().times
    # The first of each reads its files into memory.
    seconds = [(cpu_seconds(FLOOR), cpu_seconds(API)) for _ in range(times + 1)][1:]
    floor, api = (statistics.median(column) for column in zip(*seconds, strict=True))
    print(f"{FLOOR}: {floor:.2f} s; {API}: {api:.2f} s; ratio {api / floor:.2f} (target {TARGET})")
    return int(api > TARGET * floor)


if __name__ == "__main__":
    sys.exit(main())
