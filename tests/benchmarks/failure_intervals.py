"""Tests the intervals of failure rates on records whose days hardly show how failures scatter; run it by hand.

    python tests/benchmarks/failure_intervals.py [--records 1000] [--seed 1]

Records of one day to four weeks have jobs that fail in bursts: the chance to fail is drawn anew each day (a beta
distribution, in which two jobs of a day have a correlation), or ten nodes take the jobs, and now and then one is bad
for a day or three. The exit code is 1 if the 95 % interval holds the underlying rate in less than 90 % of the records
of any kind, tested at 99 %. Each row is about records of several numbers of jobs a day, and of several rates or shares
of bad nodes: it has the mean and the least share of those kinds, before (with phi = 1) and after.
"""

import argparse
import sys
from collections.abc import Iterator

import numpy as np
from scipy.stats import binom
from tabulate import tabulate

from analysis.arrays import Floats, Ints
from analysis.calendar import DAY
from analysis.queue.failures import Ending, Failures, estimate
from analysis.stats.proportions import jeffreys
from analysis.windows import Since, Windows

NODES = 10
BAD, GOOD = 0.8, 0.03
"""The shares of jobs that fail on a bad and on a good node."""


def bursts(shape: tuple[int, int], rate: float, correlation: float, draw: np.random.Generator) -> Floats:
    """Draw the chance of a job to fail on each day of each record; two jobs of a day have this correlation."""
    if correlation == 0:
        return np.full(shape, rate)
    jobs = 1 / correlation - 1
    return draw.beta(rate * jobs, (1 - rate) * jobs, shape)


def bad_nodes(shape: tuple[int, int], share: float, days: int, draw: np.random.Generator) -> Floats:
    """Draw the chance of a job to fail on each day of each record, where a node is bad for so many days on average."""
    records, length = shape
    bad = draw.random((records, NODES)) < share
    chances = np.empty(shape)
    for day in range(length):
        chances[:, day] = np.where(bad, BAD, GOOD).mean(axis=1)
        stays = draw.random(bad.shape) < 1 - 1 / days
        breaks = draw.random(bad.shape) < share / days / (1 - share)
        bad = np.where(bad, stays, breaks)
    return chances


def failures(finished: Ints, failed: Ints) -> Failures:
    """Return the failure rate over all days of a record."""
    slots = np.arange(len(finished) + 1) * DAY
    counts = {"Completed": finished - failed, "Failed": failed, "Terminated": 0 * failed}
    until = {status: np.concatenate([[0], np.cumsum(jobs)]) for status, jobs in counts.items()}
    since = {status: Since(slots, jobs, jobs, 0 * jobs, independent=False) for status, jobs in until.items()}
    ending = Ending(True, slots.astype(float), {status: jobs.astype(float) for status, jobs in until.items()}, since)
    estimated = estimate([ending], Windows.one(0, int(slots[-1])))
    assert isinstance(estimated, Failures)
    return estimated


def interval(finished: Ints, failed: Ints) -> tuple[float, float]:
    """Return the interval of the failure rate over all days of a record."""
    rate = failures(finished, failed).rate
    return float(rate.low[0]), float(rate.high[0])


def held(chances: Floats, jobs: int, truth: float, draw: np.random.Generator) -> tuple[float, float, float]:
    """Return the shares of records whose interval holds the rate, with phi = 1 and as it is; median width."""
    finished = np.maximum(draw.poisson(jobs, chances.shape), 1)
    failed = draw.binomial(finished, chances)
    low, high = jeffreys(failed.sum(axis=1), finished.sum(axis=1), 1.0)
    intervals = np.array([interval(*days) for days in zip(finished, failed, strict=True)])
    inside = (intervals[:, 0] <= truth) & (truth <= intervals[:, 1])
    return (
        float(np.mean((low <= truth) & (truth <= high))),
        float(inside.mean()),
        float(np.median(np.ptp(intervals, 1))),
    )


def rows(records: int, draw: np.random.Generator) -> Iterator[list[object]]:
    """Yield, by days and kind of failures, how often intervals hold the rate."""
    for days in (1, 2, 3, 5, 9, 10, 14, 28):
        shape = (records, days)
        for correlation in (0.0, 0.03, 0.1, 0.3, 0.6):
            shares = [
                held(bursts(shape, rate, correlation, draw), jobs, rate, draw)
                for rate in (0.02, 0.1, 0.3)
                for jobs in (3, 10, 30, 100, 500)
            ]
            yield _row(days, f"bursts, correlation {correlation}", shares, records)
        for spell in (1, 3):
            shares = [
                held(bad_nodes(shape, share, spell, draw), jobs, share * BAD + (1 - share) * GOOD, draw)
                for share in (0.03, 0.1)
                for jobs in (10, 30, 100, 500)
            ]
            yield _row(days, f"nodes bad for {spell} days", shares, records)


def _row(days: int, kind: str, shares: list[tuple[float, float, float]], records: int) -> list[object]:
    before, after, widths = np.array(shares).T
    bad = after.min() * records < binom.ppf(0.01, records, 0.9)
    values = (before.mean(), before.min(), after.mean(), after.min(), np.median(widths))
    return [days, kind, *(float(value) for value in values), "MISSED" if bad else ""]


def main() -> int:
    """Simulate and print; return 1 if intervals hold the rate too seldom."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    table = list(rows(options.records, np.random.default_rng(options.seed)))
    headings = ["days", "failures", "phi = 1: mean", "least", "held: mean", "least", "width", ""]
    print(tabulate(table, headings, floatfmt=".3f"))
    return int(any(row[-1] == "MISSED" for row in table))


if __name__ == "__main__":
    sys.exit(main())
