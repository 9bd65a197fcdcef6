"""Tests the error rates and the coverage of trends, changes and comparisons on simulated queues; run it by hand.

    python tests/benchmarks/trends.py [--quarters 400] [--seed 1]

A simulated FIFO queue with 16 servers gives the true daily values: mean wait, share over 15 minutes, arrivals, failure
rate. The exit code is 1 if a trend or a change is claimed in more than one quarter (91 days) in twenty although nothing
changed (tested at 99 %), or if the interval of a difference contains the truth in less than 93 % or more than 97 % of
1,000 pairs of periods.
"""

import argparse
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numba
import numpy as np
from scipy.stats import binom
from tabulate import tabulate

from analysis.arrays import Floats
from analysis.stats.batches import CLAIM, FEWEST, Days
from analysis.stats.changepoints import changes_of
from analysis.stats.regression import difference_of, slope_of

SERVERS = 16
DAYS = 91
WARM = 60
DAY = 86_400.0
HOUR = 3600.0
LIMIT = 900.0


@dataclass(frozen=True)
class Scenario:
    """The load and the pattern of arrivals."""

    load: float
    pattern: str = "plain"
    service: float = 2 * HOUR
    doubled: int = 0
    """The number of last days whose load doubles the long-run mean wait."""

    def arrivals(self, draw: np.random.Generator) -> Floats:
        """Draw the arrivals, in seconds from the start of the warm-up."""
        span, burst = (WARM + DAYS) * DAY, 5.0 if self.pattern == "bursts" else 1.0
        most = doubled(self.load) if self.doubled else self.load * (1.16 * 1.4 if self.pattern == "rhythm" else 1.0)
        rate = most * SERVERS / self.service / burst
        candidates = np.cumsum(draw.exponential(1 / rate, int(span * rate * 1.2) + 200))
        if self.pattern == "bursts":
            candidates = np.repeat(candidates, draw.geometric(1 / burst, len(candidates)))
        loads = np.full(len(candidates), self.load)
        if self.pattern == "rhythm":
            weekend = (candidates // DAY) % 7 >= 5
            loads *= (1 + 0.4 * np.sin(2 * np.pi * candidates / DAY)) * np.where(weekend, 0.6, 1.16)
        loads[candidates >= span - self.doubled * DAY] = most if self.doubled else self.load
        arrivals: Floats = candidates[(draw.random(len(candidates)) * most < loads) & (candidates < span)]
        return arrivals

    def days(self, draw: np.random.Generator) -> dict[str, Days]:
        """Draw a quarter: the true daily values of each measure."""
        arrivals = self.arrivals(draw)
        waits = first_in_first_out(arrivals, draw.exponential(self.service, len(arrivals)))
        day = (arrivals // DAY).astype(np.int64) - WARM
        arrival_day, waits = day[day >= 0], waits[day >= 0]
        jobs = np.bincount(arrival_day, minlength=DAYS)[:DAYS].astype(float)
        failed = draw.binomial(jobs.astype(np.int64), draw.beta(3, 27, DAYS))
        divisor = np.maximum(jobs, 1)
        measures = {
            "wait": np.bincount(arrival_day, waits, DAYS) / divisor,
            "over": np.bincount(arrival_day, waits > LIMIT, DAYS) / divisor,
            "arrivals": jobs,
            "failures": failed / divisor,
        }
        return {
            name: exactly(values, np.ones(DAYS) if name == "arrivals" else jobs) for name, values in measures.items()
        }


def exactly(values: Floats, weights: Floats) -> Days:
    """Return days with exactly known values, without those of zero weight."""
    known = weights > 0
    return Days(np.arange(len(values))[known], *(values[known],) * 3, weights[known])


@numba.njit(cache=True)
def first_in_first_out(arrivals: Floats, service: Floats) -> Floats:
    """Return the waits in a FIFO queue with several servers (Kiefer and Wolfowitz)."""
    free_at, waits = np.zeros(SERVERS), np.empty(len(arrivals))
    for job in range(len(arrivals)):
        server = np.argmin(free_at)
        start = max(arrivals[job], free_at[server])
        waits[job] = start - arrivals[job]
        free_at[server] = start + service[job]
    return waits


def mean_wait(load: float) -> float:
    """Return the mean wait of M/M/c in service times (Erlang C)."""
    offered = SERVERS * load
    all_busy = offered**SERVERS / math.factorial(SERVERS) / (1 - load)
    delayed = all_busy / (sum(offered**n / math.factorial(n) for n in range(SERVERS)) + all_busy)
    return delayed / (SERVERS * (1 - load))


def doubled(load: float) -> float:
    """Return the load that has twice the mean wait."""
    low, high = load, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if mean_wait(middle) < 2 * mean_wait(load) else (low, middle)
    return low


def claims(measures: dict[str, Days]) -> tuple[dict[str, bool], dict[str, bool], dict[str, bool]]:
    """Return for each measure whether a slope is claimed, whether a change is, and whether batches are too few."""
    slopes, changes, refused = {}, {}, {}
    wait_fit, wait_changes = slope_of(measures["wait"]), changes_of(measures["wait"])
    for name, days in measures.items():
        # As in analysis.trends.conclusions, the share over a limit has the autocorrelation of the waits.
        fit, steps = (wait_fit, wait_changes) if name == "over" else (slope_of(days), changes_of(days))
        low, high = slope_of(days).interval(1, CLAIM)
        refused[name] = fit.batches < FEWEST
        slopes[name] = fit.batches >= FEWEST and not low <= 0 <= high
        changes[name] = steps.batches >= FEWEST and any(
            change.direction != "not shown" for change in changes_of(days).changes
        )
    return slopes, changes, refused


def sizes(quarters: int, draw: np.random.Generator) -> Iterator[list[object]]:
    """Yield the shares of quarters with a claim although nothing changes."""
    for load in (0.5, 0.8, 0.95):
        for pattern in ("plain", "rhythm", "bursts"):
            results = [claims(Scenario(load, pattern).days(draw)) for _ in range(quarters)]
            slope, change = (sum(any(result[kind].values()) for result in results) for kind in (0, 1))
            either = sum(any(result[0].values()) or any(result[1].values()) for result in results)
            refused = [sum(result[2][name] for result in results) / quarters for name in ("wait", "arrivals")]
            bad = either > binom.ppf(0.99, quarters, 0.05)
            shares = [count / quarters for count in (slope, change, either)]
            yield [load, pattern, *shares, *refused, "MISSED" if bad else ""]


def powers(quarters: int, draw: np.random.Generator) -> Iterator[list[object]]:
    """Yield the shares of quarters in which a doubled mean wait is found."""
    for load, service in ((0.5, 2 * HOUR), (0.8, 2 * HOUR), (0.95, 2 * HOUR), (0.8, 120.0), (0.9, 120.0), (0.8, 300.0)):
        row: list[object] = [load, f"{service / 60:.0f} min"]
        for last in (7, 30):
            changes, differences = 0, 0
            for _ in range(quarters):
                days = Scenario(load, service=service, doubled=last).days(draw)["wait"]
                changes += any(change.direction == "up" for change in changes_of(days).changes)
                fit = difference_of(days, days.numbers >= DAYS - last)
                differences += fit.interval(1)[0] > 0
            row += [changes / quarters, differences / quarters]
        yield row


def covers(pairs: int, draw: np.random.Generator) -> Iterator[list[object]]:
    """Yield the coverage of the intervals of a difference (truth: 0), a slope (truth: 0) and a level."""
    cases: list[tuple[str, int, int, float]] = [
        (f"lognormal, r {r}, {first} against {second} days", first, second, r)
        for first, second in ((30, 30), (60, 30), (90, 90))
        for r in (0.0, 0.3, 0.6)
    ]
    for name, first, second, correlation in cases:
        yield [name, *_coverage([_lognormal_days(first + second, correlation, draw) for _ in range(pairs)], first)]
    for load in (0.5, 0.8):
        for pattern in ("plain", "rhythm", "bursts"):
            quarters = [Scenario(load, pattern).days(draw)["wait"] for _ in range(pairs)]
            yield [f"M/M/16, {load}, {pattern}, 45 against 46 days", *_coverage(quarters, 45)]


def _coverage(cases: list[Days], first: int) -> list[object]:
    """Return the share of cases with an interval, and the coverage of the three intervals."""
    mean = float(np.mean([np.average(days.values, weights=days.weights) for days in cases]))
    results = []
    for days in cases:
        fit = difference_of(days, days.numbers >= first)
        low, high = fit.interval(1)
        line = slope_of(days)
        slope, level = line.interval(1), line.interval(0)
        inside = (low <= 0 <= high, slope[0] <= 0 <= slope[1], level[0] <= mean <= level[1])
        results.append((fit.batches >= FEWEST, *inside))
    answered, difference, slope_inside, level_inside = np.array(results).T
    slope_answered = np.array([slope_of(days).batches >= FEWEST for days in cases])
    share = float(difference[answered].mean()) if answered.any() else math.nan
    number = answered.sum()
    low, high = binom.ppf([0.005, 0.995], number, [0.93, 0.97]) / max(number, 1)
    # If most are refused, the rest is a selection: the cases whose days seem less correlated than they are.
    bad = answered.mean() >= 0.5 and not low <= share <= high
    line_shares = [
        float(inside[slope_answered].mean()) if slope_answered.any() else math.nan
        for inside in (slope_inside, level_inside)
    ]
    return [float(answered.mean()), share, *line_shares, "MISSED" if bad else ""]


def _lognormal_days(n: int, correlation: float, draw: np.random.Generator) -> Days:
    """Draw days whose logarithms are autoregressive, with a weekly rhythm."""
    innovations = draw.standard_normal(n) * math.sqrt(1 - correlation**2)
    state, log = draw.standard_normal(), np.empty(n)
    for day in range(n):
        state = correlation * state + innovations[day]
        log[day] = state
    width = math.sqrt(math.log(1 + 0.8**2))
    return exactly(np.exp(width * log) * (1 + 0.3 * (np.arange(n) % 7 < 5)), np.ones(n))


def main() -> int:
    """Simulate and print; return 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quarters", type=int, default=400)
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    draw = np.random.default_rng(options.seed)
    missed = False
    for headings, rows in (
        (
            ["load", "pattern", "slope", "change", "either", "wait refused", "arrivals refused", ""],
            sizes(options.quarters, draw),
        ),
        (
            ["load", "run time", "7 days: change", "difference", "30 days: change", "difference"],
            powers(options.quarters // 2, draw),
        ),
        (["interval", "answered", "difference", "slope", "level", ""], covers(options.pairs, draw)),
    ):
        table = list(rows)
        missed |= any(row[-1] == "MISSED" for row in table)
        print(tabulate(table, headings, floatfmt=".3f"), "\n", flush=True)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
