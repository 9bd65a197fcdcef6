"""Whether trends, changes and comparisons keep their word on simulated queues; run it by hand.

    python tests/benchmarks/trends.py [--quarters 400] [--seed 1]

Jobs of a queue with 16 servers, first in first out, give the daily figures in truth: mean wait, share over 15 minutes,
arrivals, failure rate. It ends with 1 where more than one quarter in twenty of a scenario, tested at 99 %, is said to
have a trend or a change though nothing changed, or where the interval of a difference covers the truth in less than
93 % or more than 97 % of 1,000 pairs of periods.
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
    """How jobs come."""

    load: float
    how: str = "plain"
    service: float = 2 * HOUR
    doubled: int = 0
    """In so many days at the end the mean wait is twice what it was, in the long run."""

    def arrivals(self, draw: np.random.Generator) -> Floats:
        """Draw when jobs come, in seconds from the start of the warm-up."""
        span, batch = (WARM + DAYS) * DAY, 5.0 if self.how == "bursts" else 1.0
        most = doubled(self.load) if self.doubled else self.load * (1.16 * 1.4 if self.how == "rhythm" else 1.0)
        often = most * SERVERS / self.service / batch
        came = np.cumsum(draw.exponential(1 / often, int(span * often * 1.2) + 200))
        if self.how == "bursts":
            came = np.repeat(came, draw.geometric(1 / batch, len(came)))
        loads = np.full(len(came), self.load)
        if self.how == "rhythm":
            weekend = (came // DAY) % 7 >= 5
            loads *= (1 + 0.4 * np.sin(2 * np.pi * came / DAY)) * np.where(weekend, 0.6, 1.16)
        loads[came >= span - self.doubled * DAY] = most if self.doubled else self.load
        kept: Floats = came[(draw.random(len(came)) * most < loads) & (came < span)]
        return kept

    def days(self, draw: np.random.Generator) -> dict[str, Days]:
        """Draw a quarter: each measure's days, as they are in truth."""
        came = self.arrivals(draw)
        waits = first_in_first_out(came, draw.exponential(self.service, len(came)))
        day = (came // DAY).astype(np.int64) - WARM
        came_then, waits = day[day >= 0], waits[day >= 0]
        jobs = np.bincount(came_then, minlength=DAYS)[:DAYS].astype(float)
        failed = draw.binomial(jobs.astype(np.int64), draw.beta(3, 27, DAYS))
        some = np.maximum(jobs, 1)
        figures = {
            "wait": np.bincount(came_then, waits, DAYS) / some,
            "over": np.bincount(came_then, waits > LIMIT, DAYS) / some,
            "arrivals": jobs,
            "failures": failed / some,
        }
        return {
            name: exactly(values, np.ones(DAYS) if name == "arrivals" else jobs) for name, values in figures.items()
        }


def exactly(values: Floats, weights: Floats) -> Days:
    """Return days whose values are known without bounds."""
    some = weights > 0
    return Days(np.arange(len(values))[some], *(values[some],) * 3, weights[some])


@numba.njit(cache=True)
def first_in_first_out(came: Floats, service: Floats) -> Floats:
    """Return the waits in a queue of many servers (Kiefer and Wolfowitz)."""
    free, waits = np.zeros(SERVERS), np.empty(len(came))
    for job in range(len(came)):
        server = np.argmin(free)
        begins = max(came[job], free[server])
        waits[job] = begins - came[job]
        free[server] = begins + service[job]
    return waits


def mean_wait(load: float) -> float:
    """Return the mean wait of M/M/c in service times (Erlang C)."""
    offered = SERVERS * load
    all_busy = offered**SERVERS / math.factorial(SERVERS) / (1 - load)
    delayed = all_busy / (sum(offered**n / math.factorial(n) for n in range(SERVERS)) + all_busy)
    return delayed / (SERVERS * (1 - load))


def doubled(load: float) -> float:
    """Return the load with twice the mean wait."""
    low, high = load, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if mean_wait(middle) < 2 * mean_wait(load) else (low, middle)
    return low


def found(measures: dict[str, Days]) -> tuple[dict[str, bool], dict[str, bool], dict[str, bool]]:
    """Tell of each measure whether a slope is claimed, a change is, and whether nothing is said for lack of batches."""
    slopes, changes, refused = {}, {}, {}
    line, cut = slope_of(measures["wait"]), changes_of(measures["wait"])
    for name, days in measures.items():
        # As analysis.trends.conclusions has it, what is over a limit remembers as long as the waits do.
        lines, cuts = (line, cut) if name == "over" else (slope_of(days), changes_of(days))
        low, high = slope_of(days).interval(1, CLAIM)
        refused[name] = lines.batches < FEWEST
        slopes[name] = lines.batches >= FEWEST and not low <= 0 <= high
        changes[name] = cuts.batches >= FEWEST and any(
            change.direction != "not shown" for change in changes_of(days).found
        )
    return slopes, changes, refused


def sizes(quarters: int, draw: np.random.Generator) -> Iterator[list[object]]:
    """Claim of quarters in which nothing changes."""
    for load in (0.5, 0.8, 0.95):
        for how in ("plain", "rhythm", "bursts"):
            of = [found(Scenario(load, how).days(draw)) for _ in range(quarters)]
            slope, change = (sum(any(each[kind].values()) for each in of) for kind in (0, 1))
            either = sum(any(each[0].values()) or any(each[1].values()) for each in of)
            refused = [sum(each[2][name] for each in of) / quarters for name in ("wait", "arrivals")]
            bad = either > binom.ppf(0.99, quarters, 0.05)
            yield [load, how, slope / quarters, change / quarters, either / quarters, *refused, "MISSED" if bad else ""]


def powers(quarters: int, draw: np.random.Generator) -> Iterator[list[object]]:
    """Find a mean wait that doubles."""
    for load, service in ((0.5, 2 * HOUR), (0.8, 2 * HOUR), (0.95, 2 * HOUR), (0.8, 120.0), (0.9, 120.0), (0.8, 300.0)):
        row: list[object] = [load, f"{service / 60:.0f} min"]
        for last in (7, 30):
            hits, differ = 0, 0
            for _ in range(quarters):
                days = Scenario(load, service=service, doubled=last).days(draw)["wait"]
                hits += any(change.direction == "up" for change in changes_of(days).found)
                fit = difference_of(days, days.numbers >= DAYS - last)
                differ += fit.interval(1)[0] > 0
            row += [hits / quarters, differ / quarters]
        yield row


def covers(pairs: int, draw: np.random.Generator) -> Iterator[list[object]]:
    """Hold the true difference of two periods (none), the true slope (none) and the true level."""
    cases: list[tuple[str, int, int, float]] = [
        (f"lognormal, r {r}, {one} against {other} days", one, other, r)
        for one, other in ((30, 30), (60, 30), (90, 90))
        for r in (0.0, 0.3, 0.6)
    ]
    for name, one, other, correlation in cases:
        yield [name, *_covered([_alike(one + other, correlation, draw) for _ in range(pairs)], one)]
    for load in (0.5, 0.8):
        for how in ("plain", "rhythm", "bursts"):
            quarters = [Scenario(load, how).days(draw)["wait"] for _ in range(pairs)]
            yield [f"M/M/16, {load}, {how}, 45 against 46 days", *_covered(quarters, 45)]


def _covered(cases: list[Days], first: int) -> list[object]:
    """Return the share of intervals that hold the truth, all and those that are given."""
    mean = float(np.mean([np.average(days.values, weights=days.weights) for days in cases]))
    said = []
    for days in cases:
        fit = difference_of(days, days.numbers >= first)
        low, high = fit.interval(1)
        line = slope_of(days)
        slope, level = line.interval(1), line.interval(0)
        said.append((fit.batches >= FEWEST, low <= 0 <= high, slope[0] <= 0 <= slope[1], level[0] <= mean <= level[1]))
    given, difference, slope_too, level_too = np.array(said).T
    lined = np.array([slope_of(days).batches >= FEWEST for days in cases])
    share = float(difference[given].mean()) if given.any() else math.nan
    some = given.sum()
    low, high = binom.ppf([0.005, 0.995], some, [0.93, 0.97]) / max(some, 1)
    # What is refused mostly is given where days seem less alike than they are.
    bad = given.mean() >= 0.5 and not low <= share <= high
    lines = [float(each[lined].mean()) if lined.any() else math.nan for each in (slope_too, level_too)]
    return [float(given.mean()), share, *lines, "MISSED" if bad else ""]


def _alike(n: int, correlation: float, draw: np.random.Generator) -> Days:
    """Draw days whose logarithms are autoregressive, with a week's rhythm."""
    news = draw.standard_normal(n) * math.sqrt(1 - correlation**2)
    state, log = draw.standard_normal(), np.empty(n)
    for day in range(n):
        state = correlation * state + news[day]
        log[day] = state
    width = math.sqrt(math.log(1 + 0.8**2))
    return exactly(np.exp(width * log) * (1 + 0.3 * (np.arange(n) % 7 < 5)), np.ones(n))


def main() -> int:
    """Simulate and print; return 1 where a promise is not kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quarters", type=int, default=400)
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    draw = np.random.default_rng(options.seed)
    missed = False
    for headings, rows in (
        (
            ["load", "how", "slope", "change", "either", "no wait said", "no arrivals said", ""],
            sizes(options.quarters, draw),
        ),
        (
            ["load", "jobs take", "7 days: change", "difference", "30 days: change", "difference"],
            powers(options.quarters // 2, draw),
        ),
        (["interval", "given", "difference", "slope", "level", ""], covers(options.pairs, draw)),
    ):
        table = list(rows)
        missed |= any(row[-1] == "MISSED" for row in table)
        print(tabulate(table, headings, floatfmt=".3f"), "\n", flush=True)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
