"""Jobs that still wait when the record ends: what is said of the others' waits, and what is not."""

import numpy as np
import pytest

from analysis.arrays import Floats, Ints
from analysis.queue.censoring import share_out
from analysis.queue.conservation import flows_of
from analysis.queue.discipline import waiting_of
from tests.estimated import Waited, estimate
from tests.recorded import observed

STEP = 300
HOUR = 3600
LONG = 400 * HOUR


def shared(waits: list[float], ended: list[bool], horizon: float = 100.0) -> list[tuple[float, float]]:
    made = share_out(np.array(waits), np.array(ended), np.ones(len(waits)), horizon)
    return list(zip(*(values.tolist() for values in made), strict=True))


def counted(came: Floats, started: Floats, slots: Ints) -> Waited:
    """Tell of all that came, each of which ran for an hour."""
    ended: Floats = started + HOUR
    waiting = waiting_of(flows_of(observed(slots, came, started, ended), "queue"), "fifo")
    return estimate([waiting], 0, int(slots[-1]), 4 * HOUR)


def of_hours(still: int, wait: float = HOUR, jobs: int = 100, until: float = 200 * HOUR) -> Waited:
    """Let one job an hour come, each of which waits as long but the last ones, which wait on, and tell of all."""
    came: Floats = np.arange(jobs, dtype=np.float64) * HOUR + 10
    started: Floats = came + wait
    # The last ones came at once, two hours before the end.
    came[jobs - still :] = until - 2 * HOUR + 10
    started[jobs - still :] = LONG
    slots: Ints = np.arange(0, int(until) + 1, STEP)
    return counted(came, started, slots)


def test_kaplan_and_meier() -> None:
    """Of six remission times, 6, 6, 6, 6+, 7, 9+, the estimator leaves 1/2 after 6 and 1/4 after 7 [by hand]."""
    made = shared([7, 6, 9, 6, 6, 6], [True, False, False, True, True, True])
    assert [(6, 1), (6, 1), (6, 1), (6, 0), (7, 1.5), (9, 1.5)] == made


def test_waits_that_have_ended_stay() -> None:
    """Where all have ended each counts for itself."""
    assert [(1, 1), (2, 1), (3, 1)] == shared([3, 1, 2], [True, True, True])


def test_an_age_beyond_all_waits_counts_up_to_the_horizon() -> None:
    """Long past, an order of service that lets one job wait for ever does not make the mean."""
    assert [(1, 1), (2, 1), (50, 1)] == shared([50, 1, 2], [False, True, True])
    assert [(1, 1), (2, 1), (10, 1)] == shared([50, 1, 2], [False, True, True], horizon=10)
    assert [(1, 1), (30, 1), (30, 1)] == shared([50, 1, 30], [False, True, True], horizon=10)
    assert [(10, 1), (10, 1)] == shared([40, 50], [False, False], horizon=10)


def test_a_few_that_still_wait_leave_points() -> None:
    """Five of a hundred wait on: the mean is near the others', no upper bound is given, and the note says why."""
    found = of_hours(5)
    assert found.mean[0] == pytest.approx(0.95 * HOUR + 0.05 * 2 * HOUR, abs=STEP)
    assert found.mean[2] is None
    assert found.quantiles[90][0] == pytest.approx(HOUR, abs=STEP)
    assert "5 of 100 jobs still waited at the end" == found.note


def test_more_than_a_tenth_that_still_wait_leave_bounds() -> None:
    """Eleven of a hundred: no mean and no share over the limit, but what it is at least."""
    found = of_hours(11)
    assert (None, None) == (found.mean[0], found.over[0])
    assert found.mean[1] is not None
    assert found.mean[1] > 0
    assert "11 of 100 jobs still waited at the end; waits are at least their lower bounds" == found.note
    assert of_hours(10).mean[0] is not None


def test_what_they_cannot_change_is_known() -> None:
    """Half wait since two hours: that half waited an hour at most is known, of nine in ten nothing is."""
    found = of_hours(50)
    assert found.quantiles[50][0] == pytest.approx(HOUR, abs=STEP)
    assert found.quantiles[90][0] is None


def test_all_that_wait_leave_nothing() -> None:
    """No wait has ended: none is told, and none is zero."""
    found = of_hours(20, jobs=20)
    assert (None, None) == (found.mean[0], found.quantiles[50][0])
