"""How close the points of windows come whose jobs partly still wait: traces of real jobs, cut at random instants.

    python tests/benchmarks/newest.py [--shared ../shared] [--cuts 40] [--trace NAME ...]

Each pool of a trace is counted every five minutes from its first job to the cut. Scored are weekly and daily windows
with at least 30 jobs: those in which at most a tenth of the jobs still wait, beside those in which none does. The
truth is that of the jobs that had come by the cut, however long they went on waiting. An error is |estimate - truth|
over the truth, which counts as at least a minute for the mean and as a poll interval for the 9-of-10 wait.

Nothing was chosen on these traces: the estimator and its horizon were, on simulated queues (tests/simulated.py and
queues served first, last, and in random order). It ends with 1 where a target is missed.
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
from analysis.queue import waits
from analysis.queue.censoring import MOST_CENSORED
from analysis.queue.conservation import flows_of
from analysis.queue.discipline import Waiting
from analysis.windows import windows
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
    """The jobs of a pool, in seconds."""

    came: Floats
    left: Floats
    ended: Floats
    outcomes: list[str]


@dataclass(frozen=True)
class Scored:
    """A window: which share of its jobs still waited, and the errors of its points; NaN where there is none."""

    every: str
    censored: float
    mean: float
    ninth: float


def pools_of(file: Path) -> list[Jobs]:
    """Return the jobs of each pool that has enough."""
    by_pool: dict[str, list[tuple[float, float, float, str]]] = {}
    for pool, *job in duckdb.execute(JOBS, [str(file)]).fetchall():
        by_pool.setdefault(pool, []).append((job[0], job[1], max(job[1], job[2]), job[3]))
    made = []
    for jobs in by_pool.values():
        if len(jobs) >= FEWEST_OF_POOL:
            came, left, ended = np.array([job[:3] for job in jobs]).T
            made.append(Jobs(came, left, ended, [job[3] for job in jobs]))
    return made


def scored(jobs: Jobs, cut: int) -> Iterator[Scored]:
    """Score each window of what was counted of a pool until the cut."""
    first = int(jobs.came[0]) // STEP * STEP
    slots = np.arange(first, cut + 1, STEP)
    counted = observed(slots, jobs.came, jobs.left, jobs.ended, jobs.outcomes)
    waiting = Waiting(flows_of(counted, "queue+pending"), "unknown")
    for every in ("1w", "1d"):
        spans = np.array(windows(first, cut, every, ZoneInfo("UTC")))
        said = waits.estimate([waiting], spans, None, (90,))
        mean, ninth, share = (np.asarray(said[name], float) for name in ("mean_seconds", "p90_seconds", "censored"))
        for place, (start, end) in enumerate(spans):
            mine = (jobs.came > start) & (jobs.came <= min(int(end), cut))
            if mine.sum() < FEWEST:
                continue
            truth = np.sort((jobs.left - jobs.came)[mine])
            nine = truth[int(np.ceil(0.9 * len(truth) - 1e-9)) - 1]
            yield Scored(
                every,
                share[place] / len(truth),
                abs(mean[place] - truth.mean()) / max(truth.mean(), 60.0),
                abs(ninth[place] - nine) / max(nine, float(STEP)),
            )


def cuts_of(pools: list[Jobs], number: int) -> list[int]:
    """Draw instants between a tenth of a trace and its end."""
    first, last = min(jobs.came[0] for jobs in pools), max(jobs.left.max() for jobs in pools)
    drawn = np.random.default_rng(SEED).uniform(first + (last - first) / 10, last, number)
    return [int(instant) // STEP * STEP for instant in drawn]


def main() -> int:
    """Score and print; return 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path(__file__).parents[2] / "../shared")
    parser.add_argument("--trace", action="append", help="a file's name in shared/traces, without .parquet")
    parser.add_argument("--cuts", type=int, default=40)
    options = parser.parse_args()
    rows, missed = [], False
    for trace in options.trace or TRACES:
        pools = pools_of(options.shared / "traces" / f"{trace}.parquet")
        found = [
            window
            for cut in cuts_of(pools, options.cuts)
            for jobs in pools
            if cut > jobs.came[0] + 2 * STEP
            for window in scored(jobs, cut)
        ]
        for every in ("1w", "1d"):
            some = [each for each in found if each.every == every and 0 < each.censored <= MOST_CENSORED]
            none = [each for each in found if each.every == every and each.censored == 0]
            (mean, ninth), (mean_of_none, ninth_of_none) = (
                (_median([each.mean for each in of]), _median([each.ninth for each in of])) for of in (some, none)
            )
            reached = mean <= MOST_ERROR and ninth <= MOST_TIMES * ninth_of_none
            missed |= not reached
            rows.append(
                {
                    "trace": trace[:12],
                    "every": every,
                    "windows": len(some),
                    "answered": float(np.mean([not np.isnan(each.mean) for each in some])) if some else np.nan,
                    "mean error": mean,
                    "p90 error": ninth,
                    "complete": len(none),
                    "their mean error": mean_of_none,
                    "their p90 error": ninth_of_none,
                    "mean error of both": _median([each.mean for each in some + none]),
                    "targets": "reached" if reached else "MISSED",
                }
            )
    print(tabulate(rows, headers="keys", tablefmt="simple", floatfmt=".3f"))
    return int(missed)


def _median(errors: list[float]) -> float:
    return float(np.nanmedian(errors)) if errors else float("nan")


if __name__ == "__main__":
    sys.exit(main())
