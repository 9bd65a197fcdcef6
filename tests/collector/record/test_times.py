"""What is read as a time or a duration: ISO 8601 and numbers with units, never a text whose meaning must be guessed."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from analysis.errors import RequestRefused
from analysis.query.request import Request

LAST = datetime(2026, 3, 1)
SHANGHAI = "Asia/Shanghai"


@pytest.mark.parametrize(
    ("value", "zone", "since"),
    [
        ("2026-02-01", "UTC", datetime(2026, 2, 1)),
        ("2026-02-01", SHANGHAI, datetime(2026, 1, 31, 16)),
        ("2026-02-01T08:00", SHANGHAI, datetime(2026, 2, 1)),
        ("2026-02-01T08:00+08:00", "UTC", datetime(2026, 2, 1)),
        ("2026-02-01T00:00:00Z", SHANGHAI, datetime(2026, 2, 1)),
        ("2026-02", "UTC", datetime(2026, 2, 1)),
        ("2026-02", SHANGHAI, datetime(2026, 1, 31, 16)),
        ("30d", SHANGHAI, datetime(2026, 1, 30)),
        ("1mo", "UTC", datetime(2026, 2, 1)),
        # The first of March in UTC is the last of February in New York.
        ("3mo", "America/New_York", datetime(2025, 11, 29)),
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
def test_a_time_is_read_in_the_requested_zone(value: Any, zone: Any, since: datetime) -> None:  # noqa: ANN401 - a user may give anything
    """Texts in ISO 8601; dates and times of Python, pandas and NumPy; durations and months before the last slot."""
    assert since == Request(since=value, zone=zone).selection(LAST).since


@pytest.mark.parametrize(
    "value",
    ["03.11.2026", "05/11/2026", "Nov 5", "now", "today", "", "2026-13-01", "5", 1788652800, 1788652800.0, True,
     pd.NaT, float("nan"), np.datetime64("NaT")],
)  # fmt: skip
def test_an_ambiguous_time_is_refused(value: Any) -> None:  # noqa: ANN401 - a user may give anything
    """Other date formats, words such as now, and bare numbers are refused; the message gives an example."""
    with pytest.raises(RequestRefused, match="2026-01-31"):
        Request(since=value).selection(LAST)


@pytest.mark.parametrize("value", [900, 900.0, np.int64(900), True, "900", "15", "0m"])
def test_a_limit_needs_a_unit(value: Any) -> None:  # noqa: ANN401 - a user may give anything
    """A bare number could be seconds, minutes or nanoseconds."""
    with pytest.raises(RequestRefused):
        Request(slo=value)


@pytest.mark.parametrize("value", ["15m", "15min", "0.25h", "900s", timedelta(minutes=15), pd.Timedelta(minutes=15)])
def test_a_limit_is_a_duration(value: Any) -> None:  # noqa: ANN401 - a user may give anything
    """In any unit, as a text or as an object of Python or pandas."""
    assert 900 == Request(slo=value).limit


def test_the_times_of_another_period_are_read_alike() -> None:
    """`against` reads START..END as `since` and `until` are read."""
    request = Request(since="2026-02-01", until="2026-02-08", zone=SHANGHAI)
    periods, _ = request.periods("2026-01-25..2026-02-01", LAST)
    assert periods.ends[1] == periods.starts[0]
    with pytest.raises(RequestRefused, match="2026-01-31"):
        request.periods("25.01.2026..01.02.2026", LAST)


def test_a_pattern_is_a_text() -> None:
    """A number is not accepted as the name of a pool."""
    with pytest.raises(RequestRefused, match="pattern"):
        Request(pool=5).selection(LAST)  # type: ignore[arg-type]  # a user may give anything
