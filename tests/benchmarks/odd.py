"""Checks that the rule for odd answers finds none in correct counts, on traces of real jobs; run it by hand.

    python tests/benchmarks/odd.py [--traces ../shared/traces] [--steps 60 300 900]

Each trace is replayed as the counts of polls at each step (seconds). Finished jobs are kept for ever, for seven days,
or never; or they are purged every night, every fortnight (except the last three days), or once; or their counts are
reset to zero once. The exit code is 1 if any slot is odd.
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
RETENTIONS: Final = ("keep", "7D", "none", "purged nightly", "purged fortnightly", "purged once", "reset")
Samples = dict[str, Ints]


def jobs_of(trace: Path) -> list[tuple[int, Ints, Ints]]:
    """Return the pool's number, submits and ends (seconds, ascending) of each series with enough jobs."""
    jobs = duckdb.execute(JOBS, [str(trace)]).fetchnumpy()
    keys = np.array([f"{pool}\n{type_}" for pool, type_ in zip(jobs["pool"], jobs["type"], strict=True)])
    pools = {name: number for number, name in enumerate(dict.fromkeys(jobs["pool"]))}
    series = []
    for key in dict.fromkeys(keys):
        in_series = keys == key
        if in_series.sum() >= FEWEST_JOBS:
            submits, ends = (np.sort(jobs[name][in_series]) for name in ("submit", "end"))
            series.append((pools[key.split("\n")[0]], submits, ends))
    return series


def forgotten(slots: Ints, ends: Ints, retention: str) -> Ints:
    """Return the number of finished jobs that are no longer counted at each slot."""
    if retention == "keep":
        return np.zeros(len(slots), np.int64)
    middle = int(slots[len(slots) // 2])
    until = {
        "7D": slots - 7 * DAY,
        "none": slots,
        "purged nightly": slots // DAY * DAY,
        "purged fortnightly": slots // (14 * DAY) * 14 * DAY - 3 * DAY,
        "purged once": np.where(slots < middle, 0, middle - 3 * DAY),
        "reset": np.where(slots < middle, 0, middle),
    }[retention]
    return np.searchsorted(ends, until, side="right").astype(np.int64)


def replayed(jobs: list[tuple[int, Ints, Ints]], step: int, retention: str) -> Samples:
    """Return the counts of the jobs in the form that the rule takes."""
    first, last = min(submits[0] for _, submits, _ in jobs), max(submits[-1] for _, submits, _ in jobs)
    slots = np.arange(first // step * step, -(-last // step) * step + 1, step)
    parts = []
    for number, (pool, submits, ends) in enumerate(jobs):
        ended = np.searchsorted(ends, slots, side="right") - forgotten(slots, ends, retention)
        active = np.searchsorted(submits, slots, side="right") - np.searchsorted(ends, slots, side="right")
        columns = {"series": number, "pool": pool, "interval": step}
        parts.append(
            {name: np.full(len(slots), value) for name, value in columns.items()}
            | {"slot": slots, "total": active + ended, "ended": ended}
        )
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def rows(record: Record, traces: list[Path], steps: list[int]) -> Iterator[list[object]]:
    """Apply the rule to each replay; yield the replay, its samples, the CPU seconds, odd runs and renamed types."""
    for trace in traces:
        if not (jobs := jobs_of(trace)):
            continue
        for step in steps:
            for retention in RETENTIONS:
                samples = replayed(jobs, step, retention)
                record.register("samples", samples)
                start = time.process_time()
                runs, renamed = find_odd(record)
                seconds = time.process_time() - start
                yield [trace.stem, step, retention, len(samples["slot"]), f"{seconds:.2f}", len(runs), len(renamed)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traces", type=Path, default=Path(__file__).parents[3] / "shared" / "traces")
    parser.add_argument("--steps", type=int, nargs="+", default=[60, 300, 900])
    options = parser.parse_args()
    with duckdb.connect() as record:
        record.execute("SET threads = 1")
        table = list(rows(record, sorted(options.traces.glob("*.parquet")), options.steps))
    print(tabulate(table, headers=["trace", "step", "retention", "samples", "seconds", "odd", "renamed"], intfmt=","))
    if not table or any(row[-2] or row[-1] for row in table):
        sys.exit(1)


if __name__ == "__main__":
    main()
