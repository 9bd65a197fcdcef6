"""Windows on the clock of a zone: hours, days, weeks and months, (start, end]."""

import itertools
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from analysis.calendar import first_instant, windows_between, zone_of
from analysis.errors import RequestRefused


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0, zone: str = "UTC") -> int:
    return int(datetime(year, month, day, hour, minute, tzinfo=ZoneInfo(zone)).timestamp())


def windows(first: int, last: int, every: str, zone: ZoneInfo) -> list[tuple[int, int]]:
    return list(windows_between(first, last, every, zone))


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


@pytest.mark.parametrize(
    ("zone", "day", "starts"),
    [
        ("Africa/Cairo", (2026, 4, 24), "2026-04-24T01:00"),
        ("America/Santiago", (2026, 9, 6), "2026-09-06T01:00"),
        ("Asia/Beirut", (2026, 3, 29), "2026-03-29T01:00"),
        ("America/Havana", (2026, 3, 8), "2026-03-08T01:00"),
        ("America/Havana", (2026, 11, 1), "2026-11-01T00:00"),
    ],
)
def test_a_day_without_a_midnight_begins_at_its_first_instant(
    zone: str, day: tuple[int, int, int], starts: str
) -> None:
    """Where clocks are put forward at midnight the day begins at one, and adjoins the days beside it."""
    tz = ZoneInfo(zone)
    start = first_instant(date(*day), tz)
    local = datetime.fromtimestamp(start, tz)
    assert starts == f"{local:%Y-%m-%dT%H:%M}"
    assert date(*day) == local.date() != datetime.fromtimestamp(start - 1, tz).date()
    before, of_day, after = windows(start - 3600, start + 30 * 3600, "1d", tz)
    assert start == before[1] == of_day[0]
    assert of_day[1] == after[0]


def test_a_day_that_a_zone_left_out_is_no_window() -> None:
    """Apia had no 30 December 2011: the 29th adjoins the 31st, and no window is empty."""
    apia = ZoneInfo("Pacific/Apia")
    days = windows(at(2011, 12, 28, 12, zone="Pacific/Apia"), at(2012, 1, 1, 12, zone="Pacific/Apia"), "1d", apia)
    assert [28, 29, 31, 1] == [datetime.fromtimestamp(start, apia).day for start, _ in days]
    assert [24 * 3600] * 4 == [end - start for start, end in days]


@pytest.mark.parametrize("change", [(2026, 4, 5), (2026, 10, 4)])
def test_after_a_change_of_half_an_hour_hours_begin_on_the_hour(change: tuple[int, int, int]) -> None:
    """On Lord Howe Island clocks change by half an hour: one hour is half an hour longer, and all begin on the hour."""
    howe = ZoneInfo("Australia/Lord_Howe")
    start = at(*change, zone="Australia/Lord_Howe")
    for every, usual in (("1h", 60), ("3h", 180), ("6h", 360)):
        found = windows(start - 6 * 3600, start + 30 * 3600, every, howe)
        assert all(one[1] == other[0] for one, other in itertools.pairwise(found))
        local = [datetime.fromtimestamp(begin, howe) for begin, _ in found]
        assert {(0, 0)} == {(instant.minute, instant.hour % (usual // 60)) for instant in local}
        odd = [(end - begin) // 60 for begin, end in found if (end - begin) // 60 != usual]
        assert 1 == len(odd), odd
        assert 30 == abs(odd[0] - usual) % 60
