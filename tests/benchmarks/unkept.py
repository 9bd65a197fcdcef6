"""Measures arrivals and waits where the API keeps no finished jobs, on simulated pools and on traces of real jobs.

    python tests/benchmarks/unkept.py [--from 1000] [--pools 200] [--shared ../shared]

A pool has 4 to 128 servers, a load of 0.3 to 1.1, run times of five kinds and a mean of 10 minutes to 6 hours, demand
that is even or follows the time of day, and polls every 60 to 900 s for 7 to 28 days; in a second table jobs come in
arrays too. The limits in `analysis/queue/unkept_arrivals.py` were chosen on seeds below 1000; judge on seeds above.
Scored are weeks with at least 100 arrivals that are wholly in the record. "Before" is the fewest arrivals that explain
the counts, times their ratio over that with every second slot left out, up to 2.
"""

import argparse
import heapq
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numba
import numpy as np
from numpy.typing import NDArray
from tabulate import tabulate

from analysis.queue.active_changes import least_arrivals
from analysis.queue.conservation import flows_of
from analysis.queue.discipline import waiting_of
from analysis.queue.waits import estimate
from analysis.record.series import COUNTS, Pool, Series
from analysis.windows import Windows

DAY, WEEK = 86_400, 7 * 86_400
RUN_TIMES = ("exponential", "lognormal", "two kinds", "constant", "uniform")
ARRAYS = (3.0, 10.0, 30.0, 100.0)
TRACES = ("alcf_thetagpu_2023", "sdsc_sp2_1998_5k", "drac_cedar_noonqueue_202105", "alcf_mira_2018")
HELD = (0.8, 1.25)
Floats = NDArray[np.float64]


class Jobs(NamedTuple):
    """Jobs with their times in seconds; a job that never ran has no start, and leaves the queue all the same."""

    came: Floats
    left: Floats
    start: Floats
    end: Floats


class Case(NamedTuple):
    """The jobs of a pool, and the slots at which it is polled."""

    name: str
    jobs: Jobs
    slots: NDArray[np.int64]


class Score(NamedTuple):
    """The estimates of a week over the truth; NaN where there are none."""

    case: str
    before: float
    arrivals: float
    mean: float
    """Of those whose true wait is at least a poll interval."""
    p90: float
    reason: str


@numba.njit(cache=True)
def starts_of(came: Floats, run: Floats, servers: int) -> Floats:
    """Return the starts of jobs that are served in the order of their arrival."""
    free = [0.0] * servers
    starts = np.empty(len(came))
    for job in range(len(came)):
        starts[job] = max(heapq.heappop(free), came[job])
        heapq.heappush(free, starts[job] + run[job])
    return starts


def run_times(random: np.random.Generator, kind: str, mean: float, n: int) -> Floats:
    """Draw run times."""
    sigma = np.sqrt(np.log1p(random.choice([1.0, 2.0, 3.0]) ** 2))
    draws: dict[str, Callable[[], Floats]] = {
        "exponential": lambda: random.exponential(1.0, n),
        "lognormal": lambda: np.exp(random.normal(-(sigma**2) / 2, sigma, n)),
        # One half of the jobs runs for a tenth of the time of the others.
        "two kinds": lambda: random.exponential(1.0, n) * np.where(random.random(n) < 0.5, 0.1, 1.0) / 0.55,
        "constant": lambda: random.uniform(0.999, 1.001, n),
        "uniform": lambda: random.uniform(0.0, 2.0, n),
    }
    times: Floats = np.maximum(draws[kind]() * mean, 1.0)
    return times


def arrivals_of(random: np.random.Generator, rate: float, until: float, *, rhythm: bool) -> Floats:
    """Draw Poisson arrivals, so many a second; with a rhythm more of them by day and on workdays."""
    came = np.sort(random.uniform(0, until, random.poisson(rate * until * (2.1 if rhythm else 1.0))))
    if rhythm:
        usual = (1 + 0.7 * np.sin((came / 3600 - 9) / 12 * np.pi)) * np.where(came // DAY % 7 >= 5, 0.5, 1.2)
        came = came[random.uniform(0, 2.1, len(came)) < usual]
    return came


def pool(seed: int, *, arrays: bool) -> Case:
    """Draw a pool and its jobs."""
    random = np.random.default_rng(seed)
    servers, load, kind = (
        int(random.choice([4, 8, 16, 32, 64, 128])),
        random.uniform(0.3, 1.1),
        random.choice(RUN_TIMES),
    )
    step, mean = int(random.choice([60, 120, 300, 600, 900])), float(np.exp(random.uniform(*np.log([600, 21_600]))))
    until, rhythm = int(random.choice([7, 14, 28])) * DAY, bool(random.integers(2))
    size, share = (random.choice(ARRAYS), random.choice([0.2, 0.5, 0.9])) if arrays else (1.0, 0.0)
    rate = load * servers / mean
    came = arrivals_of(random, rate * (1 - share), until, rhythm=rhythm)
    if arrays:
        first = arrivals_of(random, rate * share / size, until, rhythm=rhythm)
        came = np.sort(np.concatenate([came, np.repeat(first, random.geometric(1 / size, len(first)))]))
    run = run_times(random, str(kind), mean, len(came))
    start = starts_of(came, run, servers)
    name = f"{seed}: {servers} servers, load {load:.2f}, {kind} {mean:.0f} s, polls {step} s"
    name += f", {share:.0%} in arrays of {size:.0f}" if arrays else ""
    return Case(name, Jobs(came, start, start, start + run), np.arange(0, until + 1, step))


def replays(shared: Path) -> Iterator[Case]:
    """Yield the pools of the traces with 300 jobs or more, polled every 60, 300 and 900 s."""
    for trace in TRACES:
        jobs = duckdb.execute(
            'SELECT pool, epoch(submit) AS came, epoch(coalesce(start, "end")) AS "left", epoch(start) AS start,'
            ' epoch("end") AS "end" FROM read_parquet(?) WHERE coalesce(start, "end") IS NOT NULL',
            [str(shared / "traces" / f"{trace}.parquet")],
        ).df()
        for name, own in jobs.groupby("pool"):
            if len(own) < 300:
                continue
            times = Jobs(*(own[column].to_numpy(float) for column in Jobs._fields))
            for step in (60, 300, 900):
                slots = np.arange(times.came.min() // step * step, times.left.max() + step, step).astype(np.int64)
                yield Case(f"{trace} {name}, polls {step} s", times, slots)


def series_of(case: Case) -> Series:
    """Return the counts of a pool that keeps no finished jobs."""

    def until(instants: Floats) -> NDArray[np.int64]:
        return np.searchsorted(np.sort(instants[~np.isnan(instants)]), case.slots, side="right").astype(np.int64)

    came, left, start, end = case.jobs
    queue, running = until(came) - until(left), until(start) - until(end[~np.isnan(start)])
    counts = dict.fromkeys(COUNTS, np.zeros(len(case.slots), np.int64))
    counts |= {"Queue": queue, "Running": running, "total": queue + running}
    intervals = np.full(len(case.slots), case.slots[1] - case.slots[0])
    named = Pool("p", "a", None, None, case.slots, intervals, counts["total"])
    return Series(named, "train", case.slots, intervals, counts)


def scores(case: Case) -> Iterator[Score]:
    """Yield the scores of the weeks of a case."""
    series = series_of(case)
    flows = flows_of(series, "queue")
    if flows.classes.name != "absent":
        return
    starts = np.arange(case.slots[0], case.slots[-1] - WEEK + 1, WEEK)
    windows = Windows(starts, starts + WEEK)
    result = estimate([waiting_of(flows, "fifo")], windows, None, (90,))
    shown = least_arrivals(series, "queue")
    coarse = (shown.sum(), np.mean([least_arrivals(series.at(slice(k, None, 2)), "queue").sum() for k in (0, 1)]))
    before = windows.flowed(case.slots, shown) * np.clip(coarse[0] / max(coarse[1], 1.0), 1.0, 2.0)
    step, came = case.slots[1] - case.slots[0], case.jobs.came
    for week, (start, end) in enumerate(windows):
        waits = (case.jobs.left - came)[(came > start) & (came <= end)]
        if len(waits) < 100:
            continue
        mean, p90 = waits.mean(), np.quantile(waits, 0.9, method="inverted_cdf")
        yield Score(
            case.name,
            before[week] / len(waits),
            result.arrivals.point[week] / len(waits),
            result.mean.point[week] / mean if mean >= step else np.nan,
            result.quantiles[90].point[week] / p90 if p90 >= step else np.nan,
            "" if flows.unestimated is None else flows.unestimated.id,
        )


def row(name: str, rows: list[Score]) -> dict[str, Any]:
    """Return a row of the table."""

    def spread(values: Floats) -> str:
        known = values[~np.isnan(values)]
        return " ".join(f"{value:.2f}" for value in np.quantile(known, [0.05, 0.5, 0.95])) if len(known) else ""

    before, arrivals, mean, p90 = (np.array([getattr(score, of) for score in rows]) for of in Score._fields[1:5])
    known = arrivals[~np.isnan(arrivals)]
    return {
        "cases": name,
        "weeks": len(rows),
        "before, inside": ((before >= HELD[0]) & (before <= HELD[1])).mean(),
        "before": spread(before),
        "answered": len(known) / len(rows),
        "inside": ((known >= HELD[0]) & (known <= HELD[1])).mean() if len(known) else np.nan,
        "arrivals": spread(arrivals),
        "mean wait": spread(mean),
        "P90 wait": spread(p90),
    }


def main() -> None:
    """Score all cases, and print the tables: all over the truth, at 5, 50 and 95 % of the weeks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="first", type=int, default=1000, help="the first seed")
    parser.add_argument("--pools", type=int, default=200)
    parser.add_argument("--shared", type=Path, help="a folder with traces/*.parquet")
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.pools)
    tables: dict[str, Iterator[Case]] = {
        name: map(partial(pool, arrays=arrays), seeds) for name, arrays in (("single jobs", False), ("arrays", True))
    }
    if options.shared:
        tables["traces"] = replays(options.shared)
    table, wrong, reasons = [], [], []
    for name, cases in tables.items():
        rows = [score for case in cases for score in scores(case)]
        if name == "traces":
            table += [
                row(f"traces, {step} s", [score for score in rows if score.case.endswith(f" {step} s")])
                for step in (60, 300, 900)
            ]
        table.append(row(name, rows))
        wrong += [
            (score.case, score.arrivals)
            for score in rows
            if not HELD[0] <= score.arrivals <= HELD[1] and not score.reason
        ]
        reasons += [
            (name, reason, sum(score.reason == reason for score in rows))
            for reason in sorted({score.reason for score in rows if score.reason})
        ]
    print(tabulate(table, headers="keys", floatfmt=".3f"))
    print(tabulate(reasons, headers=["cases", "why not answered", "weeks"]))
    print(tabulate(wrong, headers=["weeks outside 0.8 to 1.25", "arrivals"], floatfmt=".2f"))


if __name__ == "__main__":
    main()
