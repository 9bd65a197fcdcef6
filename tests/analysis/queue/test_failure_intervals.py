"""Intervals of failure rates: they allow for failures in bursts, and for what few days do not show of them."""

import numpy as np
import pytest

from analysis.stats.bursts import overdispersion
from analysis.text.language import rendered
from tests.benchmarks.failure_intervals import failures, interval


@pytest.mark.parametrize("days", [2, 5, 9, 10, 28])
def test_intervals_hold_the_rate_of_bursts(days: int) -> None:
    """Of 200 records of jobs with a correlation of 0.1 within a day, nine in ten intervals hold the rate."""
    draw = np.random.default_rng(21)
    finished = np.full(days, 50)
    held = []
    for _ in range(200):
        low, high = interval(finished, draw.binomial(finished, draw.beta(0.9, 8.1, days)))
        held.append(low <= 0.1 <= high)
    assert sum(held) >= 0.9 * 200


def test_an_interval_narrows_with_each_day() -> None:
    """A tenth of the jobs fail on each day: the interval of more days is narrower."""
    widths = [float(np.ptp(interval(np.full(days, 50), np.full(days, 5)))) for days in range(1, 29)]
    assert widths == sorted(widths, reverse=True)


def test_quiet_weeks_do_not_narrow_an_interval() -> None:
    """Four weeks without ends show no overdispersion: jobs of the days before are taken to fail in bursts."""
    jobs, quiet = np.full(30, 200), np.zeros(28, np.int64)
    low, high = interval(np.append(jobs, quiet), np.append(jobs // 10, quiet))
    known_low, known_high = interval(jobs, jobs // 10)
    assert low < known_low
    assert known_high < high
    assert high - low > 3 * (known_high - known_low)


@pytest.mark.parametrize("days", [10, 28])
def test_bad_days_that_last_widen_an_interval(days: int) -> None:
    """As many jobs fail, but on the last days of the record rather than on one day in five."""
    jobs = np.full(days, 50)
    spread, together = np.where(np.arange(days) % 5 == 0, 25, 0), np.where(np.arange(days) >= days - days // 5, 25, 0)
    assert spread.sum() >= together.sum() > 0
    assert np.ptp(interval(jobs, together)) > 1.2 * np.ptp(interval(jobs, spread))


def test_the_note_says_why_an_interval_is_wide() -> None:
    """Nine days are too few to measure overdispersion; ten are enough."""
    for days in (9, 10):
        estimated = failures(np.full(days, 50), np.full(days, 5))
        assert np.isnan(estimated.overdispersion[0]) == (days == 9)
        assert ("too few to measure overdispersion, so that the interval is wide" in rendered(estimated.notes[0])) == (
            days == 9
        )


def test_days_show_the_overdispersion() -> None:
    """It falls as even days go on; where a fifth of the days has all failures, it is far larger."""
    even = [float(failures(np.full(days, 50), np.full(days, 5)).overdispersion[0]) for days in (10, 20, 28)]
    assert even == sorted(even, reverse=True)
    assert 1 < even[-1] < 3
    bursts = failures(np.full(28, 50), np.where(np.arange(28) % 5 == 0, 25, 0))
    assert bursts.overdispersion[0] > 4 * even[-1]


@pytest.mark.parametrize("failing", [0, 50])
def test_no_failure_does_not_mean_that_none_will_come(failing: int) -> None:
    """No job failed, or all did: the interval narrows with the weeks, and never to a point."""
    widths = [float(np.ptp(interval(np.full(days, 50), np.full(days, failing)))) for days in (3, 14, 28)]
    assert widths == sorted(widths, reverse=True)
    assert 0.002 < widths[-1] < 0.02


def test_independent_failures_of_many_jobs_are_nearly_so_taken() -> None:
    """Ten thousand jobs a day that fail by coin tosses: after four weeks each counts for more than half a job."""
    finished = np.full(28, 10_000)
    failed = np.random.default_rng(3).binomial(finished, 0.1)
    assert 1 < failures(finished, failed).overdispersion[0] < 2


def test_many_windows_are_each_as_if_alone() -> None:
    """Windows are computed some hundreds at a time."""
    draw = np.random.default_rng(8)
    finished = draw.poisson(20, (600, 28)).astype(float)
    failed = np.minimum(draw.poisson(3, finished.shape), finished)
    many, days = overdispersion(failed, finished, np.full(600, 20.0), np.full(600, 7.0))
    for row in (0, 255, 256, 599):
        rows = slice(row, row + 1)
        alone, _ = overdispersion(failed[rows], finished[rows], np.full(1, 20.0), np.full(1, 7.0))
        assert many[row] == pytest.approx(alone[0])
    assert (days == 28).all()
    assert ((0,), (0,)) == tuple(
        part.shape for part in overdispersion(failed[:0], finished[:0], np.empty(0), np.empty(0))
    )


def test_days_without_ends_are_passed_over() -> None:
    """A week of five days tells what the same days tell that follow each other."""
    failed, of_five = np.where(np.arange(20) % 10 < 3, 20.0, 1.0), np.arange(28) % 7 < 5
    week, finished = np.zeros((1, 28)), np.zeros((1, 28))
    week[0, of_five], finished[0, of_five] = failed, 50.0
    a_day, lengths = np.full(1, 50.0), np.full(1, 20.0)
    with_weekends, days = overdispersion(week, finished, a_day, lengths)
    assert [20] == list(days)
    following, _ = overdispersion(failed[None], np.full((1, 20), 50.0), a_day, lengths)
    assert with_weekends[0] == pytest.approx(following[0])


def test_single_jobs_of_bad_days_are_not_independent() -> None:
    """One job a day: it fails on days that follow each other, or as often on others."""
    finished = np.ones((1, 28))
    together, apart = ((np.arange(28) < 6).astype(float), (np.arange(28) % 5 == 0).astype(float))
    lasting, single = (
        overdispersion(failed[None], finished, np.ones(1), np.full(1, 28.0))[0][0] for failed in (together, apart)
    )
    assert 1.05 < single < 1.2
    assert lasting > 1.2 * single


def test_a_day_needs_no_allowance_for_the_days_after_it() -> None:
    """Bad days last: a week of them tells less than seven separate days would."""
    finished, failed = np.full((1, 28), 50.0), np.where(np.arange(28) % 14 < 5, 20.0, 1.0)[None]
    day, week = (overdispersion(failed, finished, np.full(1, 50.0), np.full(1, days))[0] for days in (1.0, 7.0))
    assert 1.5 * day < week
