"""The arrivals of a record by days and hours of a zone's clock: daily patterns follow it, also where clocks change."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from analysis.arrays import Bools, Floats, Ints
from analysis.calendar import DAY, DAY_HOURS, HOUR, WEEK_DAYS, first_instant, windows_between
from analysis.queue.floor import enough
from analysis.windows import Windows

EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True)
class Days:
    """Whole days of a record, on the clock of a zone."""

    hours: Floats
    """Days x 24: arrivals in each hour of the clock; NaN where it was not observed, or the clock has no such hour."""
    first: date
    zone: ZoneInfo

    def __len__(self) -> int:
        """Return the number of days."""
        return len(self.hours)

    def day(self, number: int) -> date:
        """Return the date `number` days after the first day."""
        return self.first + timedelta(days=number)

    def weekday(self, number: int) -> int:
        """Return the day of the week, 0 to 6 from Monday, `number` days after the first day."""
        return self.day(number).weekday()

    def weekdays(self, start: int, number: int) -> Ints:
        """Return the days of the week, 0 to 6 from Monday, of `number` days from day `start` on."""
        weekdays: Ints = (self.weekday(start) + np.arange(number)) % WEEK_DAYS
        return weekdays

    def start(self, number: int) -> int:
        """Return the start of a day in the zone, in seconds since 1970; the first day has number 0."""
        return first_instant(self.day(number), self.zone)

    def sums(self) -> Floats:
        """Return the arrivals of each day.

        An hour that was not observed counts as the mean of this hour on this day of the week; a day of which less than
        half was observed is NaN.
        """
        weekdays = self.weekdays(0, len(self))
        known = ~np.isnan(self.hours)
        usual, overall = np.zeros((WEEK_DAYS, DAY_HOURS)), float(np.nansum(self.hours)) / max(int(known.sum()), 1)
        for weekday in range(WEEK_DAYS):
            times = known[weekdays == weekday].sum(axis=0)
            # An hour that was never observed on such a day counts as the mean of all hours, not as zero.
            mean = np.nansum(self.hours[weekdays == weekday], axis=0) / np.maximum(times, 1)
            usual[weekday] = np.where(times > 0, mean, overall)
        sums: Floats = np.where(known, self.hours, usual[weekdays]).sum(axis=1)
        return np.where(enough(known.mean(axis=1)), sums, np.nan)

    def periods(self, every: str, ahead: int) -> tuple[Windows, Ints]:
        """Return the windows of the weeks after the last day, and for each the index of its forecast.

        Parameters
        ----------
        every
            ``1h``, ``1d`` or ``1w``: the length of a window.
        ahead
            The number of weeks.

        Returns
        -------
        tuple
            The windows; and the index of each among all periods of the weeks ahead. An hour that the clock repeats has
            the index of its first occurrence; an hour that the clock skips has an index and no window.
        """
        n = len(self)
        if every == "1w":
            starts = np.array([self.start(n + WEEK_DAYS * week) for week in range(ahead + 1)])
            return Windows(starts[:-1], starts[1:]), np.arange(ahead)
        windows = windows_between(self.start(n), self.start(n + WEEK_DAYS * ahead), every, self.zone)
        days, hours = _clock(windows.starts, self.zone)
        days = days - (self.day(n) - EPOCH).days
        return windows, days * DAY_HOURS + hours if every == "1h" else days


def days_of(windows: Windows, arrivals: Floats, known: Bools, zone: ZoneInfo) -> Days | None:
    """Return the whole days of a record; None where it has no whole day.

    Parameters
    ----------
    windows
        The hours of the record, one after the other.
    arrivals, known
        For each hour its arrivals, and whether it was observed.
    """
    days, hours = _clock(windows.starts, zone)
    begins, ends = (EPOCH + timedelta(days=int(day)) for day in (days[0], days[-1] + 1))
    first = int(days[0]) + int(first_instant(begins, zone) != windows.starts[0])
    last = int(days[-1]) - int(first_instant(ends, zone) != windows.ends[-1])
    if last < first:
        return None
    inside = (days >= first) & (days <= last)
    places, size = ((days - first) * DAY_HOURS + hours)[inside], (last - first + 1) * DAY_HOURS
    # An hour that the clock repeats counts as one hour, with the mean of both.
    times = np.bincount(places, minlength=size)
    unknown = np.bincount(places, ~known[inside], minlength=size) > 0
    sums = np.bincount(places, np.where(known, arrivals, 0.0)[inside], minlength=size)
    mean = np.where((times > 0) & ~unknown, sums / np.maximum(times, 1), np.nan)
    return Days(mean.reshape(-1, DAY_HOURS), EPOCH + timedelta(days=first), zone)


def _clock(instants: Ints, zone: ZoneInfo) -> tuple[Ints, Ints]:
    """Return the day, counted from 1970-01-01, and the hour that a zone's clock shows at each instant."""
    local = pd.to_datetime(instants, unit="s", utc=True).tz_convert(zone).tz_localize(None)
    seconds = local.to_numpy().astype("datetime64[s]").astype(np.int64)
    return seconds // DAY, seconds // HOUR % DAY_HOURS
