"""Busy days fill a queue for a while: that alone is no change of waits."""

from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from analysis.arrays import Floats
from analysis.calendar import DAY
from analysis.estimate import Estimate
from analysis.text.language import rendered
from analysis.trends import comparison, conclusions
from analysis.windows import Windows
from tests.analysis.trends.test_conclusions import DAYS, days_of, observation
from tests.benchmarks import trend_queues
from tests.benchmarks.trends import claimed

SERIES: Final = 60
"""The number of simulated series."""


@pytest.mark.parametrize(
    ("load", "days", "spread", "correlation"), [(0.6, 60, 0.9, 0.8), (0.6, 150, 0.9, 0.8), (0.7, 150, 1.2, 0.0)]
)
def test_busy_days_are_no_change(load: float, days: int, spread: float, correlation: float) -> None:
    """Busy days follow busy days, or one fills the queue for a week, by a law that never changes.

    Not more than one in twenty series has a claim.
    """
    draw = np.random.default_rng(5)
    demand = trend_queues.Scenario(load, length=days, spread=spread, correlation=correlation)
    halves = Windows(np.array([days // 2, 0]) * DAY, np.array([days, days // 2]) * DAY)
    claims = np.zeros(2, np.int64)
    for _ in range(SERIES):
        days_seen, observed = trend_queues.daily(demand.days(draw)), trend_queues.observation(days)
        steady = [conclude(observed, days_seen) for conclude in (conclusions.trend, conclusions.changes)]
        differing = [comparison.compare(observed, days_seen, halves)]
        for kind, answers in enumerate((steady, differing)):
            claims[kind] += any(map(claimed, answers))
    assert (claims <= binom.ppf(0.99, SERIES, 0.05)).all()


def changes_of_waits(waits: Floats) -> tuple[set[tuple[str, int]], str]:
    """Return the directions and days of the changes of waits, and the notes."""
    rows = pd.DataFrame(conclusions.changes(observation(), days_of(waits)))
    of_waits = rows[rows["measure"] == "wait"]
    notes = " ".join(rendered(notes) for notes in of_waits["note"])
    changed = of_waits.dropna(subset="changed_at")
    return set(zip(changed["direction"], (changed["changed_at"] // DAY).astype(int), strict=True)), notes


@pytest.mark.parametrize(("first", "last"), [(30, 40), (48, 58), (2, 12)])
def test_a_single_queue_is_no_change(first: int, last: int) -> None:
    """Waits of 36 hours take three days to drain at a load of a half: ten such days, wherever, are no change."""
    waits = np.random.default_rng(4).lognormal(np.log(600), 0.3, DAYS)
    waits[first:last] = 36 * 3600.0
    changes, notes = changes_of_waits(waits)
    assert set() == changes
    assert "but this may be a single queue, which takes about 3 days to drain" in notes


def test_two_single_queues_are_no_change() -> None:
    """The first and the last week have waits of 36 hours: each is too short, although together they are not."""
    waits = np.random.default_rng(4).lognormal(np.log(600), 0.3, DAYS)
    waits[:7] = waits[-7:] = 36 * 3600.0
    changes, notes = changes_of_waits(waits)
    assert set() == changes
    assert "single queue" in notes


def test_a_queue_that_still_stands_is_no_change() -> None:
    """The last nine days have no upper bound of their waits, but a share over the limit: of that there is no change."""
    waits, over = (np.random.default_rng(4).lognormal(np.log(scale), 0.3, DAYS) for scale in (600, 0.02))
    waits[-9:], over[-9:] = 100 * 3600.0, 0.97
    estimates = days_of(waits)
    unbounded = Estimate(waits, waits.copy(), np.where(np.arange(DAYS) < DAYS - 9, waits, np.nan))
    of_over = Estimate(over, over.copy(), over.copy())
    estimates = replace(estimates, waits=replace(estimates.waits, mean=unbounded, over=of_over))
    rows = pd.DataFrame(conclusions.changes(observation(), estimates))
    [row] = rows[rows["measure"] == "over"].to_dict("records")
    assert row["direction"] is None
    assert "single queue" in rendered(row["note"])


def test_waits_of_days_that_last_are_a_change() -> None:
    """Twenty days with waits of 36 hours are longer than four queues."""
    waits = np.random.default_rng(4).lognormal(np.log(600), 0.3, DAYS)
    waits[30:50] = 36 * 3600.0
    changes, notes = changes_of_waits(waits)
    assert {("up", 30), ("down", 50)} == changes
    assert "single queue" not in notes


def test_a_single_queue_hides_no_change_beside_it() -> None:
    """Waits are twice as long from day 80 on, counted from 0; the last week has waits of 60 hours."""
    number = 180
    draw = np.random.default_rng(4)
    waits = draw.lognormal(np.log(600), 0.2, number)
    waits[80:] *= 2
    waits[173:] = 60 * 3600.0
    jobs = np.full(number, 100.0)
    measures = {"wait": waits, "over": waits / 1e6, "arrivals": jobs, "failures": draw.binomial(100, 0.1, number) / 100}
    days = trend_queues.daily({name: trend_queues.exactly(values, jobs) for name, values in measures.items()})
    rows = pd.DataFrame(conclusions.changes(trend_queues.observation(number), days))
    [change] = rows[rows["measure"] == "wait"].to_dict("records")
    assert ("up", 80) == (change["direction"], change["changed_at"] // DAY)
    assert "but this may be a single queue" in rendered(change["note"])
