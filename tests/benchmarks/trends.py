"""Tests the error rates and the coverage of trends, changes and comparisons on simulated queues; run it by hand.

    python tests/benchmarks/trends.py [--quarters 400] [--seed 1]

A simulated FIFO queue with 16 servers gives the true daily values: mean wait, share over 15 minutes, arrivals, failure
rate. The exit code is 1 if a trend or a change, or a difference of two periods, is claimed of any measure in more than
one series in twenty although nothing changed (tested at 99 %), also where demand is autocorrelated or varies
severalfold; or if the interval of a difference contains the truth in less than 93 % or more than 97 % of 1,000 pairs of
periods.
"""

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
from scipy.stats import binom
from tabulate import tabulate

from analysis.schemas.schema import Columns
from analysis.stats.batches import FEWEST, Days
from analysis.stats.regression import difference_of, slope_of
from analysis.trends import comparison, conclusions
from analysis.windows import Windows
from tests.benchmarks.trend_queues import DAY, HOUR, Scenario, autoregressive, daily, exactly, observation


def concluded(measures: dict[str, Days], last: int) -> tuple[Columns, Columns, Columns]:
    """Return trend, changes, and the comparison of the last days with those before them."""
    n = len(measures["arrivals"].values)
    observed, days = observation(n), daily(measures)
    periods = Windows(np.array([n - last, 0]) * int(DAY), np.array([n, n - last]) * int(DAY))
    compared = comparison.compare(observed, days, periods)
    return conclusions.trend(observed, days), conclusions.changes(observed, days), compared


def claimed(columns: Columns) -> bool:
    """Return whether a direction is claimed of any measure."""
    return bool(np.isin(np.asarray(columns["direction"]), ["up", "down"]).any())


def rises(columns: Columns, measure: str) -> bool:
    """Return whether a measure is said to rise."""
    return bool(((np.asarray(columns["measure"]) == measure) & (np.asarray(columns["direction"]) == "up")).any())


def refuses(columns: Columns, measure: str) -> bool:
    """Return whether there are too few batches of a measure."""
    return bool((np.asarray(columns["batches"])[np.asarray(columns["measure"]) == measure] < FEWEST).all())


def errors(scenario: Scenario, number: int, draw: np.random.Generator, lasts: Sequence[int]) -> list[object]:
    """Return the shares of series with a false claim, and those whose waits and arrivals are refused."""
    series = [
        [concluded(measures, last) for last in lasts] for measures in (scenario.days(draw) for _ in range(number))
    ]
    trends, changes = ([claimed(answers[0][kind]) for answers in series] for kind in (0, 1))
    either = np.logical_or(trends, changes)
    differences = [[claimed(answers[number][2]) for answers in series] for number in range(len(lasts))]
    refused = [[refuses(answers[0][0], measure) for answers in series] for measure in ("wait", "arrivals")]
    missed = any(sum(claims) > binom.ppf(0.99, number, 0.05) for claims in (either, *differences))
    shares = (trends, changes, either, *differences, *refused)
    return [*(float(np.mean(share)) for share in shares), "MISSED" if missed else ""]


def sizes(quarters: int, draw: np.random.Generator) -> Iterator[list[object]]:
    """Yield the shares of quarters with a claim although nothing changes."""
    for load in (0.5, 0.8, 0.95):
        for pattern in ("plain", "rhythm", "bursts"):
            yield [load, pattern, *errors(Scenario(load, pattern), quarters, draw, (45,))]


def varying(number: int, draw: np.random.Generator) -> Iterator[list[object]]:
    """Yield the shares of series with a claim although the law of their varying demand never changes."""
    designs = [(0.6, *design) for design in product((60, 150), (0.5, 0.9), (0.0, 0.3, 0.5, 0.8, 0.9))]
    for load, length, spread, correlation in [*designs, (0.7, 150, 1.2, 0.0), (0.8, 150, 0.9, 0.0)]:
        scenario = Scenario(load, length=length, spread=spread, correlation=correlation)
        yield [load, length, spread, correlation, *errors(scenario, number, draw, (length // 2, 30))]


def powers(number: int, draw: np.random.Generator) -> Iterator[list[object]]:
    """Yield the shares of quarters in which a doubled mean wait is found."""
    for load, service in ((0.5, 2 * HOUR), (0.8, 2 * HOUR), (0.95, 2 * HOUR), (0.8, 120.0), (0.9, 120.0), (0.8, 300.0)):
        row: list[object] = [load, f"{service / 60:.0f} min"]
        for last in (7, 30):
            row += _found(Scenario(load, service=service, doubled=last), number, draw, "wait", last)
        yield row


def steps(number: int, draw: np.random.Generator) -> Iterator[list[object]]:
    """Yield the shares of series in which arrivals that double, or triple, for the last third of the days are found."""
    for length in (60, 150):
        for spread, correlation in ((0.2, 0.0), (0.5, 0.0), (0.9, 0.0), (0.5, 0.5), (0.5, 0.8), (0.9, 0.8)):
            row: list[object] = [length, spread, correlation]
            for factor in (2.0, 3.0):
                scenario = Scenario(0.3, length=length, spread=spread, correlation=correlation, factor=factor)
                row += _found(scenario, number, draw, "arrivals", length // 3)
            yield row


def _found(scenario: Scenario, number: int, draw: np.random.Generator, measure: str, last: int) -> list[float]:
    """Return the shares of series in which a change of a measure is found, and a difference of the last days."""
    answers = [concluded(scenario.days(draw), last) for _ in range(number)]
    return [float(np.mean([rises(answer[kind], measure) for answer in answers])) for kind in (1, 2)]


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
    width = math.sqrt(math.log(1 + 0.8**2))
    return exactly(
        np.exp(width * autoregressive(n, correlation, draw)) * (1 + 0.3 * (np.arange(n) % 7 < 5)), np.ones(n)
    )


def main() -> int:
    """Simulate and print; return 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quarters", type=int, default=400)
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    draw = np.random.default_rng(options.seed)
    missed = False
    false = ["trend", "change", "either", "halves differ"]
    refused = ["wait refused", "arrivals refused", ""]
    demand = ["days", "spread", "r"]
    for headings, rows in (
        (["load", "pattern", *false, *refused], sizes(options.quarters, draw)),
        (["load", *demand, *false, "30 days differ", *refused], varying(options.quarters, draw)),
        (
            ["load", "run time", "7 days: change", "difference", "30 days: change", "difference"],
            powers(options.quarters // 2, draw),
        ),
        (
            [*demand, "doubled: change", "difference", "tripled: change", "difference"],
            steps(options.quarters // 2, draw),
        ),
        (["interval", "answered", "difference", "slope", "level", ""], covers(options.pairs, draw)),
    ):
        table = list(rows)
        missed |= any(row[-1] == "MISSED" for row in table)
        print(tabulate(table, headings, floatfmt=".3f"), "\n", flush=True)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
