"""Failure rates of young records: their interval allows for failures in bursts that few days do not show."""

import numpy as np
import pytest

from analysis.text.language import rendered
from tests.benchmarks.failure_intervals import failures, interval


@pytest.mark.parametrize("days", [2, 5, 9, 10, 28])
def test_few_days_hold_the_rate_of_bursts(days: int) -> None:
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
    widths = [float(np.ptp(interval(np.full(days, 50), np.full(days, 5)))) for days in range(1, 28)]
    assert widths == sorted(widths, reverse=True)


def test_quiet_weeks_do_not_narrow_an_interval() -> None:
    """Four weeks without ends show no overdispersion: jobs of the days before are taken to fail in bursts."""
    jobs, quiet = np.full(30, 200), np.zeros(28, np.int64)
    low, high = interval(np.append(jobs, quiet), np.append(jobs // 10, quiet))
    known_low, known_high = interval(jobs, jobs // 10)
    assert low < known_low
    assert known_high < high


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
