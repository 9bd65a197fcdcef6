"""Tests of the scheduler that gives benchmarks of plans their truth: special cases, and laws of its rules."""

from dataclasses import replace

import numpy as np
import pytest

from tests.schedulers import COMPLETED, GAVE_UP, REQUEUED, Stays, stays_of
from tests.simulated import HOUR, Floats, Scenario, Work, starts_of, work_of

BUSY = Scenario(servers=16, load=0.95, spread=2.0, mean=HOUR, days=14, sizes="four", priorities=True)


def work(*jobs: tuple[float, int, float, int]) -> Work:
    """Make work from (arrival, size, run time, urgent) of each job."""
    arrival, size, run, urgent = zip(*jobs, strict=True)
    return Work(np.array(arrival, float), np.array(size), np.array(run, float), np.array(urgent))


def most_busy(stays: Stays, jobs: Work) -> int:
    """Return the largest number of servers that were busy at the same time."""
    size = jobs.size[stays.job]
    changes = np.concatenate([stays.left, stays.ended])
    order = np.lexsort((np.repeat([1, 0], len(size)), changes))
    return int(np.cumsum(np.concatenate([size, -size])[order]).max())


@pytest.mark.parametrize("backfill", [False, True])
@pytest.mark.parametrize("sizes", ["one", "four"])
def test_without_extra_rules_it_equals_the_simple_scheduler(sizes: str, *, backfill: bool) -> None:
    """Every job starts at the same time."""
    jobs = work_of(replace(BUSY, sizes=sizes), 1)
    stays = stays_of(jobs, 16, passing="any" if backfill else "none")
    assert (stays.waits > 0).mean() > 0.1
    np.testing.assert_array_equal(stays.left, starts_of(jobs, 16, backfill=backfill))


@pytest.mark.parametrize("requeue", ["restart", "resume"])
def test_preemption_conserves_work(requeue: str) -> None:
    """A job runs for its run time, in parts or in its last run; never are more servers busy than there are."""
    jobs = work_of(BUSY, 2)
    stays = stays_of(jobs, 16, requeue=requeue)
    ran = stays.ended - stays.left
    assert (stays.outcome == REQUEUED).sum() > 50
    assert (jobs.urgent[stays.job[stays.outcome == REQUEUED]] == 1).all()
    assert np.bincount(stays.job[stays.outcome == COMPLETED]).tolist() == [1] * len(jobs.came)
    if requeue == "resume":
        np.testing.assert_allclose(np.bincount(stays.job, ran), jobs.run)
    else:
        np.testing.assert_allclose(ran[stays.outcome == COMPLETED], jobs.run[stays.job[stays.outcome == COMPLETED]])
    assert most_busy(stays, jobs) <= 16


def test_an_urgent_job_takes_the_servers_of_the_job_that_started_last() -> None:
    """By hand: of two jobs the later is put back, and resumes when the urgent one has ended."""
    jobs = work((0, 2, 100, 1), (10, 2, 100, 1), (20, 1, 30, 0))
    stays = stays_of(jobs, 4, requeue="resume")
    assert [0, 1, 2, 1] == stays.job.tolist()
    assert [0, 10, 20, 20] == stays.came.tolist()
    assert [0, 10, 20, 50] == stays.left.tolist()
    assert [100, 20, 50, 140] == stays.ended.tolist()


def test_a_reservation_stops_jobs_that_would_delay_the_first() -> None:
    """By hand: a job starts before the first of the queue only if it ends before that one can start."""
    jobs = work((0, 3, 100, 0), (1, 4, 50, 0), (2, 1, 200, 0), (3, 1, 97, 0))
    assert [0, 100, 150, 3] == stays_of(jobs, 4, passing="easy").left.tolist()
    assert [0, 202, 2, 100] == stays_of(jobs, 4, passing="any").left.tolist()
    # By its estimated run time the last job would not end in time.
    estimate = np.array([100.0, 50, 200, 98])
    assert [0, 100, 150, 150] == stays_of(jobs, 4, passing="easy", estimate=estimate).left.tolist()


def fits_at(starts: Floats, jobs: Work, job: int, instant: float) -> float:
    """Return when a job fits on 16 servers beside the jobs that run at an instant, if no other job starts."""
    runs = (starts <= instant) & (starts + jobs.run > instant)
    runs[job] = False
    ends, size = (starts + jobs.run)[runs], jobs.size[runs]
    instants: list[float] = [instant, *sorted(ends.tolist())]
    return next(end for end in instants if size[ends > end].sum() + jobs.size[job] <= 16)


def test_easy_never_delays_the_first_of_the_queue() -> None:
    """It starts no later than it could when it became the first; the mean wait is shorter than under FIFO."""
    jobs = work_of(replace(BUSY, priorities=False), 3)
    starts = stays_of(jobs, 16, passing="easy").left
    first = np.maximum(jobs.came, np.concatenate([[0.0], np.maximum.accumulate(starts)[:-1]]))
    delayed = np.flatnonzero(starts > first)
    assert len(delayed) > 100
    for job in delayed:
        assert starts[job] <= fits_at(starts, jobs, int(job), float(first[job])) + 1e-6
    assert starts.mean() < stays_of(jobs, 16).left.mean()


def test_no_job_waits_longer_than_its_patience() -> None:
    """A job that gives up does so at its patience and never runs; a job that starts has waited for less."""
    jobs = work_of(replace(BUSY, load=1.1), 4)
    patience = np.random.default_rng(4).exponential(HOUR, len(jobs.came))
    stays = stays_of(jobs, 16, patience=patience)
    gave_up = stays.outcome == GAVE_UP
    assert 0.05 < gave_up.mean() < 0.9
    np.testing.assert_allclose(stays.waits[gave_up], patience[gave_up])
    assert (stays.waits[~gave_up] < patience[~gave_up]).all()
    assert (stays.ended[gave_up] == stays.left[gave_up]).all()


@pytest.mark.parametrize("requeue", ["never", "resume"])
def test_lost_servers_run_nothing(requeue: str) -> None:
    """By hand: jobs on lost servers run to their end or are put back; new ones wait until servers are free."""
    jobs = work((0, 1, 100, 1), (5, 1, 100, 1), (20, 1, 10, 1))
    stays = stays_of(jobs, 2, requeue=requeue, capacity=[(10.0, 1), (60.0, 2)])
    if requeue == "never":
        assert [0, 5, 100] == stays.left.tolist()
    else:
        assert [0, 1, 1, 2] == stays.job.tolist()
        assert [0, 5, 60, 100] == stays.left.tolist()
        assert 155 == stays.ended[2]
