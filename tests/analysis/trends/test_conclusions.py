"""What is concluded of the days of a group: which are left out, and what rare events and long memories leave open."""

from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd
import pytest

from analysis.arrays import Floats, Ints
from analysis.trends import conclusions
from analysis.trends.daily import measures
from analysis.windows import Columns, Windows

DAYS: Final = 60
DAY: Final = 86_400


def windows(**said: Floats) -> Windows:
    """Return two months of days in which a hundred jobs came and ended, wholly seen."""
    starts = np.arange(DAYS) * DAY
    hundred = np.full(DAYS, 100.0)
    quiet = np.random.default_rng(1).gamma(9, 10, DAYS)
    columns: Columns = {"arrivals": hundred, "arrivals_low": hundred, "arrivals_high": hundred, "history": "kept"}
    for name, values in ({"mean": quiet, "over_slo": quiet / 1000} | said).items():
        seconds = "_seconds" if name == "mean" else ""
        columns |= {f"{name}{bound}{seconds}": values.copy() for bound in ("", "_low", "_high")}
    columns |= {"failed": hundred / 10, "finished": hundred, "rate_low": hundred / 1000, "rate_high": hundred / 1000}
    no = np.zeros(DAYS, np.bool_)
    return Windows(
        np.column_stack([starts, starts + DAY]),
        columns,
        np.ones(DAYS),
        no,
        no.copy(),
        DAYS * DAY,
        no.copy(),
        np.inf,
        True,
        "",
    )


def rows(columns: Columns) -> dict[str, dict[str, Any]]:
    """Return the rows of a conclusion by measure; what is missing is None."""
    found: list[dict[str, Any]] = pd.DataFrame(columns).astype(object).to_dict("records")  # type: ignore[assignment]  # names are texts
    return {row["measure"]: {name: None if pd.isna(value) else value for name, value in row.items()} for row in found}


def put(found: Windows, name: str, where: slice, value: float) -> None:
    """Change some days of what was estimated."""
    values = found.said[name]
    assert isinstance(values, np.ndarray)
    values[where] = value


def periods() -> Ints:
    """Return the second month, and the first to compare it with."""
    return np.array([[30, 60], [0, 30]]) * DAY


def test_what_is_over_a_limit_remembers_as_long_as_the_waits_do() -> None:
    """Waits wander for weeks while the share over the limit seems new each day: of neither is anything said."""
    wandering = 1000 + 100 * np.cumsum(np.random.default_rng(3).standard_normal(DAYS))
    found = windows(mean=wandering)
    for conclude in (conclusions.trend, conclusions.changes):
        said = rows(conclude(found))
        assert said["over"]["batches"] == said["wait"]["batches"] < 10
        assert said["over"]["direction"] is None
        assert said["arrivals"]["batches"] > 10


def test_what_never_happened_still_may() -> None:
    """No job failed in two months of a hundred a day: the rate lies near zero, and is not known to be it."""
    found = windows()
    found.said.update(dict.fromkeys(("failed", "rate_low", "rate_high"), np.zeros(DAYS)))
    level = rows(conclusions.trend(found))["failures"]
    # About three in six thousand, twice that as Jeffreys has it on either side.
    assert (0.0, 0.0) == (level["level"], level["level_low"])
    assert 2e-4 < level["level_high"] < 1e-3
    low, high = (
        rows(conclusions.compare(found, periods()))["failures"][f"difference_{end}"] for end in ("low", "high")
    )
    assert -1e-2 < low < 0 < high < 1e-2


def test_a_claim_takes_more_than_an_interval() -> None:
    """A slope just beyond its 95 % interval is one of eight questions, and not enough; one twice as large is."""
    numbers = np.arange(DAYS)
    noise = np.random.default_rng(8).standard_normal(DAYS)
    flat = rows(conclusions.trend(windows(mean=100 + noise)))["wait"]
    half = (flat["slope_high"] - flat["slope_low"]) / 2
    for times, expected in ((1.15, "not shown"), (2.0, "up")):
        sloping = 100 + noise + (times * half - flat["slope"]) * numbers
        row = rows(conclusions.trend(windows(mean=sloping)))["wait"]
        assert row["slope_low"] > 0
        assert expected == row["direction"]


@pytest.mark.parametrize("left_out", ["unseen", "begins", "ends"])
def test_days_that_are_not_whole_are_left_out(left_out: str) -> None:
    """Days of which little was seen, and those in which the record begins or ends; the note counts the first kind."""
    found = windows()
    for name in ("mean_seconds", "mean_low_seconds", "mean_high_seconds"):
        put(found, name, slice(1), 1e9)
    if left_out == "unseen":
        found.coverage[0] = 0.4
    else:
        (found.begins_in if left_out == "begins" else found.ends_in)[0] = True
    of = {name: (days, note) for name, days, note in measures(found)}
    for days, note in of.values():
        assert list(range(1, DAYS)) == days.numbers.tolist()
        assert ("less than half of them was seen: 1" in note) == (left_out == "unseen")
    assert of["wait"][0].values.max() < 1e6


def test_the_last_days_are_left_out_while_their_jobs_may_still_wait() -> None:
    """Five days without an upper bound at the end go; where most are without, they stay, and leave the level open."""
    for open_, days_left in ((5, DAYS - 5), (50, DAYS)):
        found = windows()
        put(found, "mean_high_seconds", slice(-open_, None), np.nan)
        days = next(days for name, days, _ in measures(found) if name == "wait")
        assert days_left == len(days.values)
        row = rows(conclusions.trend(found))["wait"]
        assert (row["level_high"] is None) == (open_ == 50)
        assert ("left out since their jobs may still wait" in row["note"]) == (open_ == 5)


def test_a_comparison_tells_how_much_of_both_periods_was_seen() -> None:
    """Of two fortnights three weeks apart all was seen, of the time between nothing."""
    found = windows()
    found.coverage[14:40] = 0.0
    said = rows(conclusions.compare(found, np.array([[40, 54], [0, 14]]) * DAY))["wait"]
    assert 1.0 == said["coverage"]
    assert (40 * DAY, 0) == (said["window_start"], said["other_start"])


def test_few_days_are_said_to_be_few() -> None:
    """Of nine days nobody knows how alike they are: at least five more."""
    few = windows()
    few = replace(few, begins_in=np.arange(DAYS) >= 9)
    for conclude in (conclusions.trend, conclusions.changes):
        for row in rows(conclude(few)).values():
            assert row["direction"] is None or row["batches"] >= 10
            if row["direction"] is None:
                assert 5 == row["more_days"]
                assert "9 days are too few to say how alike they are: at least 5 more" in row["note"]
