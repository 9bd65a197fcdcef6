"""Forecasts: chosen on earlier weeks, judged on later ones, against last week's arrivals and against the true ones."""

from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from analysis import History
from analysis.capacity.backtest import backtest, weeks_needed
from analysis.capacity.days import Days, days_of
from analysis.capacity.quiet_days import quiet_days_of
from analysis.errors import RequestRefused
from analysis.text.outlook import foreseen
from analysis.windows import Windows
from tests.planned import FIRST, counts_of, history_of, markov
from tests.recorded import observed, record_of
from tests.simulated import DAY, HOUR, Floats, Scenario, Work, work_of
from tests.years import year


def days_of_year(seed: int, **kind: bool) -> Days:
    made = year(seed, "steady", **kind)
    hours = Windows(made.starts, made.starts + int(HOUR))
    days = days_of(hours, made.jobs, np.ones(len(hours), bool), made.zone)
    assert days is not None
    return days


def days_with(hours: Floats) -> Days:
    return Days(hours, date(2026, 1, 5), ZoneInfo("UTC"))


@pytest.mark.parametrize("every", ["1h", "1d", "1w"])
def test_errors_are_below_those_of_last_week_and_intervals_hold_the_truth(every: str) -> None:
    """On simulated years errors are below those of last week's arrivals, and nine in ten periods lie inside.

    More years are in tests/benchmarks/forecasts.py.
    """
    forecasts = [each for seed in range(4) for each in backtest(days_of_year(seed), every, 4)]
    assert 16 == len(forecasts)
    assert all(each.folds >= 40 for each in forecasts)
    assert np.mean([each.error / each.error_naive for each in forecasts]) < 0.9
    assert 0.85 <= np.mean([each.covered for each in forecasts]) <= 0.97
    for each in forecasts:
        assert (each.expected.low <= each.expected.point).all()
        assert (each.expected.point <= each.expected.high).all()


@pytest.mark.parametrize("every", ["1h", "1d", "1w"])
def test_folds_that_judge_a_method_did_not_choose_it(every: str) -> None:
    """The newest fold is the forecast that was published a week before: later arrivals had no part in it."""
    hours = np.nan_to_num(days_of_year(3, holidays=True).hours[: 20 * 7])
    before, after = backtest(days_with(hours[:-7]), every, 1)[0], backtest(days_with(hours), every, 1)[0]
    came = {"1h": hours[-7:].ravel(), "1d": hours[-7:].sum(axis=1), "1w": np.array([hours[-7:].sum()])}[every]
    expected = before.expected
    inside = (expected.low <= came) & (came <= expected.high)
    assert before.folds + 1 == after.folds
    error = before.error * before.folds + np.abs(expected.point - came).mean()
    assert error / after.folds == pytest.approx(after.error)
    assert (before.covered * before.folds + inside.mean()) / after.folds == pytest.approx(after.covered)


def test_an_hour_that_is_never_observed_is_not_known() -> None:
    """Polls stop every night until five: the arrivals of these hours are unknown, and not zero."""
    hours = np.random.default_rng(3).poisson(5.0, (6 * 7, 24)).astype(float)
    hours[:, :5] = np.nan
    found = backtest(days_with(hours), "1h", 1)[0]
    clock = np.arange(168) % 24
    for ends in found.expected:
        assert np.isnan(ends[(1 <= clock) & (clock <= 3)]).all()
        assert np.isfinite(ends[clock >= 5]).all()
    assert np.isfinite([found.error, found.covered]).all()
    # A day has these hours too, with as many arrivals as others.
    assert 24 * 5 == pytest.approx(backtest(days_with(hours), "1d", 1)[0].expected.point.mean(), rel=0.1)


def test_hours_that_were_not_observed_are_not_judged() -> None:
    """Hours of the last week that were not observed judge no forecast; the other hours of that week do."""
    days = days_of_year(5)
    hours = days.hours[: 20 * 7].copy()
    seen = backtest(days_with(hours), "1h", 1)[0]
    hours[-6:] = np.nan
    unseen = backtest(days_with(hours), "1h", 1)[0]
    assert unseen.folds == seen.folds
    assert np.isfinite([unseen.error, unseen.covered]).all()
    hours[-7:] = np.nan
    assert seen.folds - 1 == backtest(days_with(hours), "1h", 1)[0].folds


@pytest.mark.parametrize("every", ["1h", "1d", "1w"])
def test_counts_have_the_spread_of_counts(every: str) -> None:
    """Sixty jobs in each of five hours of the week, give or take chance: nine in ten possible counts lie inside."""
    random, hours = np.random.default_rng(4), np.zeros((16 * 7, 24))
    rate = np.zeros((7, 24))
    rate[[0, 1, 2, 3, 4], [9, 9, 14, 14, 20]] = 60.0
    hours = random.poisson(np.tile(rate, (16, 1))).astype(float)
    expected = backtest(days_with(hours), every, 1)[0].expected
    of = {"1h": rate.ravel(), "1d": rate.sum(axis=1), "1w": rate.sum(keepdims=True).ravel()}[every]
    came = random.poisson(of, (2000, len(of)))
    inside = ((expected.low <= came) & (came <= expected.high)).mean(axis=0)
    assert (inside[of > 0] > 0.75).all()
    assert inside[of > 0].mean() > 0.85
    assert (expected.high[of == 0] <= 1).all()


@pytest.mark.parametrize("weeks_ago", [1, 6])
def test_a_holiday_neither_sinks_nor_explodes_the_weeks_after_it(weeks_ago: int) -> None:
    """Of fourteen weeks with about 500 jobs one was empty: about 500 are expected, not zero and not a multiple."""
    hours = np.random.default_rng(2).poisson(3.0, (14 * 7, 24)).astype(float)
    start = len(hours) - 7 * weeks_ago
    hours[start : start + 7] = 0
    days = days_with(hours)
    assert [(start, start + 7)] == [(row.start, row.end) for row in quiet_days_of(days, days.sums(), len(days))]
    for forecast in backtest(days, "1w", 4):
        (low,), (point,), (high,) = forecast.expected
        assert 400 < point < 600
        assert high < 800
        # When a holiday ends that still goes on is not known.
        assert (0 == low) if weeks_ago == 1 else (low > 300)


def test_work_that_comes_and_goes_has_no_quiet_days() -> None:
    """Where every third week is empty, that is usual: zero is inside the intervals."""
    hours = np.random.default_rng(2).poisson(3.0, (15 * 7, 24)).astype(float)
    for week in range(1, 15, 3):
        hours[week * 7 : week * 7 + 7] = 0
    days = days_with(hours)
    assert [] == quiet_days_of(days, days.sums(), len(days))
    (low,), _, (high,) = backtest(days, "1w", 1)[0].expected
    assert 0 == low
    assert high > 450


def test_rhythms_follow_the_clock(tmp_path: Path) -> None:
    """Work from nine to ten on weekdays in Berlin is expected at nine too after the clocks changed."""
    zone = ZoneInfo("Europe/Berlin")
    workdays = [day for day in pd.date_range("2026-03-02", "2026-04-05", tz=zone) if day.day_of_week < 5]
    came = np.concatenate([day.replace(hour=9).timestamp() + np.linspace(60, 3540, 57) for day in workdays])
    slots = np.arange(workdays[0].timestamp(), pd.Timestamp("2026-04-06", tz=zone).timestamp() + 1, 1800)
    series = observed(slots, came, came + 10, came + 100)
    path = record_of(tmp_path, {("p", "a"): {"train": series}}, interval=1800)
    hours = History(path).forecast(every="1h", horizon="1w", zone="Europe/Berlin")
    workday = hours[hours["window_start"].dt.day_of_week < 5].groupby(hours["window_start"].dt.hour)["arrivals"].mean()
    assert 57 == pytest.approx(workday[9], abs=1)
    assert workday.drop(9).max() < 1
    days = History(path).forecast(every="1d", horizon="1w", zone="Europe/Berlin")
    assert 7 == len(days)
    assert (days["window_start"].dt.hour == 0).all()


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """Record fourteen weeks of a pool with a rhythm, and half an hour of polls of which one was lost."""
    work = work_of(Scenario(servers=8, load=0.8, spread=1.5, mean=2 * HOUR, days=98, rhythm=True), 1)
    return history_of(tmp_path_factory.mktemp("weeks"), work, 8, 98, nodes=[(FIRST, 8)], step=1800)


def test_the_next_weeks(history: History) -> None:
    """Four weeks by week, day and hour: intervals hold what is expected, load follows from arrivals."""
    weeks, hours = history.forecast(), history.forecast(every="1h")
    assert 4 == len(weeks)
    assert 4 * 168 == len(hours)
    assert weeks["window_start"].iloc[0] == hours["window_start"].iloc[0]
    # These are medians: in a quiet hour no job is expected, and yet some quiet hours bring one.
    for every in ("1h", "1d"):
        sums = history.forecast(every=every).groupby("weeks_ahead")["arrivals"].sum()
        assert sums.tolist() == pytest.approx(weeks["arrivals"].tolist(), rel=0.15)
        assert (sums < weeks["arrivals_high"].to_numpy()).all()
    usual = history.flows(every="1w", by="pool")["arrivals"].iloc[1:-1].mean()
    assert (weeks["arrivals_low"] < usual).all()
    assert (weeks["arrivals_high"] > usual).all()
    run = history.load().iloc[0]["run_seconds"]
    assert weeks["load"].iloc[0] == pytest.approx(weeks["arrivals"].iloc[0] * run / (7 * DAY), rel=0.1)
    assert (weeks["error"] < weeks["error_naive"]).all()
    assert weeks["covered"].between(0.8, 1).all()
    # Jobs arrive by day and on weekdays.
    local = hours.assign(day=hours["window_start"].dt.hour, weekday=hours["window_start"].dt.day_of_week)
    assert local.loc[local["day"] == 15, "arrivals"].mean() > 3 * local.loc[local["day"] == 3, "arrivals"].mean()
    assert local.loc[local["weekday"] < 5, "arrivals"].mean() > 1.5 * local.loc[local["weekday"] > 4, "arrivals"].mean()


def test_the_growth_that_a_pool_can_take(history: History) -> None:
    """With the largest demand a plan reaches the target, with 6% more it misses it; the probability follows."""
    answer = history.forecast(target_wait="1h")
    growth = answer["growth"].iloc[0]
    recent = "56d"
    reached = history.plan(add=0, demand=growth, since=recent).iloc[0]["mean_seconds"]
    passed = history.plan(add=0, demand=growth * 1.06, since=recent).iloc[0]["mean_seconds"]
    assert reached <= 3600 * 1.05
    assert passed > 3600 * 0.95
    assert answer["growth_low"].iloc[0] <= growth <= answer["growth_high"].iloc[0]
    assert answer["pass_probability"].between(0, 1).all()
    roomy, tight = (history.forecast(target_wait=wait)["pass_probability"].iloc[0] for wait in ("12h", "1h"))
    assert roomy < 0.1
    assert tight > 0.9
    assert history.forecast()["pass_probability"].isna().all()


def test_as_many_weeks_as_the_record_allows(history: History) -> None:
    """Four, two or one by default; a longer horizon is refused and says how many weeks it needs."""
    assert 10 == weeks_needed(4)
    for since, weeks in (("98d", 4), ("50d", 2), ("29d", 1)):
        assert weeks == len(history.forecast(since=since))
    short = history.forecast(since="50d", horizon="4w")
    assert 1 == len(short)
    assert short["arrivals"].isna().all()
    assert "a forecast with this horizon needs 10" in short["note"].iloc[0]
    week = history.forecast(since="7d", target_wait="10m")
    assert "weeks, a forecast with this horizon needs 4" in week["note"].iloc[0]
    assert week["growth"].notna().all()


def test_a_forecast_looks_further_than_an_order_takes(history: History) -> None:
    """A lead time of a week makes it five weeks; a record too short for the lead time gives four, and says so."""
    for lead, weeks in (("7d", 5), ("90d", 4)):
        answer = history.forecast(targets={"*": {"wait": "12h", "lead_time": lead}})
        assert weeks == len(answer)
        assert answer["may_pass_from"].isna().all()
        (sentence,) = foreseen(answer)
        assert ("nodes ordered now would arrive after that date" in sentence) == (lead == "90d")


@pytest.mark.parametrize("horizon", ["0w", "soon", "1.5w", "40w", "-1w"])
def test_a_horizon_is_whole_weeks(horizon: str, history: History) -> None:
    """Anything else is refused."""
    with pytest.raises(RequestRefused, match="horizon cannot be"):
        history.forecast(horizon=horizon)
    with pytest.raises(RequestRefused, match="take one of 1h, 1d, 1w"):
        history.forecast(every="3h")


def test_pools_of_which_little_is_known(tmp_path: Path) -> None:
    """Without arrivals none are expected. The growth that a pool without a queue can take has a lower bound alone."""
    nobody = Work(*(getattr(markov(1, 1, 0.5, HOUR, 1), name)[:0] for name in ("came", "size", "run", "urgent")))
    empty = counts_of(nobody, np.empty(0), 63, step=3600)
    answer = History(record_of(tmp_path, {("p", "a"): {"train": empty}}, interval=3600)).forecast(target_wait="1h")
    assert (answer["arrivals"] == 0).all()
    assert answer["growth"].isna().all()
    roomy = history_of(tmp_path / "roomy", markov(2, 4, 0.3, HOUR, 35), 32, 35, step=1800)
    row = roomy.forecast(target_wait="1h").iloc[0]
    assert np.isnan(row["growth"])
    assert row["growth_low"] >= 1
    assert "at least up to" in row["note"]


def test_arrivals_lie_inside_the_intervals(tmp_path: Path) -> None:
    """Of twenty weeks the last four are hidden: their hours lie inside the intervals about as often as these say."""
    of = Scenario(servers=32, load=0.6, spread=1.0, mean=HOUR, days=140, rhythm=True)
    work = work_of(of, 3)
    whole = history_of(tmp_path, work, 32, 140, step=1800)
    hours = whole.forecast(every="1h", until="28d")
    came = np.histogram(work.came, np.append((hours["window_start"] - hours["window_start"].iloc[0]).dt.total_seconds()
        + (hours["window_start"].iloc[0].timestamp() - FIRST.timestamp()), np.inf))[0][:-1]  # fmt: skip
    inside = (hours["arrivals_low"].to_numpy()[:-1] <= came) & (came <= hours["arrivals_high"].to_numpy()[:-1])
    assert 0.85 <= inside.mean() <= 0.97
