"""What the rule on odd answers takes for odd in clean records: nothing, in traces of real jobs; run it by hand.

    python tests/benchmarks/odd.py [--traces ../shared/traces] [--steps 60 300 900]

Each trace is replayed as the counts that a poller would have seen, at each step (seconds), with finished jobs kept for
ever, for seven days and not at all; kept and purged every night, every fortnight (to the last three days), and once;
and kept with one reset, in which all counts of finished jobs begin anew. It ends with 1 where any slot is odd.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
from tabulate import tabulate

from analysis.arrays import Ints
from collector.record.database import Record
from collector.record.odd import find_odd

DAY: Final = 86_400
FEWEST_JOBS: Final = 300
JOBS: Final = """
    SELECT pool, type, epoch(submit)::BIGINT AS submit, epoch("end")::BIGINT AS end
    FROM read_parquet($1) WHERE "end" IS NOT NULL ORDER BY pool, type"""
HISTORIES: Final = ("keep", "7D", "none", "purged nightly", "purged fortnightly", "purged once", "reset")
Samples = dict[str, Ints]


def jobs_of(trace: Path) -> list[tuple[int, Ints, Ints]]:
    """Return the pool (a number), submits and ends (seconds, rising) of each series with enough jobs."""
    found = duckdb.execute(JOBS, [str(trace)]).fetchnumpy()
    keys = np.array([f"{pool}\n{type_}" for pool, type_ in zip(found["pool"], found["type"], strict=True)])
    pools = {name: number for number, name in enumerate(dict.fromkeys(found["pool"]))}
    series = []
    for key in dict.fromkeys(keys):
        mine = keys == key
        if mine.sum() >= FEWEST_JOBS:
            submits, ends = (np.sort(found[name][mine]) for name in ("submit", "end"))
            series.append((pools[key.split("\n")[0]], submits, ends))
    return series


def forgotten(slots: Ints, ends: Ints, history: str) -> Ints:
    """Return how many of the ends were no longer counted at each slot."""
    if history == "keep":
        return np.zeros(len(slots), np.int64)
    middle = int(slots[len(slots) // 2])
    until = {
        "7D": slots - 7 * DAY,
        "none": slots,
        "purged nightly": slots // DAY * DAY,
        "purged fortnightly": slots // (14 * DAY) * 14 * DAY - 3 * DAY,
        "purged once": np.where(slots < middle, 0, middle - 3 * DAY),
        "reset": np.where(slots < middle, 0, middle),
    }[history]
    return np.searchsorted(ends, until, side="right").astype(np.int64)


def replayed(jobs: list[tuple[int, Ints, Ints]], step: int, history: str) -> Samples:
    """Return what is counted of the jobs, as the rule takes it."""
    first, last = min(submits[0] for _, submits, _ in jobs), max(submits[-1] for _, submits, _ in jobs)
    slots = np.arange(first // step * step, -(-last // step) * step + 1, step)
    parts = []
    for number, (pool, submits, ends) in enumerate(jobs):
        ended = np.searchsorted(ends, slots, side="right") - forgotten(slots, ends, history)
        active = np.searchsorted(submits, slots, side="right") - np.searchsorted(ends, slots, side="right")
        columns = {"series": number, "pool": pool, "interval": step}
        parts.append(
            {name: np.full(len(slots), value) for name, value in columns.items()}
            | {"slot": slots, "total": active + ended, "ended": ended}
        )
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def rows(record: Record, traces: list[Path], steps: list[int]) -> Iterator[list[object]]:
    """Judge each replay; a row has what it is, its samples, the seconds (CPU), and its runs and renamed types."""
    for trace in traces:
        if not (jobs := jobs_of(trace)):
            continue
        for step in steps:
            for history in HISTORIES:
                samples = replayed(jobs, step, history)
                record.register("samples", samples)
                began = time.process_time()
                runs, renamed = find_odd(record)
                seconds = time.process_time() - began
                yield [trace.stem, step, history, len(samples["slot"]), f"{seconds:.2f}", len(runs), len(renamed)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traces", type=Path, default=Path(__file__).parents[3] / "shared" / "traces")
    parser.add_argument("--steps", type=int, nargs="+", default=[60, 300, 900])
    options = parser.parse_args()
    with duckdb.connect() as record:
        record.execute("SET threads = 1")
        table = list(rows(record, sorted(options.traces.glob("*.parquet")), options.steps))
    print(tabulate(table, headers=["trace", "step", "history", "samples", "seconds", "odd", "renamed"], intfmt=","))
    if not table or any(row[-2] or row[-1] for row in table):
        sys.exit(1)


if __name__ == "__main__":
    main()
