"""What flowed through a queue in a window, and what can be said of those who are still in it."""

import numpy as np
from numpy.typing import ArrayLike

from analysis.queue.conservation import Flows, flows_of
from analysis.queue.discipline import waiting_of
from analysis.queue.job_counts import job_count_of
from analysis.windows import Windows
from tests.estimated import estimate, totals_of
from tests.recorded import series_of

STEP = 300
HOUR = 3600


def made(**counts: ArrayLike) -> Flows:
    """Return the flows of counts at consecutive slots."""
    length = len(np.atleast_1d(next(iter(counts.values()))))
    return flows_of(series_of(np.arange(length) * STEP, counts), "queue")


def test_a_queue_drains_at_the_rate_of_its_window() -> None:
    """One job a slot leaves and ten wait at the end: ten slots, give or take what two days' departures do not pin."""
    slots = 2 * 288 + 1
    totals = totals_of([made(Queue=np.full(slots, 10), Completed=np.arange(slots))], 0, (slots - 1) * STEP)
    assert (slots - 1, 10, 10 * STEP) == (totals.departures, totals.queue_end, totals.drain[0])
    low, high = totals.drain[1:]
    assert low is not None
    assert high is not None
    # Poisson departures would scatter by 1 / sqrt(576), twice that at 95 %.
    assert 10 * STEP * 0.9 < low < 10 * STEP < high < 10 * STEP * 1.1


def test_a_queue_that_nobody_leaves_never_drains() -> None:
    """Jobs wait and none left: no time can be given; an empty queue needs none."""
    assert (None, None, None) == totals_of([made(Queue=[3, 3, 3])], 0, 2 * STEP).drain
    assert (0.0, 0.0, 0.0) == totals_of([made(Queue=[0, 0, 0])], 0, 2 * STEP).drain


def test_who_still_waits_is_over_a_limit_only_where_that_is_known() -> None:
    """A job waits from the second slot to the end: longer than five minutes, but nobody knows whether an hour."""
    waiting = waiting_of(made(Queue=[0, 1, 1, 1, 1]), "unknown")
    assert (1.0, 1.0, 1.0) == estimate([waiting], 0, STEP, 2 * STEP).over
    assert (None, 0.0, 1.0) == estimate([waiting], 0, STEP, HOUR).over


def test_a_pool_that_is_gone_leaves_no_queue_behind() -> None:
    """Its three waiting jobs count until its last slot; in the windows after it the sum is that of the others."""
    gone, there = made(Queue=[0, 3, 3]), made(Queue=[0, 1, 1, 1, 1, 1, 1])
    assert 4 == totals_of([gone, there], 0, 2 * STEP).queue_end
    assert 1 == totals_of([gone, there], 3 * STEP, 5 * STEP).queue_end
    assert totals_of([gone], 3 * STEP, 5 * STEP).queue_end is None


def test_a_mean_queue_leaves_gaps_out() -> None:
    """Four wait until half past, then nobody looks for a day, and a hundred do: of that hour four are known to wait."""
    slots = np.concatenate([np.arange(7) * STEP, np.arange(7) * STEP + 24 * HOUR])
    queue = np.repeat([4, 100], 7)
    queued = job_count_of([flows_of(series_of(slots, {"Queue": queue, "Completed": np.zeros(14)}), "queue")])
    hours = Windows(np.array([0, 1, 24]) * HOUR, np.array([1, 2, 25]) * HOUR)
    assert [4.0, 100.0] == queued.mean(hours)[[0, 2]].tolist()
    assert np.isnan(queued.mean(hours)[1])
