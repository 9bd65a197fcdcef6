"""What is taken for an instant, a duration or a zone: ISO 8601 and units, and nothing that would have to be guessed."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from analysis.errors import RequestRefused
from analysis.query.request import Request, request_of

LAST = datetime(2026, 3, 1)
SHANGHAI = "Asia/Shanghai"


@pytest.mark.parametrize(
    ("given", "zone", "since"),
    [
        ("2026-02-01", "UTC", datetime(2026, 2, 1)),
        ("2026-02-01", SHANGHAI, datetime(2026, 1, 31, 16)),
        ("2026-02-01T08:00", SHANGHAI, datetime(2026, 2, 1)),
        ("2026-02-01T08:00+08:00", "UTC", datetime(2026, 2, 1)),
        ("2026-02-01T00:00:00Z", SHANGHAI, datetime(2026, 2, 1)),
        ("30d", SHANGHAI, datetime(2026, 1, 30)),
        (timedelta(days=30), SHANGHAI, datetime(2026, 1, 30)),
        (date(2026, 2, 1), SHANGHAI, datetime(2026, 1, 31, 16)),
        (datetime(2026, 2, 1, 8), SHANGHAI, datetime(2026, 2, 1)),
        (datetime(2026, 2, 1, tzinfo=UTC), SHANGHAI, datetime(2026, 2, 1)),
        (pd.Timestamp("2026-02-01T08:00", tz=SHANGHAI), "UTC", datetime(2026, 2, 1)),
        (np.datetime64("2026-02-01T08:00"), ZoneInfo(SHANGHAI), datetime(2026, 2, 1)),
        # Midnight is skipped: the day begins at one o'clock.
        ("2026-04-24", "Africa/Cairo", datetime(2026, 4, 23, 22)),
        (date(2026, 9, 6), "America/Santiago", datetime(2026, 9, 6, 4)),
    ],
)
def test_an_instant_is_taken_in_the_zone_that_is_asked_for(given: Any, zone: Any, since: datetime) -> None:  # noqa: ANN401 - as a user may give it
    """Texts in ISO 8601, dates and times of Python, pandas and NumPy, and durations back from the last slot."""
    assert since == Request(since=given, zone=zone).selection(LAST).since


@pytest.mark.parametrize(
    "given",
    ["03.11.2026", "05/11/2026", "Nov 5", "now", "today", "", "2026-13-01", "5", 1788652800, 1788652800.0, True,
     pd.NaT, float("nan"), np.datetime64("NaT")],
)  # fmt: skip
def test_what_would_have_to_be_guessed_is_no_instant(given: Any) -> None:  # noqa: ANN401 - as a user may give it
    """Other spellings of dates, words that read a clock, and bare numbers are refused, with what to write instead."""
    with pytest.raises(RequestRefused, match="2026-01-31"):
        Request(since=given).selection(LAST)


@pytest.mark.parametrize("given", [900, 900.0, np.int64(900), True, "900", "15", "0m"])
def test_a_limit_needs_a_unit(given: Any) -> None:  # noqa: ANN401 - as a user may give it
    """A bare number could be seconds, minutes or nanoseconds."""
    with pytest.raises(RequestRefused):
        Request(slo=given)


@pytest.mark.parametrize("given", ["15m", "15min", "0.25h", "900s", timedelta(minutes=15), pd.Timedelta(minutes=15)])
def test_a_limit_is_a_duration(given: Any) -> None:  # noqa: ANN401 - as a user may give it
    """However it is spelled."""
    assert 900 == Request(slo=given).limit


def test_another_period_has_the_same_instants() -> None:
    """`against` reads START..END as `since` and `until` are read."""
    request = Request(since="2026-02-01", until="2026-02-08", zone=SHANGHAI)
    periods, _ = request.periods("2026-01-25..2026-02-01", LAST)
    assert periods[1][1] == periods[0][0]
    with pytest.raises(RequestRefused, match="2026-01-31"):
        request.periods("25.01.2026..01.02.2026", LAST)


@pytest.mark.parametrize(
    ("given", "nearest"), [("evry", "every"), ("sloo", "slo"), ("Pool", "pool"), ("untill", "until")]
)
def test_a_misspelt_keyword_names_the_nearest(given: str, nearest: str) -> None:
    """So that nobody looks it up."""
    with pytest.raises(RequestRefused, match=f"did you mean {nearest}"):
        request_of({given: "1d"})


def test_a_pattern_is_a_text() -> None:
    """A number is no name of a pool."""
    with pytest.raises(RequestRefused, match="pattern"):
        Request(pool=5).selection(LAST)  # type: ignore[arg-type]  # what a user may give
