"""What is concluded of the days of a group: which are left out, and what rare events and long memories leave open."""

from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd
import pytest

from analysis.arrays import Floats
from analysis.calendar import DAY
from analysis.estimate import Estimate
from analysis.notes import NOTHING, note
from analysis.queue.observation import Observation
from analysis.queue.waits import Waits
from analysis.schemas.schema import Columns
from analysis.text.language import rendered
from analysis.trends import comparison, conclusions
from analysis.trends.daily import Daily, measures
from analysis.windows import Windows
from tests.benchmarks import trend_queues

DAYS: Final = 60


def observation() -> Observation:
    """Return two months of days that were observed as a whole."""
    return trend_queues.observation(DAYS)


def sure(values: Floats) -> Estimate:
    return Estimate(values, values.copy(), values.copy())


def days_of(mean: Floats | None = None) -> Daily:
    """Return the estimates of days in which a hundred jobs arrived and ended, ten of which failed."""
    hundred = np.full(DAYS, 100.0)
    quiet = np.random.default_rng(1).gamma(9, 10, DAYS)
    nobody = np.zeros(DAYS, np.int64)
    nothing = np.full(DAYS, NOTHING, object)
    over = sure(quiet / 1000)
    mean_ = sure((quiet if mean is None else mean).copy())
    waits = Waits(sure(hundred), mean_, {}, over, hundred * 0, nobody, note("fifo"), nothing, nothing)
    return Daily(waits, None, Estimate(hundred / 1000, hundred / 1000, hundred / 1000), hundred)


def rows(columns: Columns) -> dict[str, dict[str, Any]]:
    """Return the rows of a conclusion by measure; what is missing is None."""
    records: list[dict[str, Any]] = pd.DataFrame(columns).astype(object).to_dict("records")  # type: ignore[assignment]  # names are texts
    return {row["measure"]: {name: None if pd.isna(value) else value for name, value in row.items()} for row in records}


def periods() -> Windows:
    """Return the second month, and the first to compare it with."""
    return Windows(np.array([30, 0]) * DAY, np.array([60, 30]) * DAY)


def test_what_is_over_a_limit_remembers_as_long_as_the_waits_do() -> None:
    """Waits wander for weeks while the share over the limit seems new each day: of neither is anything said."""
    wandering = 1000 + 100 * np.cumsum(np.random.default_rng(3).standard_normal(DAYS))
    for conclude in (conclusions.trend, conclusions.changes):
        concluded = rows(conclude(observation(), days_of(wandering)))
        assert concluded["over"]["batches"] == concluded["wait"]["batches"] < 10
        assert concluded["over"]["direction"] is None
        assert concluded["arrivals"]["batches"] > 10


def test_what_never_happened_still_may() -> None:
    """No job failed in two months of a hundred a day: the rate lies near zero, and is not known to be it."""
    days = replace(days_of(), rate=sure(np.zeros(DAYS)))
    level = rows(conclusions.trend(observation(), days))["failures"]
    # About three in six thousand, twice that as Jeffreys has it on either side.
    assert (0.0, 0.0) == (level["level"], level["level_low"])
    assert 2e-4 < level["level_high"] < 1e-3
    compared = rows(comparison.compare(observation(), days, periods()))["failures"]
    low, high = compared["difference_low"], compared["difference_high"]
    assert -1e-2 < low < 0 < high < 1e-2


def test_no_level_of_waits_is_below_zero() -> None:
    """Ten days without waits, then weeks with a strong weekly pattern: levels and their ends are zero or more."""
    numbers = np.arange(DAYS)
    busy = np.where(numbers % 7 < 5, 3000.0, 10.0) * np.random.default_rng(4).gamma(9, 1 / 9, DAYS)
    estimates = days_of(np.where(numbers < 10, 0.0, busy))
    compared = Windows(np.array([10, 0]) * DAY, np.array([60, 10]) * DAY)
    change = rows(conclusions.changes(observation(), estimates))["wait"]
    assert 0.0 == pytest.approx(change["before"], abs=1e-6)
    assert busy[10:].mean() == pytest.approx(change["after"])
    # A fall cannot be larger than the level that it begins at.
    falling = rows(conclusions.changes(observation(), days_of(np.where(numbers < 50, busy, 0.0))))["wait"]
    assert 0.0 == pytest.approx(falling["after"], abs=1e-6)
    for row in (
        change,
        falling,
        rows(conclusions.trend(observation(), estimates))["wait"],
        rows(comparison.compare(observation(), estimates, compared))["wait"],
    ):
        levels = [row[name] for name in ("level", "level_low", "before", "after", "value", "value_low") if name in row]
        assert min(level for level in levels if level is not None) >= 0


def test_a_note_tells_that_demand_is_autocorrelated() -> None:
    """It stands beside waits, and not where arrivals of successive days are alike."""
    wandering = sure(100 + np.cumsum(np.random.default_rng(3).standard_normal(DAYS)))
    for arrivals, expected in ((wandering, True), (days_of().waits.arrivals, False)):
        estimates = days_of()
        estimates = replace(estimates, waits=replace(estimates.waits, arrivals=arrivals))
        noted = rows(conclusions.trend(observation(), estimates))
        assert expected == ("arrivals of successive days are correlated" in rendered(noted["wait"]["note"]))
        assert "successive days are correlated" not in rendered(noted["failures"]["note"])


def test_a_difference_takes_more_than_an_interval() -> None:
    """A difference just beyond its 95 % interval is one of four questions, and not enough; one twice as large is."""
    later = np.arange(DAYS) >= 30
    noise = np.random.default_rng(8).standard_normal(DAYS)
    flat = rows(comparison.compare(observation(), days_of(100 + noise), periods()))["wait"]
    half = (flat["difference_high"] - flat["difference_low"]) / 2
    for times, expected in ((1.15, "not shown"), (2.0, "up")):
        stepping = 100 + noise + (times * half - flat["difference"]) * later
        row = rows(comparison.compare(observation(), days_of(stepping), periods()))["wait"]
        assert row["difference_low"] > 0
        assert expected == row["direction"]
        assert (0.05 / 4 < row["chance"] < 0.05) == (expected == "not shown")


def test_a_claim_takes_more_than_an_interval() -> None:
    """A slope just beyond its 95 % interval is one of eight questions, and not enough; one twice as large is."""
    numbers = np.arange(DAYS)
    noise = np.random.default_rng(8).standard_normal(DAYS)
    flat = rows(conclusions.trend(observation(), days_of(100 + noise)))["wait"]
    half = (flat["slope_high"] - flat["slope_low"]) / 2
    for times, expected in ((1.15, "not shown"), (2.0, "up")):
        sloping = 100 + noise + (times * half - flat["slope"]) * numbers
        row = rows(conclusions.trend(observation(), days_of(sloping)))["wait"]
        assert row["slope_low"] > 0
        assert expected == row["direction"]


@pytest.mark.parametrize("left_out", ["unseen", "begins", "ends"])
def test_days_that_are_not_whole_are_left_out(left_out: str) -> None:
    """Days of which little was seen, and those in which the record begins or ends; the note counts the first kind."""
    whole, estimates = observation(), days_of()
    for bound in estimates.waits.mean:
        bound[0] = 1e9
    where = {"unseen": whole.coverage, "begins": whole.begins_in, "ends": whole.ends_in}[left_out]
    where[0] = 0.4 if left_out == "unseen" else True
    by_name = {measure.name: measure for measure in measures(whole, estimates)}
    for measure in by_name.values():
        assert list(range(1, DAYS)) == measure.days.numbers.tolist()
        assert ("coverage below 50%: 1" in rendered(measure.notes)) == (left_out == "unseen")
    assert by_name["wait"].days.values.max() < 1e6


def test_the_last_days_are_left_out_while_their_jobs_may_still_wait() -> None:
    """Five days without an upper bound at the end go; where most are without, they stay, and leave the level open."""
    for open_, days_left in ((5, DAYS - 5), (50, DAYS)):
        estimates = days_of()
        estimates.waits.mean.high[-open_:] = np.nan
        waits = next(measure for measure in measures(observation(), estimates) if measure.name == "wait")
        assert days_left == len(waits.days.values)
        row = rows(conclusions.trend(observation(), estimates))["wait"]
        assert (row["level_high"] is None) == (open_ == 50)
        assert ("left out, their jobs may still wait" in rendered(row["note"])) == (open_ == 5)


def test_a_comparison_tells_how_much_of_both_periods_was_seen() -> None:
    """Of two fortnights three weeks apart all was seen, of the time between nothing."""
    fortnights = observation()
    fortnights.coverage[14:40] = 0.0
    compared = Windows(np.array([40, 0]) * DAY, np.array([54, 14]) * DAY)
    row = rows(comparison.compare(fortnights, days_of(), compared))["wait"]
    assert 1.0 == row["coverage"]
    assert (40 * DAY, 0) == (row["window_start"], row["other_start"])


def test_few_days_are_said_to_be_few() -> None:
    """Nine days do not show how correlated they are: it takes at least five more."""
    few = replace(observation(), begins_in=np.arange(DAYS) >= 9)
    for conclude in (conclusions.trend, conclusions.changes):
        for row in rows(conclude(few, days_of())).values():
            assert row["direction"] is None or row["batches"] >= 10
            if row["direction"] is None:
                assert 5 == row["more_days"]
                assert (
                    "not enough data: needs at least 5 days more (9 days are too few to measure their correlation)"
                    in rendered(row["note"])
                )


def test_a_need_of_more_than_a_year_has_no_number_of_days() -> None:
    """Twenty days that follow a smooth curve are hardly more than one independent day."""
    twenty = replace(observation(), begins_in=np.arange(DAYS) >= 20)
    row = rows(conclusions.trend(twenty, days_of(np.arange(DAYS, dtype=np.float64) ** 3)))["wait"]
    assert row["more_days"] > 365
    assert "not enough data: needs more than a year of further polls" in rendered(row["note"])
