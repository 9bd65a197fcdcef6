"""Records that go early and jobs that return: bounds hold what the counts hide, and nothing opens without a sign."""

import itertools
from dataclasses import replace
from typing import Final

import numpy as np
import pytest

from analysis.arrays import Floats, Ints
from analysis.queue.conservation import Flows, flows_of
from analysis.queue.discipline import waiting_of
from analysis.queue.failures import ending_of, ends_of
from analysis.queue.removals import hidden
from analysis.schemas.queue import QUANTILES
from analysis.text.language import rendered
from analysis.windows import Unseen, Windows
from tests.analysis.queue.test_bounds import bounds_of, case_of, outcomes, quantile, waiting_in
from tests.estimated import estimate
from tests.recorded import series_of

STEP: Final = 300
HOUR: Final = 3600
DAY: Final = 86_400


def counted(slots: Ints, since: Floats, until: Floats) -> Ints:
    """Count what is there at each slot."""
    came, left = (np.searchsorted(np.sort(times), slots, side="right") for times in (since, until))
    return (came - left).astype(np.int64)


def notebooks(seed: int, again: float, retention: float, first: int = 0) -> tuple[Flows, Floats]:
    """Return flows of notebooks, a share of which run again hours after they ended; and when they ended, each time."""
    draw = np.random.default_rng(seed)
    came = np.sort(draw.uniform(0, 15 * DAY, 15 * 24 * 12))
    ended = came + draw.exponential(2 * HOUR, len(came))
    gone = ended + retention
    restarts = draw.random(len(came)) < again
    gone[restarts] = np.minimum(gone, ended + draw.exponential(8 * HOUR, len(came)))[restarts]
    restarts &= gone < ended + retention
    once_more = gone[restarts] + draw.exponential(2 * HOUR, restarts.sum())
    slots = np.arange(first, 15 * DAY + 1, STEP)
    running = counted(slots, came, ended) + counted(slots, gone[restarts], once_more)
    ends = np.concatenate([ended, once_more])
    terminated = counted(slots, ends, np.concatenate([gone, once_more + retention]))
    return flows_of(series_of(slots, {"Running": running, "Terminated": terminated}), "queue"), ends


def days(first: int = 0) -> Windows:
    """Return each day of fifteen, and all of them."""
    edges = np.arange(first, 15 * DAY + 1, DAY)
    return Windows(np.append(edges[:-1], first), np.append(edges[1:], 15 * DAY))


def truth(times: Floats, windows: Windows) -> Ints:
    return np.array([((times > start) & (times <= end)).sum() for start, end in windows])


@pytest.mark.parametrize(("again", "first"), [(0.003, 0), (0.006, 0), (0.02, 0), (0.003, 4 * DAY), (0.006, 4 * DAY)])
def test_restarts_under_a_rolling_history_are_counted_once(again: float, first: int) -> None:
    """The retention is found though some records go before it, and in every day the bounds hold the jobs that ended."""
    flows, ends = notebooks(1, again, 3 * DAY, first)
    assert ("rolling", 3 * DAY) == (flows.classes.name, flows.classes.retention)
    windows = days(first)
    finished = ends_of([ending_of(flows)], windows).finished
    assert (finished.low <= truth(ends, windows)).all()
    assert (truth(ends, windows) <= finished.high).all()
    assert finished.high[-1] < 1.2 * finished.low[-1]


def test_restarts_are_named() -> None:
    """A note says that records went early, and how many more jobs may have come or ended."""
    flows, _ = notebooks(1, 0.02, 3 * DAY)
    assert "Terminated: some jobs were deleted or restarted before the retention" in rendered(flows.notes)
    assert "more arrivals or ends" in rendered(flows.notes)


@pytest.mark.parametrize("retention", [3 * DAY, 400 * DAY])
def test_nothing_opens_where_no_record_goes_early(retention: int) -> None:
    """Without a sign of removals the bounds of arrivals and ends are those of the counts alone: here, one number."""
    flows, ends = notebooks(1, 0.0, retention)
    assert not flows.arrived.loose
    finished = ends_of([ending_of(flows)], days()).finished
    assert truth(ends, days()).tolist() == finished.low.tolist() == finished.high.tolist()


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("share", [0.005, 0.04])
def test_deletions_that_hide_behind_ends_are_allowed_for(share: float, batch: int) -> None:
    """Records of a kept history are deleted, singly or several at a time: each day's bounds hold arrivals and ends."""
    draw = np.random.default_rng(batch)
    came = np.sort(draw.uniform(0, 15 * DAY, 15 * 24 * 20))
    ended = came + draw.exponential(HOUR, len(came))
    gone = np.full(len(came), np.inf)
    for _ in range(round(share * len(came) / batch)):
        at = draw.uniform(DAY / 4, 15 * DAY)
        there = np.flatnonzero((ended < at) & (gone > at))
        gone[draw.permutation(there)[:batch]] = at
    slots = np.arange(0, 15 * DAY + 1, STEP)
    counts = {"Running": counted(slots, came, ended), "Completed": counted(slots, ended, gone)}
    flows = flows_of(series_of(slots, counts), "queue")
    finished, arrived = ends_of([ending_of(flows)], days()).finished, days().happened(flows.arrived)
    for times, low, high in ((came, *arrived), (ended, *finished[1:])):
        assert (low <= truth(times, days())).all()
        assert (truth(times, days()) <= high).all()
        assert high[-1] < 1.5 * len(came)


def preempted(*, preempts: bool) -> Flows:
    """Return flows of one server: an urgent job comes and displaces for an hour the job that runs there."""
    hour = np.repeat([0, 1, 0], 12)
    counts = {"Queue": hour, "Running": np.ones(36, int), "Completed": np.repeat([0, 0, 1], 12)}
    return flows_of(series_of(np.arange(36) * STEP, counts), "queue", preempts=preempts)


def test_a_pool_that_preempts_has_no_lower_bound_of_waits() -> None:
    """The urgent job waited 0 s, the other one first 0 s and then an hour: bounds hold each mean that this can mean."""
    flows = preempted(preempts=True)
    estimates = estimate([waiting_of(flows, "unknown")], 0, 35 * STEP, 900)
    assert estimates.arrivals_low <= 1
    assert estimates.arrivals_high is None
    for value in (0.0, 1200.0, 1800.0, 3600.0):
        for bounds in (estimates.mean, *(estimates.quantiles[number] for number in QUANTILES)):
            low, high = bounds_of(bounds)
            assert low <= value <= high
    assert (0.0, 1.0) == estimates.over[1:]
    assert "may return to the queue unseen" in rendered(flows.notes)


def test_returns_that_no_count_shows_are_assumed_absent() -> None:
    """The same counts are those of one job that waited an hour; without a word about the pool they are taken so."""
    estimates = estimate([waiting_of(preempted(preempts=False), "unknown")], 0, 35 * STEP, None)
    assert (1, 1) == (estimates.arrivals_low, estimates.arrivals_high)
    assert HOUR - STEP == estimates.mean[1]


def test_a_pool_that_preempts_still_has_a_failure_rate() -> None:
    """Jobs that return do not hide how jobs ended."""
    flows = preempted(preempts=True)
    assert ending_of(flows).kept
    assert 1 == ends_of([ending_of(flows)], Windows.one(0, 35 * STEP)).finished.high[0]


@pytest.mark.parametrize("seed", range(0, 60, 4))
def test_bounds_hold_for_a_job_that_came_unseen(seed: int) -> None:
    """One more job comes in any slot as one more leaves: the bounds hold for every order of service."""
    case = case_of(seed)
    waiting = waiting_in(case)
    # A mean of 0.01 jobs: at most one.
    until = np.linspace(0, 0.01, len(waiting.arrived.slots))
    queue = case.waiting + np.cumsum([0, *case.arrivals]) - np.cumsum([0, *case.departures])
    empty = np.array(case.slots)[queue == 0]
    waiting = replace(waiting, arrived=replace(waiting.arrived, unseen=Unseen(until, 1.0)), empty=empty)
    for start, end in itertools.combinations(case.slots[:: max(1, len(case.slots) - 2)], 2):
        estimates = estimate([waiting], start, end, 3)
        for event in range(len(case.arrivals)):
            more = [number + (place == event) for place, number in enumerate(case.arrivals)]
            left = [number + (place == event) for place, number in enumerate(case.departures)]
            for waits in outcomes(replace(case, arrivals=more, departures=left), start, end):
                if not waits:
                    continue
                assert estimates.arrivals_low <= len(waits) <= (estimates.arrivals_high or 0)
                low, high = bounds_of(estimates.mean)
                assert low <= sum(each[0] for each in waits) / len(waits) + 1e-9
                assert high >= sum(each[1] for each in waits) / len(waits) - 1e-9
                for number in QUANTILES:
                    low, high = bounds_of(estimates.quantiles[number])
                    assert low <= quantile([each[0] for each in waits], number / 100)
                    assert high >= quantile([each[1] for each in waits], number / 100)
                low, high = bounds_of(estimates.over)
                assert low <= sum(each[0] > 3 for each in waits) / len(waits) + 1e-9
                assert high >= sum(each[1] > 3 for each in waits) / len(waits) - 1e-9


def test_more_removals_hide_where_more_jobs_come() -> None:
    """One fall among quiet slots tells of few others; among slots in which jobs nearly always come, of many."""
    slots = np.arange(0, 2 * DAY + 1, STEP)
    fell = np.zeros(len(slots) - 1, np.int64)
    fell[300] = 1
    limits = []
    for every in (40, 4, 2):
        came = (np.arange(len(fell)) % every == 1).astype(np.int64)
        unseen = hidden(slots, came, fell)
        assert unseen is not None
        limits.append(unseen.until[-1])
    assert 0 < limits[0] < limits[1] < limits[2]
    assert hidden(slots, came, 0 * fell) is None


def test_a_batch_too_large_to_hide_hides_nothing() -> None:
    """Twenty records that go at once show whatever else happens: no more than two jobs come in a slot."""
    slots = np.arange(0, 2 * DAY + 1, STEP)
    came = np.random.default_rng(1).integers(0, 3, len(slots) - 1)
    fell = np.zeros_like(came)
    fell[300] = 20
    assert hidden(slots, came, fell) is None
