"""The jobs of a record by days and hours of the zone's clock: what is periodic goes by it, also where clocks change."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from analysis.arrays import Bools, Floats, Ints
from analysis.windows import first_instant, windows

HOURS: Final = 24
WEEK_DAYS: Final = 7
HALF: Final = 0.5
"""Of a day or a week, of which at least so much has to be known."""
EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True)
class Days:
    """Whole days of a record, on the clock of a zone."""

    hours: Floats
    """A row a day, a column an hour of its clock: jobs; NaN where it was not seen, or the clock has no such hour."""
    first: date
    zone: ZoneInfo

    def __len__(self) -> int:
        """Return the number of days."""
        return len(self.hours)

    def day(self, number: int) -> date:
        """Return the day that comes so many days after the first one."""
        return self.first + timedelta(days=number)

    def weekday(self, number: int) -> int:
        """Return which day of the week that is, from Monday on."""
        return self.day(number).weekday()

    def start(self, number: int) -> int:
        """Return when it begins, in seconds since 1970."""
        return first_instant(self.day(number), self.zone)

    def sums(self) -> Floats:
        """Return the jobs of each day; unseen hours count as usual, a day of which less than half was seen is NaN."""
        weekdays = (self.weekday(0) + np.arange(len(self))) % WEEK_DAYS
        known = ~np.isnan(self.hours)
        usual, overall = np.zeros((WEEK_DAYS, HOURS)), float(np.nansum(self.hours)) / max(int(known.sum()), 1)
        for weekday in range(WEEK_DAYS):
            times = known[weekdays == weekday].sum(axis=0)
            # An hour that was never seen on such a day is like all that were seen, and not without jobs.
            mean = np.nansum(self.hours[weekdays == weekday], axis=0) / np.maximum(times, 1)
            usual[weekday] = np.where(times > 0, mean, overall)
        sums: Floats = np.where(known, self.hours, usual[weekdays]).sum(axis=1)
        return np.where(known.mean(axis=1) >= HALF, sums, np.nan)

    def periods(self, every: str, ahead: int) -> tuple[Ints, Ints]:
        """Return the windows of the weeks that follow, and which of a week's forecasts each has.

        Parameters
        ----------
        every
            ``1h``, ``1d`` or ``1w``.
        ahead
            Weeks.

        Returns
        -------
        tuple
            Start and end of each, in seconds; and its number among all periods of the weeks ahead. The hour that a
            clock repeats has the number of the first one, that of an hour that it leaves out is no window's.
        """
        n = len(self)
        if every == "1w":
            starts = np.array([self.start(n + WEEK_DAYS * week) for week in range(ahead + 1)])
            return np.column_stack([starts[:-1], starts[1:]]), np.arange(ahead)
        cut = np.array(windows(self.start(n), self.start(n + WEEK_DAYS * ahead), every, self.zone))
        days, hours = _clock(cut[:, 0], self.zone)
        days = days - (self.day(n) - EPOCH).days
        return cut, days * HOURS + hours if every == "1h" else days


def days_of(cut: Ints, jobs: Floats, known: Bools, zone: ZoneInfo) -> Days | None:
    """Return the whole days of a record.

    Parameters
    ----------
    cut
        The hours that it holds: start and end of each, in seconds, one after the other.
    jobs, known
        Of each hour: what was submitted, and whether it was seen.

    Returns
    -------
    Days
        None where there is no whole day.
    """
    days, hours = _clock(cut[:, 0], zone)
    begins, ends = (EPOCH + timedelta(days=int(day)) for day in (days[0], days[-1] + 1))
    first = int(days[0]) + int(first_instant(begins, zone) != cut[0, 0])
    last = int(days[-1]) - int(first_instant(ends, zone) != cut[-1, 1])
    if last < first:
        return None
    inside = (days >= first) & (days <= last)
    places, size = ((days - first) * HOURS + hours)[inside], (last - first + 1) * HOURS
    # An hour that comes twice counts as one of the mean of both.
    times = np.bincount(places, minlength=size)
    unseen = np.bincount(places, ~known[inside], minlength=size) > 0
    sums = np.bincount(places, np.where(known, jobs, 0.0)[inside], minlength=size)
    mean = np.where((times > 0) & ~unseen, sums / np.maximum(times, 1), np.nan)
    return Days(mean.reshape(-1, HOURS), EPOCH + timedelta(days=first), zone)


def _clock(instants: Ints, zone: ZoneInfo) -> tuple[Ints, Ints]:
    """Return the day, counted from 1970, and the hour that a zone's clock shows."""
    local = pd.to_datetime(instants, unit="s", utc=True).tz_convert(zone).tz_localize(None)
    seconds = local.to_numpy().astype("datetime64[s]").astype(np.int64)
    return seconds // (HOURS * 3600), seconds // 3600 % HOURS
