"""Arrivals and waits where the API keeps no finished jobs: told where a model holds, and refused where it does not."""

from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from numpy.typing import NDArray

from analysis.capacity.check import check
from analysis.capacity.headroom import demand_of
from analysis.capacity.load import load
from analysis.capacity.plan import plan
from analysis.capacity.scenario import Scenario
from analysis.notes import NONE
from analysis.queue.conservation import Flows, flows_of
from analysis.queue.discipline import Waiting, waiting_of
from analysis.queue.facts import facts_of
from analysis.queue.totals import totals
from analysis.queue.waits import Waits, estimate
from analysis.record.series import Series
from analysis.stats.skellam import cancelled
from analysis.text.language import rendered
from analysis.windows import Windows
from tests.benchmarks.unkept import DAY, Case, Jobs, arrivals_of, series_of, starts_of

Floats = NDArray[np.float64]
STEP = 900


def case_of(came: Floats, run: Floats, servers: int, days: int) -> Case:
    """Serve jobs in the order of their arrival, and poll every 15 minutes."""
    start = starts_of(came, run, servers)
    return Case("", Jobs(came, start, start, start + run), np.arange(0, days * DAY + 1, STEP))


@cache
def busy(days: int = 14, load: float = 0.97, mean: float = 2400.0, *, rhythm: bool = False, size: int = 1) -> Case:
    """Return 32 servers with jobs of 40 minutes, in arrays of a size, whose arrivals may follow the time of day."""
    random = np.random.default_rng(3)
    came = np.repeat(arrivals_of(random, load * 32 / mean / size, days * DAY, rhythm=rhythm), size)
    return case_of(came, random.exponential(mean, len(came)), 32, days)


def waits_of(flows: Flows, days: int) -> Waits:
    """Estimate the waits of the jobs of each day."""
    starts = np.arange(days) * DAY
    return estimate([waiting_of(flows, "fifo")], Windows(starts, starts + DAY), None, (50, 90))


def test_cancelled_is_the_mean_of_the_smaller_count() -> None:
    """Of two Poisson counts of mean 2 that differ by 3 the smaller one has the mean that their products give."""
    terms = np.arange(40.0)
    logarithms = np.array([np.log(np.arange(1, n + 1)).sum() for n in range(44)])
    weights = np.exp(2 * terms * np.log(2) - logarithms[:40] - logarithms[3:43])
    assert (weights @ terms) / weights.sum() == pytest.approx(cancelled(np.array([-3]), np.array([2.0]))[0])
    assert [0.0] == cancelled(np.array([5]), np.array([0.0])).tolist()


@pytest.mark.parametrize("rhythm", [False, True])
def test_a_busy_pool_s_arrivals_and_waits_are_told(rhythm: bool) -> None:
    """Twelve jobs arrive between two polls and as many end: arrivals and the waits of each day are near the truth.

    The fewest arrivals that explain the counts are a fifth of all, and are still the lower bound.
    """
    case = busy(rhythm=rhythm)
    flows, came = flows_of(series_of(case), "queue"), case.jobs.came
    assert "absent" == rendered(flows.classes.described)
    assert len(came) == pytest.approx(flows.arrivals.sum(), rel=0.2)
    assert flows.arrived.low[-1] < 0.4 * len(came)
    waits, truth = waits_of(flows, 14), case.jobs.left - came
    days = (np.ceil(came / DAY) - 1).astype(int)
    arrived = np.bincount(days, minlength=14)
    assert (np.abs(waits.arrivals.point / arrived - 1) < 0.25).all()
    assert (waits.arrivals.low <= arrived).all()
    assert np.isnan(waits.arrivals.high).all()
    mean = np.bincount(days, truth, 14) / arrived
    p50 = np.array([np.quantile(truth[days == day], 0.5) for day in range(14)])
    long = mean > 2 * STEP
    assert long.sum() > 3
    assert (np.abs(waits.mean.point / mean - 1) < 0.3)[long].all()
    assert (np.abs(waits.quantiles[50].point / p50 - 1) < 0.4)[long & (p50 > 2 * STEP)].all()


def test_a_gap_changes_little() -> None:
    """A day without polls in two weeks: the arrivals of the other days are told as well."""
    series = series_of(busy())
    kept = (series.slots < 5 * DAY) | (series.slots > 6 * DAY)
    flows = flows_of(series.at(kept), "queue")
    assert flows.unestimated is None
    assert len(busy().jobs.came) == pytest.approx(flows.arrivals.sum(), rel=0.2)


def refused(series: Series) -> str:
    """Return why arrivals are not estimated, after a look at what is left: the lower bounds."""
    flows = flows_of(series, "queue")
    assert flows.unestimated is not None
    assert (flows.arrivals == flows.shown).all()
    whole = Windows(series.slots[:1], series.slots[-1:])
    waits, flowed = estimate([waiting_of(flows, "fifo")], whole, 600, (50,)), totals([flows], whole)
    assert waits.over is not None
    for value in (waits.arrivals, waits.mean, waits.quantiles[50], waits.over, flowed.arrivals, flowed.departures):
        assert np.isnan(value.point).all()
    assert flows.arrivals.sum() == waits.arrivals.low[0] == flowed.arrivals.low[0]
    return rendered(flows.unestimated)


def test_arrays_are_refused() -> None:
    """Jobs arrive thirty at a time: the changes scatter with the arrays, not with the jobs that end."""
    assert "jobs arrive together" in refused(series_of(busy(size=30)))


def test_pairs_are_refused() -> None:
    """Jobs arrive three at a time and make no jump, but the changes are skew."""
    assert "jobs arrive together" in refused(series_of(busy(days=28, load=0.5, size=3)))


def test_jobs_shorter_than_a_poll_interval_are_refused() -> None:
    """Jobs of five minutes with polls every 15: most come and go unseen."""
    random = np.random.default_rng(1)
    came = arrivals_of(random, 0.005, 7 * DAY, rhythm=False)
    assert "within a poll interval" in refused(series_of(case_of(came, random.exponential(300.0, len(came)), 4, 7)))


def test_a_short_record_is_refused() -> None:
    """Thirty polls of a busy pool do not tell its rate."""
    series = series_of(busy()).at(slice(400, 430))
    assert "too few slots" in refused(series)


def test_seldom_jobs_are_counted() -> None:
    """Jobs arrive in arrays of five twice a day and run for five hours: what shows is all there is."""
    random = np.random.default_rng(2)
    came = np.repeat(arrivals_of(random, 2 / DAY, 28 * DAY, rhythm=False), 5)
    flows = flows_of(series_of(case_of(came, random.exponential(18_000.0, len(came)), 16, 28)), "queue")
    assert len(came) == pytest.approx(flows.arrivals.sum(), rel=0.05)


def test_a_pool_that_fills_is_told() -> None:
    """A record that begins empty and ends with a long queue: more jobs arrived than ended, and both are told."""
    case = busy(days=28, load=1.3)
    flows = flows_of(series_of(case), "queue")
    assert len(case.jobs.came) == pytest.approx(flows.arrivals.sum(), rel=0.15)


def test_unknown_arrivals_are_not_planned_with() -> None:
    """No plan, check, run time or forecast is made of the fewest arrivals; the servers in use are told all the same."""
    series = series_of(busy(size=30))
    facts = facts_of(flows_of(series, "queue"), "fifo", (Flows, Waiting))
    whole, scenario = Windows(series.slots[:1], series.slots[-1:]), Scenario()
    for columns in (plan([facts], whole, scenario, "queue"), check([facts], "queue")):
        assert NONE == columns["confidence"]
    told = {
        name: np.asarray(column)[0]
        for name, column in load([facts], whole, {}, "queue", ZoneInfo("UTC")).items()
        if isinstance(column, np.ndarray)
    }
    assert NONE == told["confidence"]
    assert np.isnan([told[name] for name in ("run_seconds", "offered", "offered_low", "offered_high")]).all()
    assert 0 < told["running_mean"] < 32
    assert "jobs arrive together" in rendered(told["reason"])
    assert "jobs arrive together" in rendered(demand_of([facts], whole, scenario, "queue").too_short)
