"""The service discipline that a point estimate assumes, by what the counts show of jobs that pass others."""

from dataclasses import replace
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.notes import Note
from analysis.queue.conservation import flows_of
from analysis.queue.discipline import waiting_of
from analysis.queue.matching import serve
from analysis.record.series import Series
from tests.estimated import Waited, estimate
from tests.recorded import MONDAY, observed
from tests.schedulers import Stays, stays_of
from tests.simulated import DAY, HOUR, STEP, Floats, Scenario, Work, work_of

DAYS: Final = 21
END: Final = MONDAY + 14 * int(DAY)
"""The end of the window; its jobs may leave later."""
BUSY: Final = Scenario(servers=32, load=0.93, spread=2, mean=HOUR, days=DAYS, sizes="four")
"""A pool whose jobs have four sizes."""


def counted(arrivals: Floats, starts: Floats, ends: Floats) -> Series:
    slots = MONDAY + np.arange(0, DAYS * int(DAY) + 1, STEP)
    return observed(slots, MONDAY + arrivals, MONDAY + starts, MONDAY + ends)


def counts_of(stays: Stays) -> Series:
    return counted(stays.came, stays.left, stays.ended)


def scheduled(passing: str) -> Stays:
    work = work_of(BUSY, 5)
    return stays_of(work, BUSY.servers, passing=passing)


def waited(series: Series, order: str = "unknown") -> tuple[Note, Waited]:
    waiting = waiting_of(flows_of(series, "queue"), order)
    return waiting.order, estimate([waiting], MONDAY, END, 1800)


def shares(order: Note) -> dict[str, float]:
    return {name: share for name, share in order.fields if isinstance(share, float)}


def truth(stays: Stays) -> Floats:
    """Return the true P50, P90 and P95 wait of the jobs of the window."""
    return np.quantile(stays.waits[stays.came <= END - MONDAY], (0.5, 0.9, 0.95), method="inverted_cdf")


def octaves(waits: Waited, true: Floats) -> float:
    """Return how far the quantiles are off on average, in octaves; below the poll interval nothing is known."""
    points = np.array([waits.quantiles[quantile][0] for quantile in (50, 90, 95)], float)
    return float(np.abs(np.log2(np.maximum(points, STEP) / np.maximum(true, STEP))).mean())


def test_where_no_job_passes_the_oldest_leaves_first() -> None:
    """Jobs of several sizes that start in order of arrival are served first in first out, and so are their points."""
    stays = scheduled("none")
    order, points = waited(counts_of(stays))
    assert "fifo" == order.id
    assert octaves(points, truth(stays)) < 0.1


def test_where_jobs_pass_others_points_are_nearer_than_first_in_first_out() -> None:
    """Small jobs start at once while large ones wait: the share of those that wait long is larger."""
    stays = scheduled("any")
    true = truth(stays)
    order, points = waited(counts_of(stays))
    _, first = waited(counts_of(stays), "fifo")
    assert shares(order)["random"] > 0
    assert 1 == pytest.approx(sum(shares(order).values()))
    assert octaves(points, true) < 0.5 * octaves(first, true)


def test_jobs_that_are_held_do_not_lengthen_the_waits_of_others() -> None:
    """One job in fifty is held for a day; the others start at once, and the P90 wait is below the poll interval."""
    random = np.random.default_rng(1)
    arrivals = np.sort(random.uniform(0, DAYS * DAY, 20_000))
    starts = arrivals + np.where(random.random(len(arrivals)) < 0.02, DAY, 1.0)
    order, points = waited(counted(arrivals, starts, starts + HOUR))
    assert shares(order)["newest"] > 0.9
    assert 0 == points.quantiles[90][0]
    _, first = waited(counted(arrivals, starts, starts + HOUR), "fifo")
    assert HOUR / 2 < (first.quantiles[90][0] or 0)


@pytest.mark.parametrize(("policy", "expected"), [("FIFO", "fifo"), ("traversal", "mixed"), ("", "fifo")])
def test_a_policy_of_the_pool_decides(policy: str, expected: str) -> None:
    """A pool with backfill is never taken for first in first out, though its counts do not show that jobs pass."""
    series = counts_of(scheduled("none"))
    order, _ = waited(replace(series, pool=replace(series.pool, queue_policy=policy)))
    assert expected == ("fifo" if order.id == "fifo" else "mixed")
    if expected == "mixed":
        assert shares(order)["random"] > 0.5


def test_the_same_counts_give_the_same_points() -> None:
    """Random numbers choose jobs; they are the same each time."""
    series = counts_of(scheduled("any"))
    assert waited(series) == waited(series)


FLOWS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=40)


@given(FLOWS, st.integers(0, 9), st.sampled_from([(1.0, 0.0), (0.0, 1.0), (0.0, 0.0), (0.3, 0.3)]))
def test_every_job_leaves_once_and_not_before_it_came(
    flows: list[tuple[int, int]], waiting: int, shares: tuple[float, float]
) -> None:
    """Arrivals and departures of each event are those of its stays, whatever the shares."""
    arrivals, departures = np.array(flows, np.int64).T
    queue = waiting
    for event, arrived in enumerate(arrivals):
        departures[event] = min(departures[event], queue + arrived)
        queue += arrived - departures[event]
    from_, to, jobs = serve(arrivals, departures, waiting, *shares)
    events = np.arange(-1, len(arrivals))
    assert [waiting, *arrivals] == [jobs[from_ == event].sum() for event in events]
    assert [queue, *departures] == [jobs[to == event].sum() for event in events]
    assert ((to == -1) | (to >= from_)).all()


def test_the_oldest_or_the_newest_leave_first() -> None:
    """All departures of the oldest are first in first out; all of the newest are last in first out."""
    arrivals, departures = np.array([2, 1, 0]), np.array([0, 1, 2])
    first, last = (serve(arrivals, departures, 0, *shares) for shares in ((1.0, 0.0), (0.0, 1.0)))
    assert [(0, 1, 1), (0, 2, 1), (1, 2, 1)] == list(zip(*first, strict=True))
    assert [(1, 1, 1), (0, 2, 2)] == list(zip(*last, strict=True))


def test_a_random_departure_is_of_any_waiting_job_alike() -> None:
    """Of jobs that wait together, as many of the first half leave early as of the second half."""
    half = 5_000
    arrivals, departures = np.concatenate([[half, half], np.zeros(half, np.int64)]), np.ones(half + 2, np.int64)
    departures[:2] = 0
    from_, to, jobs = serve(arrivals, departures, 0, 0.0, 0.0)
    early = jobs[(from_ == 0) & (to > 0)].sum()
    # Hypergeometric: a standard deviation of 35 jobs.
    assert half / 2 == pytest.approx(early, abs=4 * 36)


@pytest.mark.parametrize("shares", [(1.0, 0.0), (0.0, 1.0), (0.0, 0.0), (0.3, 0.3)])
def test_as_many_jobs_as_a_count_can_hold_are_few_stays(shares: tuple[float, float]) -> None:
    """A count of two thousand million jobs costs as much memory as one of ten."""
    most = 2**31 - 1
    *_, jobs = serve(np.array([0, most, 0, 5]), np.array([0, 0, most - 9, 0]), 3, *shares)
    assert most + 8 == jobs.sum()
    assert len(jobs) < 40


def test_a_pool_that_grows_is_not_taken_for_one_in_which_jobs_pass() -> None:
    """Servers and arrivals double in the middle: both rise together, but the oldest job leaves first."""
    random = np.random.default_rng(3)
    half = DAYS * DAY / 2
    arrivals = np.sort(np.concatenate([random.uniform(0, half, 2400), random.uniform(half, 2 * half, 4800)]))
    ones = np.ones(len(arrivals), np.int64)
    jobs = Work(arrivals, ones, random.exponential(HOUR, len(arrivals)), ones)
    stays = stays_of(jobs, 10, capacity=[(half, 20)])
    order, points = waited(counts_of(stays))
    assert "fifo" == order.id
    assert octaves(points, truth(stays)) < 0.1
