"""Measures the point estimates of windows in which some jobs still wait, on traces of real jobs cut at random times.

    python tests/benchmarks/newest.py [--shared ../shared] [--cuts 40] [--trace NAME ...]

Each pool of a trace is counted every five minutes from its first job to the cut. Weekly and daily windows with at least
30 jobs are scored: those in which at most a tenth of the jobs still wait, and, for comparison, those in which none
does. The truth is that of all jobs that arrived before the cut, with their full waits. An error is |estimate - truth|
over the truth, which counts as at least a minute for the mean and as a poll interval for the P90 wait.

Nothing was chosen on these traces: the estimator and its horizon were chosen on simulated queues (tests/simulated.py,
and queues in FIFO, LIFO and random order). The exit code is 1 if a target is missed.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
from tabulate import tabulate

from analysis.arrays import Floats
from analysis.calendar import windows_between
from analysis.queue import waits
from analysis.queue.censoring import MOST_CENSORED
from analysis.queue.conservation import flows_of
from analysis.queue.discipline import waiting_of
from tests.recorded import observed

TRACES = ("alcf_thetagpu_2023", "sdsc_sp2_1998_5k", "drac_cedar_noonqueue_202105")
STEP = 300
FEWEST_OF_POOL = 300
FEWEST = 30
SEED = 1
MOST_ERROR = 0.10
MOST_TIMES = 1.1
JOBS = """SELECT pool, epoch(submit), epoch(coalesce(start, "end")), epoch(coalesce("end", start)), final
FROM read_parquet($1) WHERE coalesce("end", start) IS NOT NULL ORDER BY pool, submit"""


@dataclass(frozen=True)
class Jobs:
    """The jobs of a pool: times in seconds."""

    arrived: Floats
    left: Floats
    ended: Floats
    outcomes: list[str]


@dataclass(frozen=True)
class WindowScore:
    """A window's share of jobs that still wait, and the errors of its points; NaN without a point."""

    every: str
    censored: float
    mean: float
    p90: float


def pools_of(file: Path) -> list[Jobs]:
    """Return the jobs of each pool that has enough of them."""
    by_pool: dict[str, list[tuple[float, float, float, str]]] = {}
    for pool, *job in duckdb.execute(JOBS, [str(file)]).fetchall():
        by_pool.setdefault(pool, []).append((job[0], job[1], max(job[1], job[2]), job[3]))
    pools = []
    for jobs in by_pool.values():
        if len(jobs) >= FEWEST_OF_POOL:
            arrived, left, ended = np.array([job[:3] for job in jobs]).T
            pools.append(Jobs(arrived, left, ended, [job[3] for job in jobs]))
    return pools


def scores(jobs: Jobs, cut: int) -> Iterator[WindowScore]:
    """Score each window of a pool's counts until the cut."""
    first = int(jobs.arrived[0]) // STEP * STEP
    slots = np.arange(first, cut + 1, STEP)
    counts = observed(slots, jobs.arrived, jobs.left, jobs.ended, jobs.outcomes)
    waiting = waiting_of(flows_of(counts, "queue+pending"), "unknown")
    for every in ("1w", "1d"):
        spans = windows_between(first, cut, every, ZoneInfo("UTC"))
        estimates = waits.estimate([waiting], spans, None, (90,))
        mean, p90, censored = estimates.mean.point, estimates.quantiles[90].point, estimates.censored
        for window, (start, end) in enumerate(spans):
            in_window = (jobs.arrived > start) & (jobs.arrived <= min(end, cut))
            if in_window.sum() < FEWEST:
                continue
            truth = np.sort((jobs.left - jobs.arrived)[in_window])
            true_p90 = truth[int(np.ceil(0.9 * len(truth) - 1e-9)) - 1]
            yield WindowScore(
                every,
                censored[window] / len(truth),
                abs(mean[window] - truth.mean()) / max(truth.mean(), 60.0),
                abs(p90[window] - true_p90) / max(true_p90, float(STEP)),
            )


def cuts_of(pools: list[Jobs], number: int) -> list[int]:
    """Draw times between the first tenth of a trace and its end."""
    first, last = min(jobs.arrived[0] for jobs in pools), max(jobs.left.max() for jobs in pools)
    cuts = np.random.default_rng(SEED).uniform(first + (last - first) / 10, last, number)
    return [int(cut) // STEP * STEP for cut in cuts]


def main() -> int:
    """Score and print; return 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path(__file__).parents[2] / "../shared")
    parser.add_argument("--trace", action="append", help="name of a file in shared/traces, without .parquet")
    parser.add_argument("--cuts", type=int, default=40)
    options = parser.parse_args()
    rows, missed = [], False
    for trace in options.trace or TRACES:
        pools = pools_of(options.shared / "traces" / f"{trace}.parquet")
        windows_of_trace = [
            window
            for cut in cuts_of(pools, options.cuts)
            for jobs in pools
            if cut > jobs.arrived[0] + 2 * STEP
            for window in scores(jobs, cut)
        ]
        for every in ("1w", "1d"):
            scored = [window for window in windows_of_trace if window.every == every]
            censored = [window for window in scored if 0 < window.censored <= MOST_CENSORED]
            complete = [window for window in scored if window.censored == 0]
            (mean, p90), (mean_of_complete, p90_of_complete) = (
                (_median([window.mean for window in group]), _median([window.p90 for window in group]))
                for group in (censored, complete)
            )
            reached = mean <= MOST_ERROR and p90 <= MOST_TIMES * p90_of_complete
            missed |= not reached
            rows.append(
                {
                    "trace": trace[:12],
                    "every": every,
                    "censored": len(censored),
                    "with a point": float(np.mean([not np.isnan(w.mean) for w in censored])) if censored else np.nan,
                    "mean error": mean,
                    "P90 error": p90,
                    "complete": len(complete),
                    "their mean error": mean_of_complete,
                    "their P90 error": p90_of_complete,
                    "mean error of both": _median([window.mean for window in censored + complete]),
                    "targets": "reached" if reached else "MISSED",
                }
            )
    print(tabulate(rows, headers="keys", tablefmt="simple", floatfmt=".3f"))
    return int(missed)


def _median(errors: list[float]) -> float:
    return float(np.nanmedian(errors)) if errors else float("nan")


if __name__ == "__main__":
    sys.exit(main())
