"""Flows from counts: hand-made series whose answer is plain, for everything an API may keep of finished jobs."""

from typing import Final

import numpy as np
import pytest
from numpy.typing import ArrayLike

from analysis.arrays import Ints
from analysis.queue.conservation import Flows, flows_of
from analysis.queue.discipline import waiting_of
from analysis.queue.failures import ending_of
from analysis.text.language import rendered
from tests.estimated import estimate, failures_of
from tests.recorded import observed, series_of

STEP: Final = 300
HOUR: Final = 3600
DAY: Final = 86_400


def made(queue: str = "queue", unnamed: ArrayLike = 0, **counts: ArrayLike) -> Flows:
    """Return the flows of counts at consecutive slots."""
    length = len(np.atleast_1d(next(iter(counts.values()))))
    return flows_of(series_of(np.arange(length) * STEP, counts, unnamed), queue)


def bounds(flows: Flows) -> list[tuple[int, int]]:
    """Return between which numbers arrivals lie, since the first slot."""
    return list(zip(flows.arrived.low.tolist(), flows.arrived.high.tolist(), strict=True))


def jobs(seed: int, days: float, every: float, lasts: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw jobs that wait for ten minutes: when each came, started and ended, in seconds."""
    draw = np.random.default_rng(seed)
    came = np.sort(draw.uniform(-2 * DAY, days * DAY, int((days + 2) * DAY / every)))
    return came, came + 600, came + 600 + draw.exponential(lasts, len(came))


def truth(times: np.ndarray, slots: Ints) -> Ints:
    """Count what happened since the first slot, at each."""
    return np.searchsorted(np.sort(times), slots, side="right") - int((times <= slots[0]).sum())


def test_kept_counts_tell_all() -> None:
    """Two jobs come, one at a time; each waits for a slot, runs for one and completes."""
    flows = made(Queue=[0, 1, 1, 0, 0], Running=[0, 0, 1, 1, 0], Completed=[7, 7, 7, 8, 9])
    assert "kept" == rendered(flows.classes.described)
    assert [1, 1, 0, 0] == flows.arrivals.tolist()
    assert [0, 1, 1, 0] == flows.departures.tolist()
    assert [0, 0, 1, 1] == flows.ended["Completed"].point.tolist()
    assert [(0, 0), (1, 1), (2, 2), (2, 2), (2, 2)] == bounds(flows)


def test_who_gives_up_leaves_the_queue_and_ends() -> None:
    """A job that is terminated while it waits is a departure and an end; nothing comes."""
    flows = made(Queue=[1, 1, 0, 0], Terminated=[0, 0, 1, 1])
    assert [0, 0, 0] == flows.arrivals.tolist()
    assert [0, 1, 0] == flows.departures.tolist()


def test_a_deletion_is_no_end_and_no_arrival() -> None:
    """Two of forty records are deleted at once: kept nonetheless, and the note says what was taken as deleted."""
    flows = made(Queue=[1, 0, 0, 0], Running=[0, 1, 1, 0], Completed=[40, 40, 38, 39])
    assert ("kept", "Completed: 2 jobs taken as deleted") == (rendered(flows.classes.described), rendered(flows.notes))
    assert [0, 0, 0] == flows.arrivals.tolist()
    assert [0, 0, 1] == flows.ended["Completed"].point.tolist()


def test_a_deletion_can_hide_an_end() -> None:
    """Completed falls by one while a job that ran is gone: two were deleted and one ended; the bounds hold that."""
    flows = made(Running=[2, 1, 0], Completed=[40, 41, 40])
    assert bounds(flows)[-1][0] <= 0 <= bounds(flows)[-1][1]
    assert flows.ended["Completed"].since.low[-1] <= 2 <= flows.ended["Completed"].since.high[-1]


def test_a_notebook_that_restarts_is_no_arrival() -> None:
    """It ends, runs again under the same record, and ends again: two ends of one job that came once."""
    flows = made(Queue=[1, 0, 0, 0, 0, 0], Running=[0, 1, 0, 1, 1, 0], Terminated=[5, 5, 6, 5, 5, 6])
    assert "kept" == rendered(flows.classes.described)
    assert 0 == flows.arrivals.sum()
    assert 2 == flows.ended["Terminated"].point.sum()


def test_a_restart_through_the_queue_waits_again() -> None:
    """A notebook that is terminated and queued again comes to the queue once more."""
    flows = made(Queue=[0, 0, 1, 0], Running=[1, 0, 0, 1], Terminated=[5, 6, 5, 5])
    assert 1 == flows.arrivals.sum()
    assert 1 == flows.departures.sum()


def test_a_preempted_job_comes_to_the_queue_again() -> None:
    """Of two that run one goes back to wait: an arrival, or none, and others may have gone back unseen."""
    flows = made(Queue=[0, 0, 1, 0], Running=[2, 2, 1, 2], Completed=[3, 3, 3, 3])
    assert [0, 1, 0] == flows.arrivals.tolist()
    assert [0, 0, 1] == flows.departures.tolist()
    assert (0, 1) == bounds(flows)[-1]
    assert (True, False) == (flows.counted, flows.bounded)
    assert "no upper bound" in rendered(flows.notes)


def test_a_gap_carries_what_came_and_left_across() -> None:
    """Three jobs ended in an hour nobody saw: three came, none waits, and who waited in it can have for an hour."""
    slots = np.array([0, 300, 3900, 4200])
    flows = flows_of(series_of(slots, {"Completed": [0, 0, 3, 3]}), "queue")
    assert [0, 3, 0] == flows.arrivals.tolist()
    estimates = estimate([waiting_of(flows, "unknown")], 0, 4200, None)
    assert (0, 3600) == estimates.mean[1:]


def test_a_status_without_a_name_is_not_waiting() -> None:
    """A job that goes into a status no document names left the queue, and has not ended."""
    flows = made(Queue=[1, 0, 0], unnamed=[0, 1, 1])
    assert [0, 0] == flows.arrivals.tolist()
    assert [1, 0] == flows.departures.tolist()
    assert "silent" == rendered(flows.classes.described)


def test_each_named_wait_counts_its_own_statuses() -> None:
    """A job that is queued, pending, then creating leaves each of the three queues a slot later than the one before."""
    counts = {"Queue": [1, 0, 0, 0], "Pending": [0, 1, 0, 0], "Creating": [0, 0, 1, 0], "Running": [0, 0, 0, 1]}
    for queue, gone in (("queue", 0), ("queue+pending", 1), ("queue+pending+creating", 2)):
        flows = made(queue, **counts)
        assert [gone] == np.flatnonzero(flows.departures).tolist()
        assert 0 == flows.arrivals.sum()


def test_silent_is_zero() -> None:
    """Nothing counted, and nothing that vanishes: no job ends."""
    flows = made(Queue=[1, 2, 1, 1], Running=[0, 0, 1, 1], Completed=[0, 0, 0, 0])
    assert "silent" == rendered(flows.classes.described)
    assert [1, 0, 0] == flows.arrivals.tolist()
    assert 0 == sum(int(each.point.sum()) for each in flows.ended.values())


def test_absent_gives_the_fewest_that_explain() -> None:
    """Jobs run and vanish uncounted: five rises are five arrivals at least, and there is no upper bound."""
    flows = made(Running=[0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0], Completed=[0] * 11)
    assert ("absent", False) == (rendered(flows.classes.described), flows.bounded)
    assert 5 == flows.arrivals.sum()
    estimates = estimate([waiting_of(flows, "unknown")], 0, 10 * STEP, None)
    assert (None, 5, None) == (estimates.arrivals, estimates.arrivals_low, estimates.arrivals_high)
    assert "too few slots" in rendered(flows.notes)


def test_absent_bounds_hold_for_who_came_unseen() -> None:
    """One leaves as another comes: the queue stands, and the second can have waited since, until the queue is empty."""
    came, left = np.array([100, 400, 1300]), np.array([500, 1900, 1900])
    queue = [int(((came <= at) & (left > at)).sum()) for at in range(0, 2101, STEP)]
    assert [0, 1, 1, 1, 1, 2, 2, 0] == queue
    # What went on before tells that nothing is kept.
    flows = made(Queue=[0] * 11 + queue, Running=[0, 1] * 5 + [0] * 9)
    start = 11 * STEP
    estimates = estimate([waiting_of(flows, "unknown")], start + STEP, start + 6 * STEP, 1000)
    assert (1 + 2, 0) == (flows.arrivals[11:].sum() + 1, flows.arrivals[12])
    assert estimates.quantiles[99][2] is not None
    assert 1900 - 400 <= estimates.quantiles[99][2]
    assert 1.0 == estimates.over[2]


def test_a_deletion_widens_no_lower_bound() -> None:
    """A fall of the count shows that others may hide behind ends, at any time: only the upper bounds allow for it."""
    completed = [40, 39, 38, *range(38, 50)]
    flows = made(Completed=completed)
    estimates = estimate([waiting_of(flows, "unknown")], 3 * STEP, 14 * STEP, None)
    assert (11, 11) == (estimates.arrivals, estimates.arrivals_low)
    ended = failures_of([ending_of(flows)], 3 * STEP, 14 * STEP)
    assert (11, 11) == (ended.finished, ended.finished_low)
    for high in (estimates.arrivals_high, ended.finished_high):
        assert high is not None
        assert 11 < high


def test_purged_counts_tell_all_but_the_purge() -> None:
    """Every 25 slots all records go: what came is told, but for the slot of the purge, whose ends are bounded."""
    ends = np.ones(100, np.int64)
    ends[24::25] = 0
    completed = np.concatenate([np.arange(25)] * 4 + [[0]])
    flows = made(Completed=completed)
    assert ("purged", True) == (rendered(flows.classes.described), flows.bounded)
    assert ends.tolist() == flows.arrivals.tolist()
    assert [(0, 0), (24, 25), (48, 50), (96, 100)] == [bounds(flows)[slot] for slot in (0, 25, 50, 100)]


@pytest.mark.parametrize("outcomes", ["CCF", "C"])
def test_capped_counts_give_no_upper_bound(outcomes: str) -> None:
    """The last five ends are kept, of all or of one status: the count stands while thirty jobs run and vanish."""
    ended = [(outcomes * 30)[: at // 2][-5:] for at in range(61)]
    completed, failed = ([each.count(letter) for each in ended] for letter in "CF")
    flows = made(Running=[0, 1] * 30 + [0], Completed=completed, Failed=failed)
    assert ("capped", False) == (rendered(flows.classes.described), flows.bounded)
    assert "ceiling" in rendered(flows.notes)
    assert 30 == flows.arrivals.sum()
    assert failures_of([ending_of(flows)], 0, 60 * STEP).finished is None


@pytest.mark.parametrize(("days", "every", "span"), [(0.5, 1800, 6), (7, 3600, 30), (30, 7200, 75)])
@pytest.mark.parametrize("gaps", [0, 20])
def test_a_retention_is_found(days: float, every: float, span: int, gaps: int) -> None:
    """Records go out of sight after 12 hours, 7 or 30 days; the flows found with it hold the truth at every slot."""
    slots = np.arange(0, span * DAY + 1, STEP)
    draw = np.random.default_rng(gaps)
    lost = [at + np.arange(draw.integers(1, 24)) for at in draw.integers(1, len(slots) - 30, gaps)]
    slots = np.delete(slots, np.concatenate(lost)) if lost else slots
    came, started, ended = jobs(3, span, every, 2 * HOUR)
    flows = flows_of(observed(slots, came, started, ended, retention=days * DAY), "queue")
    assert (days * DAY, "rolling") == (flows.classes.retention, flows.classes.name)
    assert (flows.arrived.low <= truth(came, slots)).all()
    assert (truth(came, slots) <= flows.arrived.high).all()
    completed = flows.ended["Completed"]
    assert (completed.since.low <= truth(ended, slots)).all()
    assert (truth(ended, slots) <= completed.since.high).all()


@pytest.mark.parametrize("seed", range(6))
def test_a_retention_that_the_record_is_too_short_for_is_not_made_up(seed: int) -> None:
    """Of a month's retention a record of 27 days shows what goes, and not what came before: no other one is found."""
    slots = np.arange(0, 27 * DAY + 1, STEP)
    came, started, ended = (times - 20 * DAY for times in jobs(seed, 60, 7200, 2 * HOUR))
    flows = flows_of(observed(slots, came, started, ended, retention=30 * DAY), "queue")
    assert flows.classes.retention is None
    assert not flows.bounded or "purged" == flows.classes.name


def test_a_rolling_history_that_is_cut_in_the_middle_is_pinned_as_far_as_it_can_be() -> None:
    """Of what had ended before the record nobody knows when it went out of sight, unless the counts fell with it."""
    slots = np.arange(0, 10 * DAY + 1, STEP)
    came, started, ended = jobs(5, 10, 600, 2 * HOUR)
    counted = observed(slots, came, started, ended, retention=2 * DAY)
    completed = flows_of(counted, "queue").ended["Completed"]
    known = truth(ended, slots)
    assert (completed.since.low <= known).all()
    assert (known <= completed.since.high).all()
    assert 0 < (completed.since.high - completed.since.low).max() < counted.counts["Completed"][0] / 2


def test_a_rolling_history_from_its_beginning_is_known_in_full() -> None:
    """Where nothing had ended before the record each end is told, in its slot."""
    slots = np.arange(0, 10 * DAY + 1, STEP)
    came, started, ended = (times - times[0] + 1 for times in jobs(5, 10, 600, 0))
    completed = flows_of(observed(slots, came, started, ended, retention=2 * DAY), "queue").ended["Completed"]
    assert np.array_equal(completed.since.low, completed.since.high)
    assert np.array_equal(np.diff(truth(ended, slots)), completed.point)


def test_ends_of_an_unknown_retention_are_said_to_be_the_least() -> None:
    """Finished jobs go as often as they come, at odd times: no retention explains it, arrivals have no upper bound."""
    changes = np.random.default_rng(3).choice([-2, 2], 400)
    flows = made(Queue=np.zeros(400), Completed=100 + np.cumsum(changes))
    assert ("rolling, retention unknown", False) == (rendered(flows.classes.described), flows.bounded)
    assert "lower bounds" in rendered(flows.notes)
