"""Forecasts: chosen on earlier weeks, judged on later ones, against last week over again and against what came."""

from pathlib import Path

import numpy as np
import pytest

from analysis import History
from analysis.capacity.forecasters import judge, weeks_needed
from analysis.errors import RequestRefused
from analysis.text.answer import foreseen
from tests.planned import FIRST, counts_of, history_of, markov
from tests.recorded import record_of
from tests.simulated import DAY, HOUR, Scenario, Work, work_of
from tests.years import year


def test_it_is_better_than_last_week_and_its_intervals_hold() -> None:
    """Of simulated years of four kinds: error at most 1.02 of the bar's, nine in ten hours inside, on later folds.

    All forty are in tests/benchmarks/forecasts.py.
    """
    judged = [judge(weeks, np.ones_like(weeks, bool), 4) for weeks in map(year, range(3))]
    assert all(each is not None and each.folds >= 9 for each in judged)
    ratios = [each.error / each.error_naive for each in judged if each is not None]
    assert max(ratios) <= 1.02
    assert 0.85 <= np.mean([each.covered for each in judged if each is not None]) <= 0.95


def test_what_judges_did_not_choose() -> None:
    """A pool whose second half is unlike its first: later weeks change what is reported, never what was chosen."""
    weeks = year(3)[:30]
    changed = weeks.copy()
    changed[(2 + len(weeks)) // 2 :] = np.random.default_rng(1).poisson(40, changed[(2 + len(weeks)) // 2 :].shape)
    seen = np.ones_like(weeks, bool)
    before, after = judge(weeks, seen, 4), judge(changed, seen, 4)
    assert before is not None
    assert after is not None
    assert before.name == after.name
    assert before.error != after.error


def test_hours_that_were_not_seen_are_not_judged() -> None:
    """Wherever a gap is filled with nonsense, the errors are those of what was seen."""
    weeks = year(5)[:20]
    seen = np.ones_like(weeks, bool)
    # The last week teaches no forecast, it only judges.
    seen[-1, 20:] = False
    nonsense = weeks.copy()
    nonsense[-1, 20:] = 1000.0
    judged, without = judge(nonsense, seen, 2), judge(weeks, seen, 2)
    assert judged is not None
    assert without is not None
    assert (without.error, without.covered) == (judged.error, judged.covered)
    np.testing.assert_array_equal(without.hourly, judged.hourly)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """Record fourteen weeks of a pool with a rhythm, and half an hour of polls of which one was lost."""
    work = work_of(Scenario(servers=8, load=0.8, spread=1.5, mean=2 * HOUR, days=98, rhythm=True), 1)
    return history_of(tmp_path_factory.mktemp("weeks"), work, 8, 98, nodes=[(FIRST, 8)], step=1800)


def test_the_next_weeks(history: History) -> None:
    """Four weeks by week and by hour: their sums agree, intervals hold what is expected, load follows from arrivals."""
    weeks, hours = history.forecast(), history.forecast(every="1h")
    assert 4 == len(weeks)
    assert 4 * 168 == len(hours)
    assert weeks["window_start"].iloc[0] == hours["window_start"].iloc[0]
    sums = hours.groupby("weeks_ahead")["arrivals"].sum()
    assert sums.tolist() == pytest.approx(weeks["arrivals"].tolist())
    usual = history.flows(every="1w", by="pool")["arrivals"].iloc[1:-1].mean()
    assert (weeks["arrivals_low"] < usual).all()
    assert (weeks["arrivals_high"] > usual).all()
    run = history.load().iloc[0]["run_seconds"]
    assert weeks["load"].iloc[0] == pytest.approx(weeks["arrivals"].iloc[0] * run / (7 * DAY), rel=0.1)
    assert (weeks["error"] < weeks["error_naive"]).all()
    assert weeks["covered"].between(0.8, 1).all()
    # It comes by day and on weekdays.
    local = hours.assign(day=hours["window_start"].dt.hour, weekday=hours["window_start"].dt.day_of_week)
    assert local.loc[local["day"] == 15, "arrivals"].mean() > 3 * local.loc[local["day"] == 3, "arrivals"].mean()
    assert local.loc[local["weekday"] < 5, "arrivals"].mean() > 1.5 * local.loc[local["weekday"] > 4, "arrivals"].mean()


def test_what_growth_a_pool_takes(history: History) -> None:
    """With that much demand a plan reaches the target, with a little more it does not; the chance follows from it."""
    told = history.forecast(target_wait="1h")
    growth = told["growth"].iloc[0]
    recent = "56d"
    reached = history.plan(add=0, demand=growth, since=recent).iloc[0]["mean_seconds"]
    passed = history.plan(add=0, demand=growth * 1.06, since=recent).iloc[0]["mean_seconds"]
    assert reached <= 3600 * 1.05
    assert passed > 3600 * 0.95
    assert told["growth_low"].iloc[0] <= growth <= told["growth_high"].iloc[0]
    assert told["pass_probability"].between(0, 1).all()
    roomy, tight = (history.forecast(target_wait=wait)["pass_probability"].iloc[0] for wait in ("12h", "1h"))
    assert roomy < 0.1
    assert tight > 0.9
    assert history.forecast()["pass_probability"].isna().all()


def test_as_many_weeks_as_the_record_allows(history: History) -> None:
    """Four, two or one by default; more than it allows is refused with what it takes; a week of data has none."""
    assert 10 == weeks_needed(4)
    for since, weeks in (("98d", 4), ("50d", 2), ("29d", 1)):
        assert weeks == len(history.forecast(since=since))
    short = history.forecast(since="50d", horizon="4w")
    assert 1 == len(short)
    assert short["arrivals"].isna().all()
    assert "a forecast so far ahead takes 10" in short["note"].iloc[0]
    week = history.forecast(since="7d", target_wait="10m")
    assert "whole weeks: a forecast so far ahead takes 4" in week["note"].iloc[0]
    assert week["growth"].notna().all()


def test_a_forecast_looks_further_than_an_order_takes(history: History) -> None:
    """A week of lead time: five weeks; one that the record does not reach beyond: as many as without it, and said."""
    for lead, weeks in (("7d", 5), ("90d", 4)):
        told = history.forecast(targets={"*": {"wait": "12h", "lead_time": lead}})
        assert weeks == len(told)
        assert told["may_pass_from"].isna().all()
        (sentence,) = foreseen(told)
        assert ("an order takes longer" in sentence) == (lead == "90d")


@pytest.mark.parametrize("horizon", ["0w", "soon", "1.5w", "40w", "-1w"])
def test_a_horizon_is_whole_weeks(horizon: str, history: History) -> None:
    """Anything else is refused."""
    with pytest.raises(RequestRefused, match="horizon cannot be"):
        history.forecast(horizon=horizon)
    with pytest.raises(RequestRefused, match="a forecast is by 1h or 1w"):
        history.forecast(every="1d")


def test_pools_of_which_little_is_known(tmp_path: Path) -> None:
    """Nobody ever came: what is expected is nobody. A pool that never queued takes at least so much growth."""
    nobody = Work(*(getattr(markov(1, 1, 0.5, HOUR, 1), name)[:0] for name in ("came", "size", "run", "urgent")))
    empty = counts_of(nobody, np.empty(0), 63, step=3600)
    told = History(record_of(tmp_path, {("p", "a"): {"train": empty}}, interval=3600)).forecast(target_wait="1h")
    assert (told["arrivals"] == 0).all()
    assert told["growth"].isna().all()
    roomy = history_of(tmp_path / "roomy", markov(2, 4, 0.3, HOUR, 35), 32, 35, step=1800)
    row = roomy.forecast(target_wait="1h").iloc[0]
    assert np.isnan(row["growth"])
    assert row["growth_low"] >= 1
    assert "at least up to" in row["note"]


def test_what_comes_lies_in_the_intervals(tmp_path: Path) -> None:
    """Twenty weeks are recorded, the last four of them hidden: the hours and weeks that came are mostly inside."""
    of = Scenario(servers=32, load=0.6, spread=1.0, mean=HOUR, days=140, rhythm=True)
    work = work_of(of, 3)
    whole = history_of(tmp_path, work, 32, 140, step=1800)
    hours = whole.forecast(every="1h", until="28d")
    came = np.histogram(work.came, np.append((hours["window_start"] - hours["window_start"].iloc[0]).dt.total_seconds()
        + (hours["window_start"].iloc[0].timestamp() - FIRST.timestamp()), np.inf))[0][:-1]  # fmt: skip
    inside = (hours["arrivals_low"].to_numpy()[:-1] <= came) & (came <= hours["arrivals_high"].to_numpy()[:-1])
    assert 0.85 <= inside.mean() <= 0.97
