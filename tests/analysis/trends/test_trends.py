"""Trends, changes and differences of daily figures: laws, plain cases, and how often they claim what is not there."""

from dataclasses import replace
from typing import Final

import numpy as np
import pytest
from scipy.stats import binom

from analysis.arrays import Floats
from analysis.stats.batches import FEWEST, Days, Stretches
from analysis.stats.changepoints import changes_of
from analysis.stats.regression import difference_of, direction, explain, slope_of, step_of

QUARTER: Final = 91
SEEDS: Final = pytest.mark.parametrize("seed", range(6))


def days_of(values: Floats, doubt: float = 0.0, weights: Floats | None = None) -> Days:
    """Return consecutive days, each known but for some doubt on either side."""
    numbers = np.arange(len(values))
    return Days(numbers, values, values - doubt, values + doubt, np.ones(len(values)) if weights is None else weights)


def alike(draw: np.random.Generator, days: int, correlation: float) -> Floats:
    """Draw days that are like those before them, with a long tail as waits have it."""
    logs = np.empty(days)
    logs[0] = draw.standard_normal()
    for day in range(1, days):
        logs[day] = correlation * logs[day - 1] + np.sqrt(1 - correlation**2) * draw.standard_normal()
    return np.exp(0.7 * logs)


def test_a_constant_has_no_slope_and_no_width() -> None:
    """Days that are all alike: level and slope are known; what the days leave open is all the width there is."""
    fit = slope_of(days_of(np.full(QUARTER, 0.1)))
    assert (0.0, 0.0) == fit.interval(1)
    assert (0.1, 0.1) == pytest.approx(fit.interval(0))
    assert () == changes_of(days_of(np.full(QUARTER, 0.1))).changes
    low, high = slope_of(days_of(np.full(QUARTER, 0.1), doubt=1.0)).interval(1)
    # At worst the first half is as low as it can be and the second as high.
    middle = np.abs(np.arange(QUARTER) - QUARTER // 2)
    assert high == pytest.approx(middle.sum() / (middle**2).sum(), rel=0.1)
    assert low == pytest.approx(-high)


@SEEDS
def test_scales_and_shifts_carry_over(seed: int) -> None:
    """Three times the values, three times the slope and its interval; a week later, a week later; slower, flatter."""
    values = alike(np.random.default_rng(seed), QUARTER, 0.4)
    days = days_of(values)
    fit, threefold = slope_of(days), slope_of(days_of(3 * values))
    assert 3 * np.array(fit.interval(1)) == pytest.approx(threefold.interval(1))
    later = replace(days, numbers=days.numbers + 7)
    assert fit.interval(1) == pytest.approx(slope_of(later).interval(1))
    few = days_of(values[:10])
    slow = replace(few, numbers=2 * few.numbers)
    assert slope_of(few).values[1] == pytest.approx(2 * slope_of(slow).values[1])
    stepped = days_of(values + 9 * (np.arange(QUARTER) >= 60))
    for here, there in zip(
        changes_of(stepped).changes, changes_of(replace(stepped, numbers=stepped.numbers + 7)).changes, strict=True
    ):
        assert (here.day + 7, here.earliest + 7, here.latest + 7) == (there.day, there.earliest, there.latest)


@SEEDS
def test_a_line_is_found_below_the_week(seed: int) -> None:
    """A hundredth more each day, weekends of half, and noise: the interval holds the rise, and says it goes up."""
    draw = np.random.default_rng(seed)
    numbers = np.arange(QUARTER)
    rising = 10 + 0.1 * numbers - 5 * (numbers % 7 >= 5)
    fit = slope_of(days_of(rising + draw.standard_normal(QUARTER)))
    low, high = fit.interval(1)
    assert low < 0.1 < high
    assert high - low < 0.05
    assert direction(low, high) == "up"


@SEEDS
def test_a_step_is_found_on_its_day(seed: int) -> None:
    """Waits that quadruple: one change, with a date near."""
    draw = np.random.default_rng(seed)
    values = alike(draw, QUARTER, 0.2) * np.where(np.arange(QUARTER) < 50, 1.0, 4.0)
    (change,) = changes_of(days_of(values)).changes
    assert change.earliest <= change.day <= change.latest <= change.earliest + 14
    assert abs(change.day - 50) <= 3


def test_the_size_of_a_step_holds() -> None:
    """Of 300 steps on a known day, not significantly fewer than nine in ten intervals hold the size."""
    draw = np.random.default_rng(12)
    later = np.arange(QUARTER) >= 50
    steps = [step_of(days_of(alike(draw, QUARTER, 0.2) * np.where(later, 4.0, 1.0)), later) for _ in range(300)]
    held = [low < 3 * np.exp(0.7**2 / 2) < high for low, high in (step.interval(1) for step in steps)]
    assert sum(held) >= binom.ppf(0.01, 300, 0.9)


def test_two_steps_are_two_changes() -> None:
    """Up and down again: each is found, in the order of time."""
    numbers = np.arange(QUARTER)
    values = np.random.default_rng(1).gamma(20, 1 / 20, QUARTER) * np.where((numbers >= 30) & (numbers < 60), 3.0, 1.0)
    first, second = changes_of(days_of(values)).changes
    assert (30, 60) == (first.day, second.day)
    assert first.fit.values[1] > 0 > second.fit.values[1]


def test_what_remains_beside_a_change_is_cut_again() -> None:
    """A large step with a smaller one on either side: three changes, in the order of time."""
    numbers = np.arange(160)
    levels = np.array([1, 1.6, 40, 64])[numbers // 40]
    values = np.random.default_rng(2).gamma(60, 1 / 60, 160) * levels
    assert [40, 80, 120] == [change.day for change in changes_of(days_of(values)).changes]


@pytest.mark.parametrize("correlation", [0.0, 0.6])
def test_chance_is_rarely_taken_for_a_trend_or_a_change(correlation: float) -> None:
    """Of 200 quarters in which nothing changed not significantly more than one in twenty is said to have either."""
    draw = np.random.default_rng(7)
    claims = 0
    for _ in range(200):
        days = days_of(alike(draw, QUARTER, correlation))
        claims += direction(*slope_of(days).interval(1, 0.99)) in ("up", "down") or bool(changes_of(days).changes)
    assert claims <= binom.ppf(0.99, 200, 0.05)


def test_busy_days_that_scatter_more_are_no_change() -> None:
    """One day in ten has twenty times the jobs and a wait that varies more: few series have a change."""
    draw = np.random.default_rng(11)
    claims = 0
    for _ in range(200):
        busy = draw.random(QUARTER) < 0.1
        values = np.exp(np.where(busy, 1.5, 0.3) * draw.standard_normal(QUARTER))
        claims += bool(changes_of(days_of(values, weights=np.where(busy, 2000.0, 100.0))).changes)
    assert claims <= binom.ppf(0.99, 200, 0.05)


def test_dates_hold_as_often_as_they_say() -> None:
    """The interval of a date has the day in it in not significantly less than 95 of 100 cases."""
    draw = np.random.default_rng(3)
    held = []
    for _ in range(100):
        values = draw.gamma(4, 1 / 4, QUARTER) * np.where(np.arange(QUARTER) < 45, 1.0, 2.2)
        changes = changes_of(days_of(values)).changes
        held += [change.earliest <= 45 <= change.latest for change in changes[:1]]
    assert len(held) >= 90
    assert sum(held) >= binom.ppf(0.01, len(held), 0.95)


@pytest.mark.parametrize("correlation", [0.0, 0.4])
def test_a_difference_of_two_periods_holds_the_truth(correlation: float) -> None:
    """Of 300 pairs of 45 days without a difference, not significantly fewer than 93 of 100 intervals hold zero."""
    draw = np.random.default_rng(11)
    later = np.arange(90) >= 45
    fits = [difference_of(days_of(alike(draw, 90, correlation)), later) for _ in range(300)]
    given = [fit.interval(1) for fit in fits if fit.batches >= FEWEST]
    assert len(given) >= 200
    assert sum(low <= 0 <= high for low, high in given) >= binom.ppf(0.01, len(given), 0.93)


def test_too_little_is_refused() -> None:
    """Few days, or days so alike that they are few: no interval, no change, and how many more days it takes."""
    short = slope_of(days_of(np.arange(8.0)))
    assert np.isnan(short.interval(1)).all()
    walk = np.cumsum(np.random.default_rng(2).standard_normal(40)) + 100
    fit = slope_of(days_of(walk))
    assert np.isnan(fit.interval(0)).all()
    assert fit.more_days > 10
    assert () == changes_of(days_of(walk[:13])).changes
    assert changes_of(days_of(walk[:13])).batches < FEWEST
    unlike = difference_of(days_of(walk), np.arange(40) >= 35)
    assert np.isnan(unlike.interval(1)).all()


def test_missing_days_are_no_days() -> None:
    """With every third day missing the slope stays; days are as alike as those that there are."""
    values = 5 + 0.1 * np.arange(QUARTER) + np.random.default_rng(5).standard_normal(QUARTER)
    there = np.arange(QUARTER) % 3 > 0
    low, high = slope_of(days_of(values).where(there)).interval(1)
    assert low < 0.1 < high
    walk = days_of(np.cumsum(np.random.default_rng(5).standard_normal(QUARTER)) + 50)
    assert slope_of(walk.where(np.arange(QUARTER) % 2 == 0)).batches < FEWEST


def test_a_level_holds_where_few_days_have_most_of_the_waits() -> None:
    """Of 300 quarters with a long tail, in which nearly all waits are on few days, nine of ten levels hold the mean."""
    draw = np.random.default_rng(4)
    quarters = [draw.lognormal(0, 1.6, QUARTER) for _ in range(300)]
    given = [slope_of(days_of(values)).interval(0) for values in quarters]
    assert 0.89 * 300 <= sum(low <= np.exp(1.6**2 / 2) <= high for low, high in given)


def test_what_has_no_upper_bound_leaves_one_side_open() -> None:
    """One of the last days may have waited for ever: the slope may be as large, and is still bounded from below."""
    days = days_of(np.random.default_rng(5).gamma(9, 1, QUARTER))
    days.high[-1] = np.inf
    low, high = slope_of(days).interval(1)
    assert np.isfinite(low)
    assert np.isposinf(high)


@SEEDS
def test_sums_over_stretches_bound_what_days_cannot(seed: int) -> None:
    """Any days that keep to their bounds and to those of their weeks and of the whole have slopes within the bounds."""
    draw = np.random.default_rng(seed)
    numbers = np.arange(28)
    first = np.concatenate([[0], np.arange(0, 28, 7), numbers])
    last = np.concatenate([[28], np.arange(7, 29, 7), numbers + 1])
    jobs, values = draw.integers(1, 20, 28).astype(float), draw.gamma(2, 1, 28)
    sums = np.concatenate([[0.0], np.cumsum(jobs * values)])
    middle = sums[last] - sums[first]
    slack = np.where(last - first == 28, 1.0, np.where(last - first == 7, 3.0, 2.0 * jobs.mean()))
    days = Days(numbers, values, values - slack[-28:] / jobs, values + slack[-28:] / jobs, jobs)
    known = replace(days, stretches=Stretches(first, last, middle - slack, middle + slack))
    asked = np.column_stack([np.ones(28), numbers - np.average(numbers, weights=jobs)])
    loose, tight = explain(days, asked), explain(known, asked)
    assert tight.high[0] - tight.low[0] == pytest.approx(2 * 1.0 / jobs.sum(), rel=0.05)
    assert (tight.high - tight.low < loose.high - loose.low).all()
    for _ in range(200):
        # Within a third of each slack the sums stay in theirs.
        moved = draw.uniform(-1, 1, 28) / 28
        other = explain(replace(days, values=values + moved / jobs), asked)
        assert (tight.low - 1e-9 <= other.values).all()
        assert (other.values <= tight.high + 1e-9).all()


@SEEDS
def test_levels_of_waits_are_not_below_zero(seed: int) -> None:
    """Ten days without waits before weeks with a strong weekly pattern: their level is zero, not less."""
    numbers = np.arange(42)
    busy = np.where(numbers % 7 < 5, 3000.0, 10.0) * np.random.default_rng(seed).gamma(9, 1 / 9, 42)
    values = np.where(numbers < 10, 0.0, busy)
    fit = step_of(days_of(values), numbers >= 10)
    assert 0.0 == pytest.approx(fit.values[0], abs=1e-9)
    assert values[10:].mean() == pytest.approx(fit.values.sum())
    # A regression on the pattern of all days, as that of a difference, moves the level of the days before.
    assert abs(difference_of(days_of(values), numbers >= 10).values[0]) > 10


def test_what_drives_days_is_remembered() -> None:
    """A correlation that is handed in widens the intervals, and leaves fewer batches."""
    days = days_of(np.random.default_rng(2).gamma(9, 1, QUARTER))
    free, driven = slope_of(days), slope_of(days, 0.6)
    assert driven.batches < free.batches / 2
    assert np.ptp(driven.interval(1)) > 1.5 * np.ptp(free.interval(1))
    assert changes_of(days, 0.6).correlation >= 0.6
