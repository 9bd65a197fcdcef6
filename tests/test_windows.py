"""Windows of time: (start, end], in the clock of a zone."""

import itertools
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from analysis.errors import RequestRefused
from analysis.windows import windows, zone_of


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0, zone: str = "UTC") -> int:
    return int(datetime(year, month, day, hour, minute, tzinfo=ZoneInfo(zone)).timestamp())


def hours(first: int, last: int, every: str, zone: str) -> list[float]:
    return [(end - start) / 3600 for start, end in windows(first, last, every, zone_of(zone))]


def test_weeks_start_on_monday() -> None:
    """A record from a Wednesday to a Tuesday lies in two weeks; 5 January 2026 is a Monday."""
    found = windows(at(2026, 1, 7), at(2026, 1, 13), "1w", ZoneInfo("UTC"))
    assert [(at(2026, 1, 5), at(2026, 1, 12)), (at(2026, 1, 12), at(2026, 1, 19))] == found


def test_a_slot_at_a_windows_start_belongs_to_the_window_before() -> None:
    """A record that ends at midnight has no window that begins there, one that begins there none that ends there."""
    assert [(at(2026, 1, 5), at(2026, 1, 6))] == windows(at(2026, 1, 5), at(2026, 1, 6), "1d", ZoneInfo("UTC"))


@pytest.mark.parametrize(
    ("zone", "day", "length"),
    [("Europe/Berlin", (2026, 3, 29), 23), ("Europe/Berlin", (2026, 10, 25), 25), ("Asia/Shanghai", (2026, 3, 29), 24)],
)
def test_days_are_those_of_the_zone(zone: str, day: tuple[int, int, int], length: int) -> None:
    """The day on which clocks change has 23 or 25 hours, and begins at its own midnight."""
    start = at(*day, zone=zone)
    assert [length] == hours(start, start + length * 3600, "1d", zone)
    assert [(start, start + length * 3600)] == windows(start + 1, start + 3600, "1d", zone_of(zone))


def test_hours_are_whole_on_the_zones_clock() -> None:
    """In Kolkata, half an hour off, an hour begins at half past of UTC."""
    found = windows(at(2026, 1, 5, 0, 10), at(2026, 1, 5, 0, 40), "1h", ZoneInfo("Asia/Kolkata"))
    assert [(at(2026, 1, 4, 23, 30), at(2026, 1, 5, 0, 30)), (at(2026, 1, 5, 0, 30), at(2026, 1, 5, 1, 30))] == found


def test_months_and_the_whole() -> None:
    """February has 28 days; the whole is what was asked for, to the second."""
    assert [31 * 24, 28 * 24] == hours(at(2026, 1, 31), at(2026, 2, 1) + 1, "1mo", "UTC")
    assert [(7, 11)] == windows(7, 11, "all", ZoneInfo("UTC"))
    assert [] == windows(7, 7, "all", ZoneInfo("UTC"))


def test_windows_adjoin_and_hold_the_record() -> None:
    """Each begins where the one before ends, the first holds the record's start and the last its end."""
    first, last = at(2026, 3, 20, 5), at(2026, 11, 2, 7)
    for every in ("1h", "1d", "1w", "1mo"):
        found = windows(first, last, every, ZoneInfo("America/New_York"))
        assert all(one[1] == other[0] for one, other in itertools.pairwise(found))
        assert found[0][0] <= first < found[0][1]
        assert found[-1][0] < last <= found[-1][1]


def test_an_unknown_zone_is_named() -> None:
    """With an example of a known one."""
    with pytest.raises(RequestRefused, match="Asia/Shanghai"):
        zone_of("Mars/Olympus")
