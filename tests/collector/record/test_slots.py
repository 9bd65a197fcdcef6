"""Slots, durations, dates and times."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.record.durations import UNITS, parse_duration, say_duration
from collector.record.slots import naive, parse_instant, slot_of

NOW = datetime(2026, 1, 15, 12, 34, 56, tzinfo=UTC)
DIVISORS = [seconds for seconds in range(1, 86401) if 86400 % seconds == 0]
INSTANTS = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=st.just(UTC))
INTERVALS = st.sampled_from(DIVISORS).map(lambda seconds: timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        (timedelta(minutes=1), datetime(2026, 1, 15, 12, 34, tzinfo=UTC)),
        (timedelta(minutes=5), datetime(2026, 1, 15, 12, 30, tzinfo=UTC)),
        (timedelta(hours=1), datetime(2026, 1, 15, 12, 0, tzinfo=UTC)),
        (timedelta(days=1), datetime(2026, 1, 15, tzinfo=UTC)),
    ],
)
def test_a_slot_is_the_instant_floored(interval: timedelta, expected: datetime) -> None:
    """12:34:56 belongs to 12:34, 12:30, 12:00 or midnight, by the interval."""
    assert expected == slot_of(NOW, interval)


@settings(deadline=None)
@given(INSTANTS, INTERVALS)
def test_an_instant_lies_in_its_slot(instant: datetime, interval: timedelta) -> None:
    """The slot is not after the instant, the next one is; and a slot is its own slot."""
    slot = slot_of(instant, interval)
    assert slot <= instant < slot + interval
    assert slot == slot_of(slot, interval)


@settings(deadline=None)
@given(INSTANTS, INTERVALS)
def test_every_day_has_the_same_slots(instant: datetime, interval: timedelta) -> None:
    """An interval that divides a day has a slot at each midnight, so that a day later is a day's slots later."""
    slot = slot_of(instant, interval)
    midnight = slot.replace(hour=0, minute=0, second=0, microsecond=0)
    assert timedelta(0) == (slot - midnight) % interval
    assert slot + timedelta(days=1) == slot_of(instant + timedelta(days=1), interval)


@settings(deadline=None)
@given(INSTANTS, INTERVALS, st.integers(-14 * 60, 14 * 60))
def test_a_slot_does_not_depend_on_the_zone(instant: datetime, interval: timedelta, offset_minutes: int) -> None:
    """An instant has the same slot, whatever zone it is written in."""
    elsewhere = instant.astimezone(timezone(timedelta(minutes=offset_minutes)))
    assert slot_of(instant, interval) == slot_of(elsewhere, interval)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("5m", 300),
        ("5 min", 300),
        ("1h", 3600),
        ("1.5h", 5400),
        ("0.25s", 0.25),
        ("2H", 7200),
        ("14d", 1209600),
        ("14D", 1209600),
        ("1w", 604800),
        ("1W", 604800),
        (" 2 h ", 7200),
        ("0s", 0),
    ],
)
def test_durations_are_read(text: str, seconds: float) -> None:
    """A number, decimals allowed, and its unit; days, hours and weeks with a capital too."""
    assert timedelta(seconds=seconds) == parse_duration(text)


@pytest.mark.parametrize(
    "text", ["", "5", "m", "-5m", ".5h", "1.h", "1e3s", "5S", "5mo", "1h30m", "\u0665m", "1000000000s", "999999999w"]
)
def test_a_text_that_is_not_a_duration_is_refused_with_an_example(text: str) -> None:
    """Signs, other units, other digits, incomplete numbers and durations longer than the calendar are refused."""
    with pytest.raises(ValueError, match="such as 5m"):
        parse_duration(text)


@pytest.mark.parametrize("read", [parse_duration, lambda text: parse_instant(text, NOW)], ids=["duration", "time"])
def test_a_capital_m_is_refused(read: Callable[[str], object]) -> None:
    """It could be minutes or months: the message says how each is written."""
    with pytest.raises(ValueError, match="m for minutes, mo for months where a window is meant"):
        read("30M")


@pytest.mark.parametrize(("seconds", "text"), [(90.25, "90.25s"), (1e-6, "0.000001s"), (5400, "90m")])
def test_a_duration_is_written_to_the_microsecond(seconds: float, text: str) -> None:
    """As a whole number of the largest unit, else in seconds with decimals; reading it gives the same duration."""
    assert text == say_duration(timedelta(seconds=seconds))
    assert timedelta(seconds=seconds) == parse_duration(text)


@settings(deadline=None)
@given(st.integers(0, 10**9), st.sampled_from(sorted(UNITS)))
def test_a_duration_is_read_as_it_was_written(number: int, unit: str) -> None:
    """Writing and reading a duration of whole seconds gives the same duration."""
    length = timedelta(seconds=min(number * UNITS[unit], 10**9 - 1))
    assert length == parse_duration(say_duration(length))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-14", datetime(2026, 1, 14, tzinfo=UTC)),
        ("2026-01-14T08:00", datetime(2026, 1, 14, 8, tzinfo=UTC)),
        ("2026-01-14T08:00Z", datetime(2026, 1, 14, 8, tzinfo=UTC)),
        ("2026-01-14T08:00+08:00", datetime(2026, 1, 14, 0, tzinfo=UTC)),
        ("7d", datetime(2026, 1, 8, 12, 34, 56, tzinfo=UTC)),
        ("0s", NOW),
    ],
)
def test_a_time_is_a_date_or_an_age(text: str, expected: datetime) -> None:
    """A date without an offset is UTC, one with an offset is moved to UTC, an age counts back from now."""
    assert expected == parse_instant(text, NOW)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-02-30", "999999d", "999999999w", "0001-01-01T00:00+14:00"])
def test_a_text_that_is_not_a_time_is_refused_with_an_example(text: str) -> None:
    """Words, days that are not in the calendar and times before year 1 are refused."""
    with pytest.raises(ValueError, match=r"not a date or time.*2026-01-31"):
        parse_instant(text, NOW)


def test_the_tables_hold_utc_without_a_zone() -> None:
    """14:00 at +08:00 is stored as 06:00."""
    there = timezone(timedelta(hours=8))
    assert datetime(2026, 1, 15, 6) == naive(datetime(2026, 1, 15, 14, tzinfo=there))
